//! Quotes: what placing an order would come to, and why.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::UnitOfWork;
use crate::batch::promise_date;
use crate::command::Quote;
use crate::context::DecisionContext;
use crate::draft::{Draft, Seek};
use crate::explain::QuotedLine;
use crate::outcome::Outcome;
use crate::refusal::Refusal;

impl UnitOfWork {
    pub(super) fn quote(&mut self, quote: &Quote, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let skus: Vec<_> = quote.lines.iter().map(|line| &line.sku).collect();
        let products = self.places_of(&skus).map_err(Refusal::UnknownSku)?;
        for (line, product) in quote.lines.iter().zip(&products) {
            self.products[*product].look_for(&line.locations);
        }
        let (moment, today) = (context.moment(), context.today());
        let mut drafts: BTreeMap<usize, Draft<'_>> = BTreeMap::new();
        let mut short_of: BTreeSet<usize> = BTreeSet::new();
        let mut lines = Vec::with_capacity(quote.lines.len());
        for (line, product) in quote.lines.iter().zip(&products) {
            let draft = drafts
                .entry(*product)
                .or_insert_with(|| self.products[*product].draft(moment));
            let seek = Seek {
                wanted: line.quantity,
                split: quote.split,
                locations: &line.locations,
            };
            let tried = draft.tried(seek);
            let (allocations, remedy) = match draft.fit(seek) {
                Ok(allocations) => (allocations, None),
                Err(short) => {
                    short_of.insert(*product);
                    (Vec::new(), Some(draft.remedy(seek, short)))
                }
            };
            let batches = self.products[*product].batches();
            let etas = allocations.iter().map(|part| batches[part.place].eta());
            lines.push(QuotedLine {
                line: line.line.clone(),
                sku: line.sku.clone(),
                quantity: line.quantity,
                promised_on: promise_date(etas, today),
                allocations: allocations.into_iter().map(|found| found.part).collect(),
                tried,
                remedy,
            });
        }
        drop(drafts);
        for product in short_of {
            self.products[product].look_beyond();
        }
        Ok(Outcome::Quoted { lines })
    }
}
