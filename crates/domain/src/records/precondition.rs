//! Preconditions: what must still hold when a change is stored, so that the decision is still right.
//!
//! Usually the whole product must be as it was read: optimistic concurrency by version. Lines that are merely placed
//! need less, and so two transactions can place lines of one product at the same time. The method is escrow, from P.
//! O'Neil, "The Escrow Transactional Method" (ACM Transactions on Database Systems, 1986): a transaction does not ask
//! for the value it read, it asks that enough units remain.
//!
//! Why that is enough: each line goes whole into the first batch that can take it. Other placings only take units away.
//! They can't make an earlier batch able to take the line, so the batches that were passed over would be passed over
//! again; and the batch that was chosen would be chosen again if it still has the units. The rules would decide the
//! same on the current state, so they need not be run again.
//!
//! Any other change breaks that argument: a batch that is created, counted up, put off, or gets units back may be the
//! better choice. Such a change needs the version it read, and so does a placing that takes the last units of a
//! product, which has to record `StockDepleted`.

use alloc::vec::Vec;

use crate::language::line_terms::Part;
use crate::language::name::Reference;
use crate::language::quantity::{Count, Units};

/// What must be true of a product when a change of it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// The product has the version that was read.
    SameVersion,
    /// Since it was read the product has changed by placings under escrow only, and these units are available. Each
    /// placing raises the version, so the versions in this change are raised by as many as the product is ahead.
    Escrow(Vec<EscrowNeed>),
}

/// Units that must be available in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowNeed {
    /// Which batch.
    pub batch: Reference,
    /// How many units must be available in it when the change is stored: the units it takes, the product's safety
    /// stock, and one more. So the change neither depletes the product nor takes from the safety stock.
    pub needed: Units,
}

impl Precondition {
    /// Escrow for these units of a product with this safety stock.
    pub(crate) fn escrow<'a>(units: impl Iterator<Item = &'a Part>, safety_stock: Count) -> Self {
        let mut needs: Vec<EscrowNeed> = Vec::new();
        for part in units {
            // A line is nearly always placed in the same batch as the line before it.
            let index = needs.iter().rposition(|need| need.batch == part.batch);
            let index = index.unwrap_or_else(|| {
                needs.push(EscrowNeed {
                    batch: part.batch.clone(),
                    needed: safety_stock.units().plus(Units::ONE),
                });
                needs.len() - 1
            });
            needs[index].needed = needs[index].needed.plus(part.quantity.units());
        }
        Self::Escrow(needs)
    }
}
