//! Drafts: finding room for lines before anything is changed.

use alloc::vec::Vec;

use jiff::Timestamp;

use crate::batch::Batch;
use crate::line::{Allocation, Part};
use crate::name::{LineKey, Sku};
use crate::outcome::Shortage;
use crate::quantity::{Quantity, Units};

/// A plan in the making: which batches lines would get, with nothing changed yet.
///
/// Lines drafted one after the other count together, so that an order sees its own lines.
#[derive(Debug)]
pub(crate) struct Draft<'p> {
    /// The product's batches.
    batches: &'p [Batch],
    /// The places of those on offer, in preference order.
    offered: &'p [usize],
    /// Units that earlier lines of this draft would take, in the order of the offer; nothing behind its end.
    taken: Vec<Units>,
    /// The instant from which the lines are to have their units.
    now: Timestamp,
}

/// What a line that does not fit could have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Short {
    available: Units,
    largest_batch: Units,
}

impl Short {
    /// Counts a batch that it was offered.
    fn add(&mut self, available: Units) {
        self.available = self
            .available
            .checked_add(available)
            .expect("a product's units are a sum");
        self.largest_batch = self.largest_batch.max(available);
    }

    /// The same, told of a line.
    pub(crate) fn of(self, key: LineKey, sku: Sku, requested: Quantity) -> Shortage {
        Shortage {
            key,
            sku,
            requested,
            available: self.available,
            largest_batch: self.largest_batch,
        }
    }
}

impl<'p> Draft<'p> {
    /// A draft on batches that are on offer, in preference order.
    pub(crate) const fn new(batches: &'p [Batch], offered: &'p [usize], now: Timestamp) -> Self {
        Self {
            batches,
            offered,
            taken: Vec::new(),
            now,
        }
    }

    /// What can still be had of the batch at a place of the offer.
    fn available(&self, place: usize) -> Units {
        let available = self.batches[self.offered[place]].available();
        match self.taken.get(place) {
            Some(taken) => available.saturating_sub(*taken),
            None => available,
        }
    }

    fn take(&mut self, place: usize, quantity: Quantity) -> Allocation {
        if self.taken.len() <= place {
            self.taken.resize(place + 1, Units::ZERO);
        }
        let taken = &mut self.taken[place];
        *taken = taken
            .checked_add(quantity.units())
            .expect("no more is taken than is available");
        let batch = self.offered[place];
        Allocation {
            part: Part {
                batch: self.batches[batch].reference().clone(),
                quantity,
            },
            place: batch,
            allocated_at: self.now,
        }
    }

    /// Finds room for a line, in preference order: whole in the first batch that can take it, or, where it may be
    /// split, spread over as many as it needs. Wholly or not at all.
    pub(crate) fn fit(&mut self, wanted: Quantity, split: bool) -> Result<Vec<Allocation>, Short> {
        let mut found = Short::default();
        for place in 0..self.offered.len() {
            let available = self.available(place);
            if !split && available >= wanted.units() {
                return Ok(Vec::from([self.take(place, wanted)]));
            }
            found.add(available);
            if split && found.available >= wanted.units() {
                return Ok(self.spread(wanted));
            }
        }
        Err(found)
    }

    /// Spreads a line over the first batches, which together have room for it.
    fn spread(&mut self, wanted: Quantity) -> Vec<Allocation> {
        let mut parts = Vec::new();
        let mut left = Some(wanted);
        for place in 0..self.offered.len() {
            let Some(missing) = left else { break };
            if let Some(given) = self.available(place).give(missing) {
                parts.push(self.take(place, given));
                left = Quantity::new(missing.get() - given.get()).ok();
            }
        }
        parts
    }
}
