//! Explanations: which batches were tried for a line, and which change would have let it fit.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::language::line_terms::Part;
use crate::language::name::{LineId, Location, Reference, Sku};
use crate::language::quantity::{Count, Quantity, Units};

/// The result of trying a batch for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriedOutcome {
    /// The line gets units of it.
    Taken,
    /// It has too few units.
    TooSmall,
    /// It has enough units, but they are kept back as safety stock.
    KeptBack,
    /// It is overdue by more days than the shop's grace period.
    Overdue,
    /// The line may not be served from its location.
    OtherLocation,
}

impl TriedOutcome {
    /// The word used in JSON.
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
    /// Its location, or the location it will arrive at.
    pub location: Location,
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Units available in it, after the lines before this one.
    pub available: Units,
    /// The result.
    pub outcome: TriedOutcome,
}

/// The smallest change that would have let a line fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Let the line be spread over several batches.
    Split,
    /// Let the line be served from this location as well.
    Location(Location),
    /// Reduce the product's safety stock to this.
    SafetyStock(Count),
    /// Reduce the line's quantity to this.
    Quantity(Quantity),
    /// Wait for this many units more: no other change helps.
    MoreStock(Units),
}

impl Remedy {
    /// The remedy for a line that has units already, if this one is for those that it wants beside them.
    pub(crate) fn beside(self, own: Units) -> Self {
        match self {
            Self::Quantity(more) => quantity(own.plus(more.units())).map_or(self, Self::Quantity),
            other => other,
        }
    }
}

fn quantity(units: Units) -> Option<Quantity> {
    Quantity::new(i128::from(units.get())).ok()
}

/// What an order would give one line of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// The line's id.
    pub line: LineId,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants.
    pub quantity: Quantity,
    /// The units it would get; empty: it does not fit.
    pub allocations: Vec<Part>,
    /// When it could leave; `None`: it does not fit.
    pub promised_on: Option<Date>,
    /// The batches that were tried, in order.
    pub tried: Vec<Tried>,
    /// What would let it fit; `None`: it fits.
    pub remedy: Option<Remedy>,
}
