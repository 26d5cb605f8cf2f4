//! Receipts: how a batch arrived, and what was expected of it before.

use jiff::civil::Date;

use super::quantity::Count;

/// How a batch arrived, and what was expected of it before.
///
/// It is kept with the batch: a receipt that was a mistake can be undone, and the same receipt is known when it is sent
/// again, however often the batch has been counted since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// When it was to arrive.
    pub eta: Date,
    /// The units that were expected in it: of a delivery in parts those that arrived, as the rest is a batch of its own.
    pub expected: Count,
    /// The units that arrived.
    pub counted: Count,
}
