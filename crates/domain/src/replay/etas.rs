//! The ETAs that inbound batches had, for the promises that were made on them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use jiff::civil::Date;

use crate::language::name::Reference;

/// The ETA of each batch at each event. Batches that were always in the warehouse take no room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EtaHistory {
    until: u64,
    /// By batch: from which event on it had which ETA, ascending; `None`: it is in the warehouse.
    batches: BTreeMap<Reference, Vec<(u64, Option<Date>)>>,
}

impl EtaHistory {
    /// A history that is known up to an event once all events of all products up to that one are applied.
    #[must_use]
    pub const fn until(sequence: u64) -> Self {
        Self {
            until: sequence,
            batches: BTreeMap::new(),
        }
    }

    /// Whether the ETAs at an event are known.
    pub(super) const fn knows(&self, sequence: u64) -> bool {
        sequence <= self.until
    }

    /// Records that a batch has this ETA from an event on.
    pub(super) fn record(&mut self, batch: &Reference, sequence: u64, eta: Option<Date>) {
        match self.batches.get_mut(batch) {
            Some(etas) => etas.push((sequence, eta)),
            None if eta.is_some() => {
                self.batches.insert(batch.clone(), Vec::from([(sequence, eta)]));
            }
            None => {}
        }
    }

    /// The ETA that a batch had at an event; `None`: it was in the warehouse.
    pub(super) fn at(&self, batch: &Reference, sequence: u64) -> Option<Date> {
        let etas = self.batches.get(batch)?;
        let before = etas.partition_point(|(since, _)| *since <= sequence);
        etas.get(before.checked_sub(1)?)?.1
    }
}
