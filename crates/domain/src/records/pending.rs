//! Work on a product that one transaction did not finish.
//!
//! A batch may have a hundred thousand lines, and as many may wait. One transaction goes through a bounded number of
//! them; what is left to do is stored with the product, so a crash in between loses nothing. Until it is done, nothing
//! else is decided on the product: no other line takes units before those that have to move, those that wait, and those
//! that better stock improves.

use core::cmp::{Ordering, Reverse};

use jiff::civil::Date;

use crate::language::name::Reference;
use crate::language::precedence::{ReleaseRank, ServicePosition};
use crate::language::quantity::{Count, Units};
use crate::language::reason::MoveReason;
use crate::language::receipt::Receipt;
use crate::promising::Improve;

/// A line's position among the lines of a batch, in the order in which they leave it. The earlier leaves first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasePosition {
    /// The smaller leaves first.
    pub rank: ReleaseRank,
    /// The version of the product whose event allocated the units there: of equal ranks the latest leaves first.
    pub allocated_version: u64,
    /// Of lines that got their units by one event, the last in the order of service leaves first.
    pub line: ServicePosition,
}

impl Ord for ReleasePosition {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |position: &'_ Self| (position.rank, Reverse(position.allocated_version));
        key(self).cmp(&key(other)).then_with(|| other.line.cmp(&self.line))
    }
}

impl PartialOrd for ReleasePosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What becomes of the arrival of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It arrives on another day.
    On(Date),
    /// It has arrived.
    Received(Receipt),
    /// It has not arrived: its receipt is undone, and it is expected on the day on which it was before.
    ReceiptUndone(Date),
}

impl Arrival {
    /// The ETA that the batch gets; `None`: it is in the warehouse.
    #[must_use]
    pub const fn eta(self) -> Option<Date> {
        match self {
            Self::On(eta) | Self::ReceiptUndone(eta) => Some(eta),
            Self::Received(_) => None,
        }
    }

    /// The receipt that the batch has from then on.
    #[must_use]
    pub const fn receipt(self) -> Option<Receipt> {
        match self {
            Self::Received(receipt) => Some(receipt),
            Self::On(_) | Self::ReceiptUndone(_) => None,
        }
    }
}

/// What is left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingStep {
    /// Lines leave the batch until it holds no more than a quantity.
    Release {
        /// The quantity.
        to: Count,
        /// What becomes of its arrival then; `None`: that stays as it is.
        arrival: Option<Arrival>,
    },
    /// The batch has another ETA. Its lines move to other stock where that is earlier, or get another promise date; the
    /// last to leave the batch first.
    Redate {
        /// The line that was the last to be gone through; `None`: none was.
        after: Option<ReleasePosition>,
    },
    /// A part of the batch has arrived. The last to leave first, its lines stay while they fit in what has arrived; the
    /// others move, or wait.
    Divide {
        /// The units that have arrived.
        to: Count,
        /// Those of them that the lines before have kept.
        kept: Units,
        /// The line that was the last to be gone through; `None`: none was.
        after: Option<ReleasePosition>,
    },
}

/// A change of a batch that is not carried out for all of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingChange {
    /// Why lines move, with the batch.
    pub reason: MoveReason,
    /// What is left to do.
    pub step: PendingStep,
}

impl PendingChange {
    /// The batch that changes.
    #[must_use]
    pub const fn batch(&self) -> &Reference {
        self.reason.batch().expect("lines that a batch moves name it")
    }
}

/// Work on a product that one transaction did not finish. The steps follow each other in this order; the last may lead
/// back to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// A change of a batch is to be carried out for the rest of its lines.
    Change(PendingChange),
    /// The backlog is to be served.
    Backlog {
        /// The line that was the last to be tried since the last gain of stock; `None`: none was.
        after: Option<ServicePosition>,
        /// Which lines move to better stock afterwards.
        improve: Improve,
    },
    /// Lines are to move to better stock.
    Improvement(PendingImprovement),
}

/// Lines are to move to better stock, in order of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingImprovement {
    /// Which lines.
    pub improve: Improve,
    /// The line that was the last to be gone through; `None`: none was.
    pub after: Option<ServicePosition>,
    /// Whether a line has moved. What it left may serve others, so all are gone through again.
    pub moved: bool,
}
