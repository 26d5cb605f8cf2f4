//! Outcomes: what a command did.

use alloc::vec::Vec;

use jiff::civil::Date;

use super::explain::QuotedLine;
use super::view::{BatchView, LineView, OrderView};
use crate::language::line_terms::Part;
use crate::language::message::Processed;
use crate::language::name::{LineKey, ProductName, Reference, Sku};
use crate::language::quantity::{Count, Quantity};
use crate::records::batch::BatchRecord;

/// A line that stays in its batches and has a new promise date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromiseMoved {
    /// Which line.
    pub key: LineKey,
    /// The promise date before.
    pub from: Date,
    /// The promise date now.
    pub to: Date,
}

/// A line that moved to other batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which line.
    pub key: LineKey,
    /// Its units before.
    pub from: Vec<Part>,
    /// Its units now.
    pub to: Vec<Part>,
    /// The promise date before.
    pub promised_from: Date,
    /// The promise date now.
    pub promised_to: Date,
}

/// Why units of a line can't leave the building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// They are in a batch that is not in the warehouse: the first one, if there are several.
    NotInWarehouse(Reference),
    /// The line waits for stock.
    NotAllocated,
}

/// Units of a line that a dispatch left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    /// Which line.
    pub key: LineKey,
    /// How many of the units that were to leave.
    pub quantity: Quantity,
    /// Why.
    pub why: Hindrance,
}

/// The effects of a change on lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// Lines that moved.
    pub reallocated: Vec<Moved>,
    /// Lines that lost their units and wait.
    pub backordered: Vec<LineView>,
    /// Lines that waited and got units.
    pub allocated: Vec<LineView>,
    /// Lines that stay in their batches and have a new promise date.
    pub promise_changed: Vec<PromiseMoved>,
    /// Whether more lines are affected than one transaction goes through: the service goes on with them at once, and
    /// events report what becomes of each.
    pub continues: bool,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The product has this name and this safety stock.
    ProductPut {
        /// Which product.
        sku: Sku,
        /// Its name, if it has one.
        name: Option<ProductName>,
        /// Units kept back from new promises.
        safety_stock: Count,
        /// Its version now.
        version: u64,
        /// Those of its batches that were loaded, in their current state. The others are unchanged.
        batches: Vec<BatchRecord>,
        /// Lines of the backlog that were served.
        effects: Effects,
        /// Whether anything changed.
        changed: bool,
    },
    /// The batch exists.
    BatchCreated {
        /// The batch in its current state.
        batch: BatchView,
        /// Whether this command created it; `false`: it was created before with the same content.
        fresh: bool,
        /// Lines of the backlog that it served.
        effects: Effects,
    },
    /// The batch was changed as asked: counted, put off, or cancelled, or its receipt was undone.
    BatchChanged {
        /// The batch in its current state.
        batch: BatchView,
        /// Whether anything changed.
        changed: bool,
        /// The effects on lines.
        effects: Effects,
    },
    /// The batch has arrived, or a part of it.
    BatchReceived {
        /// The batch in its current state.
        batch: BatchView,
        /// The rest, in its current state, if a part has arrived and the rest is still expected.
        rest: Option<BatchView>,
        /// Whether anything changed.
        changed: bool,
        /// The effects on lines.
        effects: Effects,
    },
    /// The line is placed: allocated, backordered, or in its current state if it was placed before.
    LinePlaced {
        /// The line in its current state.
        line: LineView,
        /// Whether this command placed it.
        fresh: bool,
    },
    /// The order is placed.
    OrderPlaced {
        /// The order in its current state.
        order: OrderView,
        /// Whether this command placed it.
        fresh: bool,
    },
    /// Units of the order left the building.
    OrderDispatched {
        /// The order in its current state.
        order: OrderView,
        /// What can't leave yet, by line id.
        left_behind: Vec<LeftBehind>,
        /// Whether anything left.
        changed: bool,
    },
    /// The order, or a line of it, was changed as asked: confirmed, a dispatch undone, cancelled, or another quantity.
    OrderChanged {
        /// The order in its current state.
        order: OrderView,
        /// Whether anything changed.
        changed: bool,
    },
    /// The terms of the order are those asked for.
    OrderTermsChanged {
        /// The order in its current state.
        order: OrderView,
        /// Whether anything changed.
        changed: bool,
        /// The effects on lines.
        effects: Effects,
    },
    /// What placing an order with these lines would give.
    Quoted {
        /// Its lines, in the order given.
        lines: Vec<QuotedLine>,
    },
    /// The message that carried the command was processed before, and ended so; the command is not decided again.
    AlreadyProcessed(Processed),
    /// Holds were ended.
    HoldsExpired {
        /// How many orders.
        orders: usize,
    },
    /// Lines moved to better stock.
    Reallocated {
        /// The lines that moved.
        effects: Effects,
        /// The version of the product now.
        version: u64,
    },
    /// A page of the work on a product was done.
    Continued {
        /// Whether nothing is left of it.
        done: bool,
    },
    /// What the day has changed of a product was told, for a bounded number of lines.
    DayPassed {
        /// Whether nothing is left to tell.
        done: bool,
    },
}

impl Outcome {
    /// Whether the command changed nothing, since what it asks for had been done before.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        match self {
            Self::ProductPut { changed, .. }
            | Self::BatchChanged { changed, .. }
            | Self::OrderDispatched { changed, .. }
            | Self::BatchReceived { changed, .. }
            | Self::OrderChanged { changed, .. }
            | Self::OrderTermsChanged { changed, .. } => !*changed,
            Self::BatchCreated { fresh, .. } | Self::LinePlaced { fresh, .. } | Self::OrderPlaced { fresh, .. } => {
                !*fresh
            }
            Self::Quoted { .. } | Self::AlreadyProcessed(_) => true,
            Self::Reallocated { effects, .. } => effects.reallocated.is_empty(),
            Self::HoldsExpired { .. } | Self::Continued { .. } | Self::DayPassed { .. } => false,
        }
    }
}
