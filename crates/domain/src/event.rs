//! Events: the facts that commands leave behind.
//!
//! They are stored with the change that caused them, never altered, never removed, and enough to rebuild every balance
//! from the first one on.

use alloc::sync::Arc;
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::line::{Part, ServicePosition};
use crate::name::{LineId, LineKey, Location, OrderId, ProductName, Reference, Sku};
use crate::place_order::Locations;
use crate::precedence::Precedence;
use crate::quantity::{Count, Quantity, Units};
use crate::reason::{DeallocationReason, MoveReason, ShortageOutcome};

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
    /// Its place in the order of service before the time of placing.
    pub precedence: Precedence,
    /// Where its units may come from.
    pub locations: Locations,
    /// The deadline of its order, if that is held: from then on it counts no more. `None`: it is firm.
    pub hold_until: Option<Timestamp>,
}

impl LineTerms {
    /// The line's place in the order of service.
    #[must_use]
    pub fn service_position(&self) -> ServicePosition {
        ServicePosition {
            precedence: self.precedence,
            placed_at: self.placed_at,
            key: self.key.clone(),
        }
    }
}

/// What happened. The names are those of the ubiquitous language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A product got a name, or another one.
    ProductNamed {
        /// The name from now on.
        name: ProductName,
    },
    /// Another number of units is kept back from new promises.
    SafetyStockChanged {
        /// Units kept back before.
        from: Count,
        /// Units kept back from now on.
        to: Count,
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
    /// A batch arrives on another day than was expected.
    BatchEtaChanged {
        /// Which batch.
        reference: Reference,
        /// When it was to arrive; `None`: it was taken to be in the warehouse.
        from: Option<Date>,
        /// When it arrives.
        to: Date,
    },
    /// A batch has arrived: it is in the warehouse.
    BatchReceived {
        /// Which batch.
        reference: Reference,
        /// When it was to arrive.
        eta: Option<Date>,
    },
    /// A batch is closed: what has not been dispatched from it is no stock any more.
    BatchCancelled {
        /// Which batch.
        reference: Reference,
        /// Its quantity before.
        from: Count,
        /// Its quantity from now on: what has been dispatched.
        to: Count,
    },
    /// A product has nothing left that could be promised.
    StockDepleted,
    /// A product that had nothing left has something to promise again.
    StockReplenished,
    /// A line got its stock, or more of it.
    Allocated {
        /// The line, with all the units it wants.
        line: LineTerms,
        /// Where the units are that it got: all of its units, or those it wanted more.
        allocations: Vec<Part>,
        /// Whether it had waited in the backlog.
        from_backlog: bool,
    },
    /// A line no longer holds stock, or waits for any.
    Deallocated {
        /// The line.
        key: LineKey,
        /// Where the units were that it no longer holds; empty for a line that waited.
        from: Vec<Part>,
        /// Why.
        why: DeallocationReason,
        /// How many units it still wants; `None`: it has ended.
        left: Option<Quantity>,
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
        kept: ShortageOutcome,
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
    /// A line that stays where it is is promised for another date.
    PromiseChanged {
        /// The line.
        key: LineKey,
        /// The date it was promised for before.
        from: Date,
        /// The date it is promised for now.
        to: Date,
        /// Why.
        why: MoveReason,
    },
    /// A line is promised for a later date than the one it is required by, and was not so before.
    PromiseBroken {
        /// The line.
        key: LineKey,
        /// The day it is required by.
        required_by: Date,
        /// The date it was promised for before.
        from: Date,
        /// The date it is promised for now.
        to: Date,
        /// Why.
        why: MoveReason,
    },
    /// A line of a held order is firm, with all the units it wants by now.
    Confirmed {
        /// The line.
        key: LineKey,
    },
    /// The units of a line have left the building.
    Dispatched {
        /// The line.
        key: LineKey,
        /// The batches they left.
        from: Vec<Part>,
    },
    /// The units of a line have not left the building after all, and are allocated again.
    DispatchUndone {
        /// The line.
        key: LineKey,
        /// The batches they are in.
        to: Vec<Part>,
    },
    /// An order was placed whole.
    OrderPlaced {
        /// Its lines, in the order given.
        lines: Vec<LineId>,
        /// Its lines' place in the order of service.
        precedence: Precedence,
    },
    /// An order was placed anew while it was held.
    OrderReplaced {
        /// Its lines from now on, in the order given; those it had besides have ended.
        lines: Vec<LineId>,
        /// Its lines' place in the order of service.
        precedence: Precedence,
    },
    /// An order is held until a deadline.
    HoldPlaced {
        /// From then on it counts no more, unless it is confirmed before.
        until: Timestamp,
    },
    /// A held order is firm.
    HoldConfirmed,
    /// Nobody confirmed a held order in time.
    HoldExpired {
        /// Its deadline.
        deadline: Timestamp,
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
            Self::SafetyStockChanged { .. } => "SafetyStockChanged",
            Self::BatchCreated { .. } => "BatchCreated",
            Self::BatchQuantityChanged { .. } => "BatchQuantityChanged",
            Self::BatchEtaChanged { .. } => "BatchEtaChanged",
            Self::BatchReceived { .. } => "BatchReceived",
            Self::BatchCancelled { .. } => "BatchCancelled",
            Self::StockDepleted => "StockDepleted",
            Self::StockReplenished => "StockReplenished",
            Self::Allocated { .. } => "Allocated",
            Self::Deallocated { .. } => "Deallocated",
            Self::Reallocated { .. } => "Reallocated",
            Self::OutOfStock { .. } => "OutOfStock",
            Self::Backordered { .. } => "Backordered",
            Self::PromiseChanged { .. } => "PromiseChanged",
            Self::PromiseBroken { .. } => "PromiseBroken",
            Self::Confirmed { .. } => "Confirmed",
            Self::Dispatched { .. } => "Dispatched",
            Self::DispatchUndone { .. } => "DispatchUndone",
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::OrderReplaced { .. } => "OrderReplaced",
            Self::HoldPlaced { .. } => "HoldPlaced",
            Self::HoldConfirmed => "HoldConfirmed",
            Self::HoldExpired { .. } => "HoldExpired",
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
            Self::Deallocated { key, .. }
            | Self::Reallocated { key, .. }
            | Self::PromiseChanged { key, .. }
            | Self::PromiseBroken { key, .. }
            | Self::Confirmed { key }
            | Self::Dispatched { key, .. }
            | Self::DispatchUndone { key, .. } => Some(key),
            Self::ProductNamed { .. }
            | Self::SafetyStockChanged { .. }
            | Self::BatchCreated { .. }
            | Self::BatchQuantityChanged { .. }
            | Self::BatchEtaChanged { .. }
            | Self::BatchReceived { .. }
            | Self::BatchCancelled { .. }
            | Self::StockDepleted
            | Self::StockReplenished
            | Self::OrderPlaced { .. }
            | Self::OrderReplaced { .. }
            | Self::HoldPlaced { .. }
            | Self::HoldConfirmed
            | Self::HoldExpired { .. }
            | Self::OrderCancelled => None,
        }
    }
}

/// The names of all event types, for those who filter by them.
pub const EVENT_TYPES: [&str; 25] = [
    "ProductNamed",
    "SafetyStockChanged",
    "BatchCreated",
    "BatchQuantityChanged",
    "BatchEtaChanged",
    "BatchReceived",
    "BatchCancelled",
    "StockDepleted",
    "StockReplenished",
    "Allocated",
    "Deallocated",
    "Reallocated",
    "OutOfStock",
    "Backordered",
    "PromiseChanged",
    "PromiseBroken",
    "Confirmed",
    "Dispatched",
    "DispatchUndone",
    "OrderPlaced",
    "OrderReplaced",
    "HoldPlaced",
    "HoldConfirmed",
    "HoldExpired",
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
