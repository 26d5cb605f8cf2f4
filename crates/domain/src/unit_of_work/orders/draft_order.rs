//! Drafting an order: its header, the terms of its lines, the units found for each, and what happens to the others.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::answers::refusal::{Refusal, Shortage};
use crate::commands::place_order::{OrderLine, PlaceOrder};
use crate::context::{DecisionContext, DecisionTime};
use crate::language::line_terms::LineTerms;
use crate::language::name::Sku;
use crate::language::order_terms::{OnOrderShortage, OnShortage};
use crate::language::reason::ShortageOutcome;
use crate::records::order::OrderRecord;
use crate::stock::draft::{Draft, Search};
use crate::stock::index::ProductIndex;
use crate::stock::line::Allocation;
use crate::unit_of_work::UnitOfWork;

/// The units found for a line, or what it lacks.
pub(in crate::unit_of_work) type Fit = Result<Vec<Allocation>, Shortage>;

/// The header of an order that is placed now.
pub(in crate::unit_of_work) fn header_of(place: &PlaceOrder, context: &DecisionContext) -> OrderRecord {
    let hold = place.terms().hold_for;
    OrderRecord {
        id: place.order().clone(),
        placed_at: context.now,
        precedence: place.terms().precedence,
        asked: Some(place.asked()),
        // A deadline beyond the range of instants is never reached.
        hold_until: hold.map(|hold| {
            context
                .now
                .saturating_add(hold.duration())
                .unwrap_or(jiff::Timestamp::MAX)
        }),
        expiry_step: None,
    }
}

/// The terms of the lines of an order with this header, in the order given.
pub(in crate::unit_of_work) fn terms_of<'p>(
    place: &'p PlaceOrder,
    header: &OrderRecord,
) -> impl Iterator<Item = LineTerms> + use<'p> {
    let (placed_at, precedence, hold_until) = (header.placed_at, header.precedence, header.hold_until);
    let split = place.terms().split;
    place.lines().iter().map(move |line: &OrderLine| {
        let (key, locations) = (place.key(line), line.locations.clone());
        LineTerms::alone(key, line.quantity, locations, OnShortage::Reject, split, placed_at)
            .with_order(precedence, hold_until)
    })
}

/// What happens to the lines that do not fit; the shortages, if the order is refused.
pub(in crate::unit_of_work) fn shortage_outcome(
    on_shortage: OnOrderShortage,
    drafted: &[Fit],
) -> Result<ShortageOutcome, Vec<Shortage>> {
    let shortages = drafted.iter().filter_map(|fit| fit.as_ref().err());
    let short = shortages.clone().count();
    match on_shortage {
        _ if short == 0 => Ok(ShortageOutcome::Nothing),
        OnOrderShortage::Backorder => Ok(ShortageOutcome::Backordered),
        OnOrderShortage::Partial if short < drafted.len() => Ok(ShortageOutcome::Refused),
        OnOrderShortage::Partial | OnOrderShortage::Reject => Err(shortages.cloned().collect()),
    }
}

impl UnitOfWork {
    /// The product of each line of an order, whose locations are known.
    pub(in crate::unit_of_work) fn products_of_order(&self, place: &PlaceOrder) -> Result<Vec<ProductIndex>, Refusal> {
        let skus: Vec<&Sku> = place.lines().iter().map(|line| &line.sku).collect();
        let products = self.products_of(&skus)?;
        self.check_locations(place.lines().iter().map(|line| &line.locations))?;
        Ok(products)
    }

    /// Finds units for each line. Lines of one SKU count together.
    pub(in crate::unit_of_work) fn draft_lines(
        &mut self,
        terms: &[LineTerms],
        products: &[ProductIndex],
        time: DecisionTime,
    ) -> Vec<Fit> {
        for (terms, product) in terms.iter().zip(products) {
            self.products[*product].require_all_batches_for(&terms.locations);
        }
        let mut drafts: BTreeMap<ProductIndex, Draft<'_>> = BTreeMap::new();
        let lines = terms.iter().zip(products);
        lines
            .map(|(terms, product)| {
                let draft = drafts
                    .entry(*product)
                    .or_insert_with(|| self.products[*product].draft(time));
                let search = Search::of(terms);
                draft.fit(search).map_err(|short| {
                    let remedy = draft.remedy(search, short);
                    let sku = self.products[*product].sku().clone();
                    short.of(terms.key.clone(), sku, terms.quantity, remedy)
                })
            })
            .collect()
    }
}
