//! Entries: rows as domain types.

use std::fmt;

use earmark_domain::{
    Command, Count, CreateBatch, Delivery, LineKey, LineRequest, Locations, OrderId, Priority, PutProduct, Reference,
    Sku,
};
use jiff::civil::Date;

/// A valid row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A product, with its name or its safety stock.
    Product(PutProduct),
    /// A batch.
    Batch(CreateBatch),
    /// A line of an order.
    Line(LineEntry),
    /// A count of a batch.
    Count {
        /// Which batch.
        reference: Reference,
        /// The units that were counted.
        quantity: Count,
    },
    /// The receipt of a batch.
    Receipt {
        /// Which batch.
        reference: Reference,
        /// What has arrived of it.
        delivery: Delivery,
    },
    /// A command.
    Change {
        /// The command.
        command: Command,
        /// The JSON that it was read from, which the bulk call reads in the same way.
        text: String,
    },
}

/// A line of an order, and the terms of the order in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEntry {
    /// The line.
    pub line: LineRequest,
    /// Where the units may come from.
    pub locations: Locations,
    /// The priority of the order, if the row has one.
    pub priority: Option<Priority>,
    /// The day that the order is required by, if the row has one.
    pub required_by: Option<Date>,
}

/// What a row is about. A file should have one row for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// A product.
    Product(Sku),
    /// A batch.
    Batch(Reference),
    /// A line of an order.
    Line(LineKey),
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product(sku) => write!(f, "product {sku}"),
            Self::Batch(reference) => write!(f, "batch {reference}"),
            Self::Line(key) => write!(f, "line {key}"),
        }
    }
}

impl Entry {
    /// What the row is about. `None`: a command, of which a file may have any number.
    #[must_use]
    pub fn key(&self) -> Option<RowKey> {
        match self {
            Self::Product(put) => Some(RowKey::Product(put.sku.clone())),
            Self::Batch(CreateBatch { reference, .. })
            | Self::Count { reference, .. }
            | Self::Receipt { reference, .. } => Some(RowKey::Batch(reference.clone())),
            Self::Line(entry) => Some(RowKey::Line(entry.line.key.clone())),
            Self::Change { .. } => None,
        }
    }

    /// The order that the row belongs to, if it is a line.
    #[must_use]
    pub const fn order(&self) -> Option<&OrderId> {
        match self {
            Self::Line(entry) => Some(&entry.line.key.order),
            _ => None,
        }
    }
}

/// An invalid row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// What is wrong with it. Begins with the column, if it is one.
    pub why: String,
    /// The order that the row belongs to, if that can be read.
    pub order: Option<OrderId>,
    /// What the row is about, if that can be read.
    pub key: Option<RowKey>,
}

impl BadRow {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            order: None,
            key: None,
        }
    }
}
