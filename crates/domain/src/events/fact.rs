//! Facts: what an event says happened.

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::language::asked::AskedOrder;
use crate::language::line_terms::{LineTerms, Part};
use crate::language::name::{LineId, LineKey, Location, ProductName, Reference};
use crate::language::precedence::Precedence;
use crate::language::promise::Promise;
use crate::language::quantity::{Count, Quantity, Units};
use crate::language::reason::{DeallocationReason, MoveReason, ShortageOutcome};
use crate::language::receipt::Receipt;
use crate::language::terms_change::TermsChange;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A product was named or renamed.
    ProductNamed {
        /// The new name.
        name: ProductName,
    },
    /// The safety stock of a product changed.
    SafetyStockChanged {
        /// Units kept back before.
        from: Count,
        /// Units kept back now.
        to: Count,
    },
    /// A batch was created.
    BatchCreated {
        /// Which batch.
        reference: Reference,
        /// Its location, or the location it will arrive at.
        location: Location,
        /// Its number among the product's batches, in order of creation.
        ordinal: u32,
        /// Its units.
        quantity: Quantity,
        /// When it arrives; `None`: it is in the warehouse.
        eta: Option<Date>,
    },
    /// The quantity of a batch changed: it was counted.
    BatchQuantityChanged {
        /// Which batch.
        reference: Reference,
        /// Its quantity before.
        from: Count,
        /// Its quantity now.
        to: Count,
    },
    /// The ETA of a batch changed.
    BatchEtaChanged {
        /// Which batch.
        reference: Reference,
        /// The ETA before.
        from: Date,
        /// The ETA now.
        to: Date,
    },
    /// A batch arrived: it is in the warehouse.
    BatchReceived {
        /// Which batch.
        reference: Reference,
        /// How, and what was expected before.
        receipt: Receipt,
    },
    /// A batch has not arrived after all: its receipt was undone.
    BatchReceiptUndone {
        /// Which batch.
        reference: Reference,
        /// When it arrives: its ETA before the receipt.
        eta: Date,
    },
    /// A batch has not arrived: its ETA has passed.
    BatchOverdue {
        /// Which batch.
        reference: Reference,
        /// Its ETA.
        eta: Date,
    },
    /// A batch was cancelled and is closed: what has not been dispatched from it is no longer stock.
    BatchCancelled {
        /// Which batch.
        reference: Reference,
        /// Its quantity before.
        from: Count,
        /// Its quantity now: what has been dispatched.
        to: Count,
    },
    /// The last units of a product that could be promised are gone.
    StockDepleted,
    /// A product that was depleted has units to promise again.
    StockReplenished,
    /// A line got its units, or more of them.
    Allocated {
        /// The line, on its current terms.
        line: LineTerms,
        /// The units it got: all of its units, or the additional ones.
        allocations: Vec<Part>,
        /// Whether it waited in the backlog before.
        from_backlog: bool,
        /// The day that all of its units are promised for.
        promised_on: Date,
    },
    /// A line lost units, or left the backlog.
    Deallocated {
        /// The line.
        key: LineKey,
        /// The units it lost; empty for a line that waited.
        from: Vec<Part>,
        /// Why.
        why: DeallocationReason,
        /// The units it still wants; `None`: none, but for those that have left the building.
        left: Option<Quantity>,
        /// The day that the units it still has, or that left, are promised for; `None`: there are none.
        promised_on: Option<Date>,
    },
    /// A line moved to other batches.
    Reallocated {
        /// The line.
        key: LineKey,
        /// Its units before.
        from: Vec<Part>,
        /// Its units now.
        to: Vec<Part>,
        /// Why it moved.
        why: MoveReason,
        /// The promise date before.
        promised_from: Date,
        /// The promise date now.
        promised_to: Date,
    },
    /// A line did not fit.
    OutOfStock {
        /// The line.
        line: LineTerms,
        /// Units of the product that were available to it.
        available: Units,
        /// What happens to the line.
        kept: ShortageOutcome,
    },
    /// A line joined the backlog.
    Backordered {
        /// The line.
        line: LineTerms,
        /// The units it lost; empty for a new line.
        from: Vec<Part>,
        /// Why it lost them; `None` for a new line.
        why: Option<MoveReason>,
    },
    /// The promise date of a line changed, and the line stays in its batches.
    PromiseChanged {
        /// The line.
        key: LineKey,
        /// The promise date before.
        from: Date,
        /// The promise date now.
        to: Date,
        /// Why.
        why: MoveReason,
    },
    /// A line can't leave by the day it is required by, and was promised to.
    PromiseBroken {
        /// The line.
        key: LineKey,
        /// The day it is required by.
        required_by: Date,
        /// The promise date before.
        from: Date,
        /// The day on which it can leave at the earliest: the promise date now, unless a batch is merely overdue.
        to: Date,
        /// Why.
        why: MoveReason,
    },
    /// A line of a held order became firm, with all the units it wants now.
    Confirmed {
        /// The line.
        key: LineKey,
    },
    /// The terms of a line changed with those of its order: its precedence, or where its units may come from.
    LineChanged {
        /// The line, on its current terms.
        line: LineTerms,
    },
    /// Units of a line left the building.
    Dispatched {
        /// The line.
        key: LineKey,
        /// The units, by the batches they left.
        from: Vec<Part>,
        /// The units it still wants; `None`: all have left.
        left: Option<Quantity>,
    },
    /// What was dispatched of a line came back: its units are allocated again.
    DispatchUndone {
        /// The line.
        key: LineKey,
        /// The units, by the batches they are in again.
        to: Vec<Part>,
        /// The day that all of its units are promised for.
        promised_on: Date,
    },
    /// An order was placed, all of its lines at once.
    OrderPlaced {
        /// Its lines, in the order given.
        lines: Vec<LineId>,
        /// The precedence of its lines.
        precedence: Precedence,
        /// What was asked for.
        asked: AskedOrder,
    },
    /// A held order was placed again with other lines.
    OrderReplaced {
        /// Its lines now, in the order given; its other lines have ended.
        lines: Vec<LineId>,
        /// The precedence of its lines.
        precedence: Precedence,
        /// What was asked for.
        asked: AskedOrder,
    },
    /// The terms of an order changed. `LineChanged` says which of its lines have them.
    OrderChanged {
        /// What became of its terms: those that changed.
        change: TermsChange,
    },
    /// An order is held until a deadline.
    HoldPlaced {
        /// The deadline: from then on the order does not count, unless it is confirmed before.
        until: Timestamp,
    },
    /// A held order was confirmed: it is firm.
    HoldConfirmed,
    /// A held order was not confirmed before its deadline.
    HoldExpired {
        /// Its deadline.
        deadline: Timestamp,
    },
    /// The last open line of an order was cancelled.
    OrderCancelled,
}

impl Fact {
    /// The event's type, as used in JSON and in stores.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ProductNamed { .. } => "ProductNamed",
            Self::SafetyStockChanged { .. } => "SafetyStockChanged",
            Self::BatchCreated { .. } => "BatchCreated",
            Self::BatchQuantityChanged { .. } => "BatchQuantityChanged",
            Self::BatchEtaChanged { .. } => "BatchEtaChanged",
            Self::BatchReceived { .. } => "BatchReceived",
            Self::BatchReceiptUndone { .. } => "BatchReceiptUndone",
            Self::BatchOverdue { .. } => "BatchOverdue",
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
            Self::LineChanged { .. } => "LineChanged",
            Self::Dispatched { .. } => "Dispatched",
            Self::DispatchUndone { .. } => "DispatchUndone",
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::OrderReplaced { .. } => "OrderReplaced",
            Self::OrderChanged { .. } => "OrderChanged",
            Self::HoldPlaced { .. } => "HoldPlaced",
            Self::HoldConfirmed => "HoldConfirmed",
            Self::HoldExpired { .. } => "HoldExpired",
            Self::OrderCancelled => "OrderCancelled",
        }
    }

    /// What the line of the event is promised after it, if it was promised this `before`.
    #[must_use]
    pub(crate) fn promise(&self, before: Promise, required_by: Option<Date>) -> Promise {
        match self {
            // What had left before is all that the line gets.
            Self::Deallocated {
                left: None,
                promised_on: Some(_),
                ..
            } => before.broken(),
            Self::Deallocated {
                promised_on: Some(on), ..
            } if before.on == Some(*on) => before,
            Self::Allocated { promised_on: on, .. }
            | Self::Reallocated { promised_to: on, .. }
            | Self::PromiseChanged { to: on, .. }
            | Self::DispatchUndone { promised_on: on, .. }
            | Self::Deallocated {
                promised_on: Some(on), ..
            } => before.told(*on, required_by),
            Self::Deallocated { promised_on: None, .. } | Self::Backordered { .. } => before.withdrawn(),
            // Nothing of it is due any more once all has left.
            Self::PromiseBroken { .. } | Self::Dispatched { left: None, .. } => before.broken(),
            _ => before,
        }
    }

    /// Whether it tells by when a line leaves, or that it can't leave by the day it is required by.
    #[must_use]
    pub fn tells_promise_of(&self, line: &LineKey) -> bool {
        self.line() == Some(line)
            && matches!(
                self,
                Self::Allocated { .. }
                    | Self::Reallocated { .. }
                    | Self::PromiseChanged { .. }
                    | Self::PromiseBroken { .. }
                    | Self::LineChanged { .. }
                    | Self::DispatchUndone { .. }
            )
    }

    /// The line the event is about, if any.
    #[must_use]
    pub const fn line(&self) -> Option<&LineKey> {
        match self {
            Self::Allocated { line, .. }
            | Self::OutOfStock { line, .. }
            | Self::Backordered { line, .. }
            | Self::LineChanged { line } => Some(&line.key),
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
            | Self::BatchReceiptUndone { .. }
            | Self::BatchOverdue { .. }
            | Self::BatchCancelled { .. }
            | Self::StockDepleted
            | Self::StockReplenished
            | Self::OrderPlaced { .. }
            | Self::OrderReplaced { .. }
            | Self::OrderChanged { .. }
            | Self::HoldPlaced { .. }
            | Self::HoldConfirmed
            | Self::HoldExpired { .. }
            | Self::OrderCancelled => None,
        }
    }
}

/// The names of all event types, for filters.
pub const EVENT_TYPES: [&str; 29] = [
    "ProductNamed",
    "SafetyStockChanged",
    "BatchCreated",
    "BatchQuantityChanged",
    "BatchEtaChanged",
    "BatchReceived",
    "BatchReceiptUndone",
    "BatchOverdue",
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
    "LineChanged",
    "Dispatched",
    "DispatchUndone",
    "OrderPlaced",
    "OrderReplaced",
    "OrderChanged",
    "HoldPlaced",
    "HoldConfirmed",
    "HoldExpired",
    "OrderCancelled",
];
