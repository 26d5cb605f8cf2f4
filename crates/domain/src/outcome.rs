//! Answers: what a command did, or why it was refused.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::batch::{BatchStatus, promise_date};
use crate::line::{LineState, Part};
use crate::name::{LineKey, OrderId, ProductName, Reference, Sku};
use crate::quantity::{Quantity, Units};
use crate::record::BatchRecord;

/// A batch as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchView {
    /// What is stored of it.
    pub record: BatchRecord,
    /// Units that can be promised.
    pub available: Units,
    /// Where it is on its way.
    pub status: BatchStatus,
}

impl BatchView {
    /// A batch as it is shown on a day.
    #[must_use]
    pub fn of(record: BatchRecord, today: Date) -> Self {
        let available = record
            .quantity
            .units()
            .saturating_sub(record.allocated)
            .saturating_sub(record.dispatched);
        Self {
            status: BatchStatus::of(record.eta, today),
            available,
            record,
        }
    }
}

/// A line as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Which line.
    pub key: LineKey,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants.
    pub quantity: Quantity,
    /// Where it stands.
    pub state: LineState,
    /// Where its units are, in preference order.
    pub allocations: Vec<Part>,
    /// When it can leave; `None` for a line without stock.
    pub promised_on: Option<Date>,
}

impl LineView {
    /// When a line can leave that has its units in batches with these ETAs.
    #[must_use]
    pub fn promised(etas: impl IntoIterator<Item = Option<Date>>, today: Date) -> Option<Date> {
        promise_date(etas, today)
    }
}

/// Whether an order still stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// It stands.
    Firm,
    /// No line of it stands any more.
    Cancelled,
}

impl OrderStatus {
    /// The status of an order whose lines are in these states.
    ///
    /// An order is cancelled when nothing of it stands and something was cancelled; refused lines never stood.
    #[must_use]
    pub fn of(states: impl IntoIterator<Item = LineState>) -> Self {
        let mut cancelled = false;
        for state in states {
            match state {
                LineState::Allocated | LineState::Backordered => return Self::Firm,
                LineState::Cancelled => cancelled = true,
                LineState::Refused => {}
            }
        }
        if cancelled { Self::Cancelled } else { Self::Firm }
    }

    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firm => "firm",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An order as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Which order.
    pub id: OrderId,
    /// Whether it stands.
    pub status: OrderStatus,
    /// Its lines, by line id.
    pub lines: Vec<LineView>,
}

/// A line that had to move to other batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which line.
    pub key: LineKey,
    /// Where its units were.
    pub from: Vec<Part>,
    /// Where they are now.
    pub to: Vec<Part>,
    /// The date it was promised for before.
    pub promised_from: Date,
    /// The date it is promised for now.
    pub promised_to: Date,
}

/// What a change of stock did to lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// Lines that moved.
    pub reallocated: Vec<Moved>,
    /// Lines that lost their stock and wait.
    pub backordered: Vec<LineView>,
    /// Lines that waited and got stock.
    pub allocated: Vec<LineView>,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The product is named so.
    ProductNamed {
        /// Which product.
        sku: Sku,
        /// Its name.
        name: ProductName,
        /// Its version now.
        version: u64,
        /// Whether anything changed.
        changed: bool,
    },
    /// The batch exists.
    BatchCreated {
        /// The batch as it stands.
        batch: BatchView,
        /// Whether this command made it; `false`: the same content had been sent before.
        fresh: bool,
        /// Lines of the backlog that it served.
        effects: Effects,
    },
    /// The batch has the quantity that was counted.
    BatchChanged {
        /// The batch as it stands.
        batch: BatchView,
        /// Whether anything changed.
        changed: bool,
        /// What it did to lines.
        effects: Effects,
    },
    /// The line is placed: allocated or backordered, or wherever it stands when it had been placed before.
    LinePlaced {
        /// The line as it stands.
        line: LineView,
        /// Whether this command placed it.
        fresh: bool,
    },
    /// The order is placed.
    OrderPlaced {
        /// The order as it stands.
        order: OrderView,
        /// Whether this command placed it.
        fresh: bool,
    },
    /// The line, or the order, is cancelled.
    Cancelled {
        /// The order as it stands.
        order: OrderView,
        /// Whether anything changed.
        changed: bool,
    },
    /// A page of the backlog was served.
    BacklogServed {
        /// How many lines got stock.
        allocated: usize,
    },
}

/// A line that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Which line.
    pub key: LineKey,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants.
    pub requested: Quantity,
    /// Units of the product that are available to it, the lines before it counted.
    pub available: Units,
    /// Of these the most in one batch: what a line that may not be split could get.
    pub largest_batch: Units,
}

/// Why a command was refused. Nothing is stored but, for a shortage, its OutOfStock events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such product.
    #[error("unknown SKU: {}", List(.0))]
    UnknownSku(Vec<Sku>),
    /// No such batch.
    #[error("there is no batch {0}")]
    UnknownBatch(Reference),
    /// No such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// No such line.
    #[error("there is no line {0}")]
    UnknownLine(LineKey),
    /// The reference is taken by a batch with other content.
    #[error("batch {0} exists with other content")]
    BatchExists(Reference),
    /// The line was placed with another SKU or quantity.
    #[error("line {0} exists with another SKU or quantity")]
    LineExists(LineKey),
    /// The order was placed with other lines.
    #[error("order {0} exists with other lines")]
    OrderExists(OrderId),
    /// The line does not fit.
    #[error("{} units of {} are asked for, {} are available", .0.requested, .0.sku, .0.available)]
    OutOfStock(Shortage),
    /// Lines of the order do not fit.
    #[error("{} of the order's lines do not fit", .0.len())]
    Shortages(Vec<Shortage>),
    /// Fewer units than have left the building.
    #[error("{dispatched} units of batch {reference} have been dispatched")]
    BelowDispatched {
        /// Which batch.
        reference: Reference,
        /// Units that have left.
        dispatched: Units,
    },
}

impl Refusal {
    /// The refusal's code, stable for machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownSku(_) => "unknown_sku",
            Self::UnknownBatch(_) => "unknown_batch",
            Self::UnknownOrder(_) => "unknown_order",
            Self::UnknownLine(_) => "unknown_line",
            Self::BatchExists(_) => "batch_exists",
            Self::LineExists(_) => "line_exists",
            Self::OrderExists(_) => "order_exists",
            Self::OutOfStock(_) | Self::Shortages(_) => "out_of_stock",
            Self::BelowDispatched { .. } => "below_dispatched",
        }
    }
}

struct List<'a>(&'a [Sku]);

impl core::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, sku) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            core::fmt::Display::fmt(sku, f)?;
        }
        Ok(())
    }
}
