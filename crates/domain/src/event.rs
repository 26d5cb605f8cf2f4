//! Events: the facts that commands leave behind.
//!
//! They are stored with the change that caused them, never altered, never removed, and enough to rebuild every balance
//! from the first one on.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::line::{Part, Turn};
use crate::name::{LineId, LineKey, Location, OrderId, ProductName, Reference, Sku};
use crate::quantity::{Count, Quantity, Units};

/// When a command is decided, and for whom. Handed in: the domain has no clock of its own.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// The instant of the decision. No two commands of one engine share one.
    pub now: Timestamp,
    /// Who asks.
    pub actor: Arc<str>,
    /// The id of the request or message that asks.
    pub correlation_id: Arc<str>,
}

impl Occasion {
    /// The day of the decision, in UTC.
    #[must_use]
    pub fn today(&self) -> Date {
        jiff::tz::Offset::UTC.to_datetime(self.now).date()
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A product, at the version the event raised it to: versions of a SKU's events are 1, 2, 3, … without a gap.
    Product {
        /// Which product.
        sku: Sku,
        /// The product's version from this event on.
        version: u64,
    },
    /// An order as a whole, which may span products.
    Order(OrderId),
}

/// One event, before it has its place in the global sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub subject: Subject,
    /// When it was decided.
    pub occurred_at: Timestamp,
    /// Who caused it.
    pub actor: Arc<str>,
    /// The request or message that caused it.
    pub correlation_id: Arc<str>,
    /// What happened.
    pub fact: Fact,
}

/// An event with its place in the order of all events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedEvent {
    /// Rises in the order of commits; may have gaps.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}

/// The terms a line was placed on, told with each event that may be the first to name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTerms {
    /// Which line.
    pub key: LineKey,
    /// The units it wants.
    pub quantity: Quantity,
    /// Whether it may be spread over several batches.
    pub split: bool,
    /// When it was first placed.
    pub placed_at: Timestamp,
    /// Whether it came with its order or was added to it.
    pub placed_with_order: bool,
}

impl LineTerms {
    /// The line's place in the order of service.
    #[must_use]
    pub fn turn(&self) -> Turn {
        Turn {
            placed_at: self.placed_at,
            key: self.key.clone(),
        }
    }
}

/// What becomes of a line that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing of it: the whole command was refused.
    Nothing,
    /// The line, as refused, beside lines of its order that did fit.
    Refused,
    /// The line, in the backlog.
    Backordered,
}

impl Kept {
    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Refused => "refused",
            Self::Backordered => "backordered",
        }
    }
}

/// Why a line had to move or wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveReason {
    /// Its batch was counted and holds less.
    BatchQuantityChanged(Reference),
}

/// Why a line no longer holds stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeallocationReason {
    /// The line or its order was cancelled.
    Cancelled,
}

/// What happened. The names are those of the ubiquitous language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A product got a name, or another one.
    ProductNamed {
        /// The name from now on.
        name: ProductName,
    },
    /// A batch was bought.
    BatchCreated {
        /// Which batch.
        reference: Reference,
        /// Where it lies or will lie.
        location: Location,
        /// Its place among the product's batches.
        ordinal: u32,
        /// Units bought.
        quantity: Quantity,
        /// When it arrives; `None`: it is in the warehouse.
        eta: Option<Date>,
    },
    /// A batch was counted.
    BatchQuantityChanged {
        /// Which batch.
        reference: Reference,
        /// Its quantity before.
        from: Count,
        /// Its quantity from now on.
        to: Count,
    },
    /// A line got its stock.
    Allocated {
        /// The line.
        line: LineTerms,
        /// Where its units are.
        allocations: Vec<Part>,
        /// Whether it had waited in the backlog.
        from_backlog: bool,
    },
    /// A line no longer holds stock, or waits for any.
    Deallocated {
        /// The line.
        key: LineKey,
        /// Where its units were; empty for a line that waited.
        from: Vec<Part>,
        /// Why.
        why: DeallocationReason,
    },
    /// A line's units are in other batches now.
    Reallocated {
        /// The line.
        key: LineKey,
        /// Where its units were.
        from: Vec<Part>,
        /// Where they are now.
        to: Vec<Part>,
        /// Why it moved.
        why: MoveReason,
        /// The date it was promised for before.
        promised_from: Date,
        /// The date it is promised for now.
        promised_to: Date,
    },
    /// A line did not fit.
    OutOfStock {
        /// The line.
        line: LineTerms,
        /// Units of the product that were available to it.
        available: Units,
        /// What becomes of the line.
        kept: Kept,
    },
    /// A line waits for stock.
    Backordered {
        /// The line.
        line: LineTerms,
        /// Where its units were; empty for a new line.
        from: Vec<Part>,
        /// Why it had to leave them; `None` for a new line.
        why: Option<MoveReason>,
    },
    /// An order was placed whole.
    OrderPlaced {
        /// Its lines, in the order given.
        lines: Vec<LineId>,
    },
    /// Nothing of an order stands any more.
    OrderCancelled,
}

impl Fact {
    /// The event's type, as it is known outside.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ProductNamed { .. } => "ProductNamed",
            Self::BatchCreated { .. } => "BatchCreated",
            Self::BatchQuantityChanged { .. } => "BatchQuantityChanged",
            Self::Allocated { .. } => "Allocated",
            Self::Deallocated { .. } => "Deallocated",
            Self::Reallocated { .. } => "Reallocated",
            Self::OutOfStock { .. } => "OutOfStock",
            Self::Backordered { .. } => "Backordered",
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::OrderCancelled => "OrderCancelled",
        }
    }

    /// The line the event is about, if it is about one.
    #[must_use]
    pub const fn line(&self) -> Option<&LineKey> {
        match self {
            Self::Allocated { line, .. } | Self::OutOfStock { line, .. } | Self::Backordered { line, .. } => {
                Some(&line.key)
            }
            Self::Deallocated { key, .. } | Self::Reallocated { key, .. } => Some(key),
            Self::ProductNamed { .. }
            | Self::BatchCreated { .. }
            | Self::BatchQuantityChanged { .. }
            | Self::OrderPlaced { .. }
            | Self::OrderCancelled => None,
        }
    }
}

/// The names of all event types, for those who filter by them.
pub const EVENT_TYPES: [&str; 10] = [
    "ProductNamed",
    "BatchCreated",
    "BatchQuantityChanged",
    "Allocated",
    "Deallocated",
    "Reallocated",
    "OutOfStock",
    "Backordered",
    "OrderPlaced",
    "OrderCancelled",
];

impl Event {
    /// The order the event concerns, if it concerns one.
    #[must_use]
    pub const fn order(&self) -> Option<&OrderId> {
        match (&self.subject, self.fact.line()) {
            (Subject::Order(id), _) => Some(id),
            (_, Some(key)) => Some(&key.order),
            _ => None,
        }
    }

    /// The product the event concerns, with its version; `None` for an event of a whole order.
    #[must_use]
    pub const fn product(&self) -> Option<(&Sku, u64)> {
        match &self.subject {
            Subject::Product { sku, version } => Some((sku, *version)),
            Subject::Order(_) => None,
        }
    }
}

impl fmt::Display for MoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchQuantityChanged(reference) => write!(f, "the quantity of batch {reference} changed"),
        }
    }
}
