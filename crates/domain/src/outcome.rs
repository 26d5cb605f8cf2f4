//! Outcomes: what a command did.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::explain::QuotedLine;
use crate::line::Part;
use crate::name::{LineKey, ProductName, Sku};
use crate::quantity::Count;
use crate::record::BatchRecord;
use crate::view::{BatchView, LineView, OrderView};

/// A line that stays where it is, and is promised for another date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromiseMoved {
    /// Which line.
    pub key: LineKey,
    /// The date it was promised for before.
    pub from: Date,
    /// The date it is promised for now.
    pub to: Date,
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
    /// Lines that stay where they are, and are promised for another date.
    pub promise_changed: Vec<PromiseMoved>,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The product is named so, and so much of it is kept back.
    ProductPut {
        /// Which product.
        sku: Sku,
        /// Its name, if it has one.
        name: Option<ProductName>,
        /// Units kept back from new promises.
        safety_stock: Count,
        /// Its version now.
        version: u64,
        /// Its batches, as far as they were at hand, as they stand now: others are what they were.
        batches: Vec<BatchRecord>,
        /// Lines of the backlog that were served.
        effects: Effects,
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
    /// The order, or a line of it, is as it was asked to be: confirmed, dispatched, not dispatched, cancelled, or with
    /// another quantity.
    OrderChanged {
        /// The order as it stands.
        order: OrderView,
        /// Whether anything changed.
        changed: bool,
    },
    /// What placing an order with these lines would come to.
    Quoted {
        /// Its lines, in the order given.
        lines: Vec<QuotedLine>,
    },
    /// The message that carried the command was processed before: nothing is decided again.
    AlreadyProcessed,
    /// Holds have ended.
    HoldsExpired {
        /// How many orders.
        orders: usize,
    },
    /// A page of the backlog was served.
    BacklogServed {
        /// How many lines got stock.
        allocated: usize,
    },
}
