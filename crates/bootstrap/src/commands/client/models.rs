//! What the service answers, as far as it is shown. An answer that has not these fields does not come from Earmark.

use serde::Deserialize;

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Batch {
    pub(super) reference: String,
    pub(super) sku: String,
    pub(super) location: String,
    pub(super) quantity: u64,
    pub(super) allocated: u64,
    pub(super) dispatched: u64,
    pub(super) available: u64,
    pub(super) eta: Option<String>,
    pub(super) status: String,
}

/// Units of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Part {
    pub(super) batch: String,
    pub(super) quantity: u64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Line {
    pub(super) order_id: String,
    pub(super) line_id: String,
    pub(super) sku: String,
    pub(super) quantity: u64,
    pub(super) status: String,
    pub(super) allocations: Vec<Part>,
    pub(super) dispatches: Vec<Part>,
    pub(super) promised_on: Option<String>,
    pub(super) first_promised_on: Option<String>,
    pub(super) at_risk: bool,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Order {
    pub(super) order_id: String,
    pub(super) status: String,
    pub(super) hold_expires_at: Option<String>,
    pub(super) priority: i64,
    pub(super) required_by: Option<String>,
    pub(super) lines: Vec<Line>,
    /// Only of one that was dispatched.
    #[serde(default)]
    pub(super) left_behind: Vec<LeftBehind>,
}

/// Units that could not leave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct LeftBehind {
    pub(super) line_id: String,
    pub(super) quantity: u64,
    pub(super) why: String,
    pub(super) batch: Option<String>,
}

/// The totals of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Product {
    pub(super) sku: String,
    pub(super) name: Option<String>,
    pub(super) on_hand: u64,
    pub(super) inbound: u64,
    pub(super) allocated: u64,
    pub(super) dispatched: u64,
    pub(super) safety_stock: u64,
    pub(super) available: u64,
    pub(super) backordered: u64,
    /// Not in a list.
    #[serde(default)]
    pub(super) batches: Vec<Batch>,
}

/// What can be promised of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Availability {
    pub(super) timeline: Vec<AvailableOn>,
}

/// What can be promised by a day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct AvailableOn {
    pub(super) on: String,
    pub(super) available: u64,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

/// A line that moved.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Moved {
    pub(super) order_id: String,
    pub(super) line_id: String,
    pub(super) from: Vec<Part>,
    pub(super) to: Vec<Part>,
    pub(super) promised_from: String,
    pub(super) promised_to: String,
}

/// A line that is promised for another day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct PromiseMoved {
    pub(super) order_id: String,
    pub(super) line_id: String,
    pub(super) from: String,
    pub(super) to: String,
}

/// What a change did to lines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Effects {
    pub(super) reallocated: Vec<Moved>,
    pub(super) backordered: Vec<Line>,
    pub(super) allocated: Vec<Line>,
    pub(super) promise_changed: Vec<PromiseMoved>,
    #[serde(default)]
    pub(super) continues: bool,
}

/// A batch after a change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct BatchChange {
    pub(super) batch: Batch,
    /// Only of one that was received in part.
    #[serde(default)]
    pub(super) rest: Option<Batch>,
    pub(super) effects: Effects,
}

/// An order after a change of its terms.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct OrderChange {
    pub(super) order: Order,
    pub(super) effects: Effects,
}
