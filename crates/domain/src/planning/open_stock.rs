//! A product's open stock, to ask what could be done with it: what would help a line that waits, and whom a late batch
//! really hits.

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use super::risk::{days_between, earliest};
use crate::answers::explain::Remedy;
use crate::context::DecisionTime;
use crate::language::line_terms::Part;
use crate::language::name::Reference;
use crate::language::quantity::Quantity;
use crate::promising::{Promising, promise_date};
use crate::records::batch::{BatchRecord, Preference};
use crate::records::order::LineRecord;
use crate::records::product::ProductRecord;
use crate::stock::draft::Search;
use crate::stock::product::Product;

/// A product with its batches that have something available, as far as a store has read them, in preference order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStock {
    /// The product.
    pub product: ProductRecord,
    /// Its batches with something available.
    pub batches: Vec<BatchRecord>,
    /// The last batch that was read, if there are more. `None`: all were read.
    pub until: Option<Preference>,
}

/// A line with units in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineInBatch {
    /// The line.
    pub record: LineRecord,
    /// Its units, those in other batches among them, each with the ETA of its batch.
    pub parts: Vec<(Part, Option<Date>)>,
}

impl LineInBatch {
    /// The day that its customer counts on: the one it is required by, or else the first one that was promised.
    #[must_use]
    pub fn counted_on(&self) -> Option<Date> {
        let promise = self.record.promise;
        let required_by = self.record.terms.precedence.required_by();
        required_by.or(promise.first_on).or(promise.on)
    }

    /// Its units in a batch; `None`: it has none.
    #[must_use]
    pub fn units_in(&self, batch: &Reference) -> Option<Quantity> {
        let part = self.parts.iter().find(|(part, _)| part.batch == *batch);
        part.map(|(part, _)| part.quantity)
    }
}

/// What becomes of a line with units in a batch that is late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// It leaves in time all the same, by so many days.
    Slack(u32),
    /// Other stock is free for it that leaves in time, which is not wanted by a line that is served before it.
    Movable(Vec<Part>),
    /// It leaves too late, by so many days.
    Hurt(u32),
}

impl OpenStock {
    /// The product with these batches but one.
    fn without(&self, reference: Option<&Reference>) -> Product {
        let mut product = Product::stored(self.product.clone());
        let others = self.batches.iter().filter(|batch| Some(&batch.reference) != reference);
        others.for_each(|batch| product.add_stored_batch(batch.clone()));
        if let Some(until) = self.until {
            product.set_batch_page_end(until);
        }
        product.sort_batches();
        product
    }

    /// The smallest change that would let each of these lines fit that wait, alone; `None`: it fits.
    #[must_use]
    pub fn remedies<'l>(
        &self,
        lines: impl IntoIterator<Item = &'l LineRecord>,
        promising: Promising,
        (now, today): (Timestamp, Date),
    ) -> Vec<Option<Remedy>> {
        let product = self.without(None);
        let time = DecisionTime::of(now, today, promising);
        let remedy = |line: &LineRecord| {
            let search = Search::of(&line.terms);
            let mut draft = product.draft(time);
            let short = draft.fit(search).err()?;
            Some(draft.remedy(search, short))
        };
        lines.into_iter().map(remedy).collect()
    }

    /// What becomes of these lines, which have units in a batch that is late, as things stand. Each answers for its line,
    /// but other stock is counted once: lines are gone through in order of service, as when the batch is put off.
    #[must_use]
    pub fn whom_it_hits(
        &self,
        late: &Reference,
        lines: &[LineInBatch],
        promising: Promising,
        (now, today): (Timestamp, Date),
    ) -> Vec<Hit> {
        let product = self.without(Some(late));
        let mut draft = product.draft_of_moves(DecisionTime::of(now, today, promising));
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_cached_key(|line| lines[*line].record.service_position());
        let mut hits: Vec<Hit> = lines.iter().map(|_| Hit::Slack(0)).collect();
        for index in order {
            let line = &lines[index];
            let (Some(leaves), Some(by)) = (earliest(&line.parts, today), line.counted_on()) else {
                continue;
            };
            if leaves <= by {
                hits[index] = Hit::Slack(days_between(leaves, by));
                continue;
            }
            hits[index] = Hit::Hurt(days_between(by, leaves));
            let others = line.parts.iter().filter(|(part, _)| part.batch != *late);
            let others_leave = promise_date(others.map(|(_, eta)| *eta), today);
            let Some(wanted) = line.units_in(late).filter(|_| others_leave <= Some(by)) else {
                continue;
            };
            let search = Search {
                wanted,
                ..Search::of(&line.record.terms)
            };
            if let Ok(found) = draft.fit_by(by, search) {
                hits[index] = Hit::Movable(found.into_iter().map(|allocation| allocation.part).collect());
            }
        }
        hits
    }
}
