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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    available: Units,
    largest_batch: Units,
}

impl Short {
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

    /// What can still be had of each batch on offer.
    fn available(&self) -> impl Iterator<Item = Units> {
        let taken = self.taken.iter().copied().chain(core::iter::repeat(Units::ZERO));
        self.offered
            .iter()
            .zip(taken)
            .map(|(batch, taken)| self.batches[*batch].available().saturating_sub(taken))
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
        if !split {
            let first = self.available().position(|available| available >= wanted.units());
            if let Some(place) = first {
                return Ok(Vec::from([self.take(place, wanted)]));
            }
        } else if let Some(spread) = self.spread(wanted) {
            return Ok(spread
                .into_iter()
                .map(|(place, quantity)| self.take(place, quantity))
                .collect());
        }
        Err(Short {
            available: self.available().sum(),
            largest_batch: self.available().max().unwrap_or_default(),
        })
    }

    /// What each batch would give to a line that may be split; `None` when all of them together hold too little.
    fn spread(&self, wanted: Quantity) -> Option<Vec<(usize, Quantity)>> {
        let mut parts = Vec::new();
        let mut missing = wanted;
        for (place, available) in self.available().enumerate() {
            let Some(given) = available.give(missing) else { continue };
            parts.push((place, given));
            match Quantity::new(missing.get() - given.get()) {
                Ok(left) => missing = left,
                Err(_) => return Some(parts),
            }
        }
        None
    }
}
