//! Drafts: finding room for lines before anything is changed.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::batch::Batch;
use crate::line::Part;
use crate::name::{LineKey, Sku};
use crate::outcome::Shortage;
use crate::quantity::{Quantity, Units};

/// A plan in the making: which batches lines would get, with nothing changed yet.
///
/// Lines drafted one after the other count together, so that an order sees its own lines.
#[derive(Debug)]
pub(crate) struct Draft<'p> {
    /// The batches on offer, in preference order.
    offered: &'p [Batch],
    /// Units that earlier lines of this draft would take, by the batch's place in preference order.
    taken: BTreeMap<usize, Units>,
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
    pub(crate) const fn new(offered: &'p [Batch]) -> Self {
        Self {
            offered,
            taken: BTreeMap::new(),
        }
    }

    fn available(&self, place: usize) -> Units {
        let taken = self.taken.get(&place).copied().unwrap_or(Units::ZERO);
        self.offered[place].available().saturating_sub(taken)
    }

    fn take(&mut self, place: usize, quantity: Quantity) -> Part {
        let taken = self.taken.entry(place).or_default();
        *taken = taken
            .checked_add(quantity.units())
            .expect("no more is taken than is available");
        Part {
            batch: self.offered[place].reference().clone(),
            quantity,
        }
    }

    /// Finds room for a line, in preference order: whole in the first batch that can take it, or, where it may be
    /// split, spread over as many as it needs. Wholly or not at all.
    pub(crate) fn fit(&mut self, wanted: Quantity, split: bool) -> Result<Vec<Part>, Short> {
        let places = 0..self.offered.len();
        if !split {
            if let Some(place) = places.clone().find(|place| self.available(*place) >= wanted.units()) {
                return Ok(Vec::from([self.take(place, wanted)]));
            }
        } else if places.clone().map(|place| self.available(place)).sum::<Units>() >= wanted.units() {
            let mut parts = Vec::new();
            let mut left = Some(wanted);
            for place in places {
                let Some(missing) = left else { break };
                if let Some(given) = self.available(place).give(missing) {
                    parts.push(self.take(place, given));
                    left = Quantity::new(missing.get() - given.get()).ok();
                }
            }
            return Ok(parts);
        }
        Err(Short {
            available: places.clone().map(|place| self.available(place)).sum(),
            largest_batch: places.map(|place| self.available(place)).max().unwrap_or_default(),
        })
    }
}
