//! Quotes: what placing an order would give, and why.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::answers::explain::QuotedLine;
use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::commands::command::Quote;
use crate::context::DecisionContext;
use crate::promising::promise_date;
use crate::stock::draft::{Draft, Search};
use crate::stock::index::ProductIndex;
use crate::unit_of_work::UnitOfWork;

impl UnitOfWork {
    pub(in crate::unit_of_work) fn quote(
        &mut self,
        quote: &Quote,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let skus: Vec<_> = quote.lines.iter().map(|line| &line.sku).collect();
        let products = self.products_of(&skus)?;
        self.check_locations(quote.lines.iter().map(|line| &line.locations))?;
        for (line, product) in quote.lines.iter().zip(&products) {
            self.products[*product].require_all_batches_for(&line.locations);
        }
        let time = context.time();
        let mut drafts: BTreeMap<ProductIndex, Draft<'_>> = BTreeMap::new();
        let mut short_products: BTreeSet<ProductIndex> = BTreeSet::new();
        let mut lines = Vec::with_capacity(quote.lines.len());
        for (line, product) in quote.lines.iter().zip(&products) {
            let loaded = &self.products[*product];
            let draft = drafts.entry(*product).or_insert_with(|| loaded.draft(time));
            let search = Search {
                wanted: line.quantity,
                split: quote.split,
                locations: &line.locations,
            };
            let tried = draft.tried(search);
            let (allocations, remedy) = match draft.fit(search) {
                Ok(allocations) => (allocations, None),
                Err(short) => {
                    short_products.insert(*product);
                    (Vec::new(), Some(draft.remedy(search, short)))
                }
            };
            let etas = allocations
                .iter()
                .map(|allocation| loaded.batch(allocation.batch).eta());
            lines.push(QuotedLine {
                line: line.line.clone(),
                sku: line.sku.clone(),
                quantity: line.quantity,
                promised_on: promise_date(etas, time.today),
                allocations: allocations.into_iter().map(|allocation| allocation.part).collect(),
                tried,
                remedy,
            });
        }
        drop(drafts);
        for product in short_products {
            self.products[product].require_all_batches();
        }
        Ok(Outcome::Quoted { lines })
    }
}
