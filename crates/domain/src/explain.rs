//! Explanations: which batches were tried for a line, and what would have let it fit.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::line::Part;
use crate::name::{LineId, Location, Reference, Sku};
use crate::quantity::{Count, Quantity, Units};

/// What became of a batch that was tried for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriedOutcome {
    /// The line gets units of it.
    Taken,
    /// It has too few units.
    TooSmall,
    /// It has units enough, but they are kept back from new promises.
    KeptBack,
    /// It is overdue by more days than the shop puts up with.
    Overdue,
    /// It lies somewhere else than the line may be served from.
    OtherLocation,
}

impl TriedOutcome {
    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::TooSmall => "too_small",
            Self::KeptBack => "kept_back",
            Self::Overdue => "overdue",
            Self::OtherLocation => "other_location",
        }
    }
}

/// A batch that was tried for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Which batch.
    pub batch: Reference,
    /// Where it lies or will lie.
    pub location: Location,
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Units of it that the lines before left available.
    pub available: Units,
    /// What became of it.
    pub outcome: TriedOutcome,
}

/// The smallest change that would have let a line have its units, where none was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// To let it be spread over several batches.
    Split,
    /// To let it be served from this location as well.
    Location(Location),
    /// To keep back no more than so many units of the product.
    SafetyStock(Count),
    /// To ask for no more than so many units.
    Quantity(Quantity),
    /// To wait for so many units more: there are none for it.
    MoreStock(Units),
}

/// What a line of a quote would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// The line's id.
    pub line: LineId,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants.
    pub quantity: Quantity,
    /// Where its units would be; empty: it does not fit.
    pub allocations: Vec<Part>,
    /// When it could leave; `None`: it does not fit.
    pub promised_on: Option<Date>,
    /// The batches that were tried, in that order.
    pub tried: Vec<Tried>,
    /// What would have let it fit; `None`: it does.
    pub remedy: Option<Remedy>,
}
