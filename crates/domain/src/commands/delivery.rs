//! Deliveries: what has arrived of a batch, and what becomes of the rest.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::language::name::Reference;
use crate::language::quantity::{Count, Quantity};

/// What has arrived of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// All that comes of it.
    Whole {
        /// The units counted on arrival; `None`: as many as expected.
        counted: Option<Count>,
    },
    /// A part of it. The rest is still expected, as a batch of its own.
    Part {
        /// The units that have arrived: fewer than were expected.
        arrived: Quantity,
        /// The rest.
        rest: Rest,
    },
}

/// The rest of a delivery of which a part has arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest {
    /// Its reference; `None`: one that follows from that of the batch.
    pub reference: Option<Reference>,
    /// When it arrives; `None`: on the day on which the batch was to arrive.
    pub eta: Option<Date>,
}

impl Rest {
    /// The references of the batches that decide what the rest of a batch is called.
    pub(crate) fn references(&self, of: &Reference) -> Vec<Reference> {
        if let Some(given) = &self.reference {
            return Vec::from([given.clone()]);
        }
        let mut references: Vec<Reference> = of.first_rest().into_iter().collect();
        if let Some((whole, next)) = of.as_rest() {
            references.push(whole);
            references.extend(next);
        }
        references
    }
}
