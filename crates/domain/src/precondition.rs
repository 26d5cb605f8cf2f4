//! What a decision stands on: all that was read of a product, or less.
//!
//! Two who place lines of one product at the same time need not get in each other's way. Each line goes whole into the
//! first batch that can take it. What somebody else has earmarked since only makes batches less able to take a line, so
//! the batches before the one that was chosen would be passed over still, and the one that was chosen would be chosen
//! still, if it can take the line still. So the rules would say the same on what is there now, and need not be asked.
//!
//! That holds as long as nothing but that has happened: a batch that comes, grows, is put off or gets units back may be
//! the better choice, and the end of what a product has is told by whoever brings it about.

use alloc::vec::Vec;

use crate::line::Part;
use crate::name::Reference;
use crate::quantity::{Count, Units};

/// What has to be so of a product when a change of it is stored, for the rules to say the same of what is there then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// It is as it was read.
    SameVersion,
    /// Nothing has happened to it since but changes of this same kind, and there is this much room. Its version rises with
    /// each of them, so the versions that this one brings are those that were told, moved up by as many.
    Escrow(Vec<EscrowNeed>),
}

/// Units that have to be there in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowNeed {
    /// Which batch.
    pub batch: Reference,
    /// How many have to be available in it when the change is stored: those that it takes, and one more than the product
    /// keeps back. So nothing runs out with it, and what is kept back is not touched.
    pub needed: Units,
}

impl Precondition {
    /// Room for these units in batches of a product, which keeps so many back.
    pub(crate) fn for_units<'a>(units: impl Iterator<Item = &'a Part>, kept_back: Count) -> Self {
        let mut room: Vec<EscrowNeed> = Vec::new();
        for part in units {
            // A line is nearly always placed where the one before it was.
            let place = room.iter().rposition(|known| known.batch == part.batch);
            let place = place.unwrap_or_else(|| {
                room.push(EscrowNeed {
                    batch: part.batch.clone(),
                    needed: kept_back.units().plus(Units::ONE),
                });
                room.len() - 1
            });
            room[place].needed = room[place].needed.plus(part.quantity.units());
        }
        Self::Escrow(room)
    }
}
