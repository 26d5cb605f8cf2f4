//! A batch as stored, its status, and its position in preference order.

use jiff::civil::Date;

use crate::language::name::{Location, Reference, Sku};
use crate::language::quantity::{Count, Quantity, Units};
use crate::language::receipt::Receipt;

/// Whether a batch has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStatus {
    /// It is in the warehouse and can leave today.
    InWarehouse,
    /// It is on its way.
    Inbound,
    /// It should have arrived: its ETA has passed, and that was told.
    Overdue,
    /// It was cancelled.
    Closed,
}

impl BatchStatus {
    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InWarehouse => "in_warehouse",
            Self::Inbound => "inbound",
            Self::Overdue => "overdue",
            Self::Closed => "closed",
        }
    }
}

/// A batch's position among its product's batches: the earlier is tried first. Stock in the warehouse comes before any
/// ETA, then the earliest ETA, then the batch created first.
///
/// The fields are compared in the order of their declaration; `None` sorts before every date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Preference {
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Its number among the product's batches, in order of creation.
    pub ordinal: u32,
}

/// A batch as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// Which batch.
    pub reference: Reference,
    /// Of which product.
    pub sku: Sku,
    /// Its location, or the location it will arrive at.
    pub location: Location,
    /// 1 for the product's first batch, 2 for the second, …: breaks ties of preference.
    pub ordinal: u32,
    /// The quantity it was created with: "the same content again" is compared to this.
    pub created_quantity: Quantity,
    /// The ETA it was created with, for the same comparison.
    pub created_eta: Option<Date>,
    /// The current quantity, bought or counted.
    pub quantity: Count,
    /// Units allocated and still in the batch: the sum of its allocations.
    pub allocated: Units,
    /// Units that have left the building.
    pub dispatched: Units,
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Whether it was told that it is overdue, since it got its ETA.
    pub overdue: bool,
    /// How it arrived; `None`: it is on its way, or was in the warehouse when it was created.
    pub receipt: Option<Receipt>,
    /// Whether it was cancelled: its quantity is then what has been dispatched from it.
    pub closed: bool,
}

impl BatchRecord {
    /// The `ordinal`th batch of a product when it is created: nothing of it is allocated, and its location is the
    /// default.
    #[must_use]
    pub fn new(reference: Reference, sku: Sku, ordinal: u32, quantity: Quantity, eta: Option<Date>) -> Self {
        Self {
            reference,
            sku,
            location: Location::default(),
            ordinal,
            created_quantity: quantity,
            created_eta: eta,
            quantity: quantity.into(),
            allocated: Units::ZERO,
            dispatched: Units::ZERO,
            eta,
            overdue: false,
            receipt: None,
            closed: false,
        }
    }

    /// The units that were in the warehouse when it arrived there; `None`: it is on its way.
    #[must_use]
    pub fn received(&self) -> Option<Count> {
        match self.eta {
            Some(_) => None,
            None => Some(
                self.receipt
                    .map_or(self.created_quantity.into(), |receipt| receipt.counted),
            ),
        }
    }

    /// The batch's position in the order in which batches are tried.
    #[must_use]
    pub const fn preference(&self) -> Preference {
        Preference {
            eta: self.eta,
            ordinal: self.ordinal,
        }
    }

    /// The batch's status. It changes with an event, and not by itself when a day has passed.
    #[must_use]
    pub const fn status(&self) -> BatchStatus {
        match self.eta {
            _ if self.closed => BatchStatus::Closed,
            None => BatchStatus::InWarehouse,
            Some(_) if self.overdue => BatchStatus::Overdue,
            Some(_) => BatchStatus::Inbound,
        }
    }

    /// Units that can be promised; zero if the record says that more is committed than the batch has.
    #[must_use]
    pub fn available(&self) -> Units {
        let left = self.quantity.units().saturating_sub(self.allocated);
        left.saturating_sub(self.dispatched)
    }
}
