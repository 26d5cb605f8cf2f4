//! The bodies of requests about orders.

use serde::Serialize;
use utoipa::ToSchema;

/// The handling of a line that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnShortage {
    /// It is refused; nothing of it is stored.
    Reject,
    /// It goes to the backlog.
    Backorder,
}

/// The handling of an order's lines that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnOrderShortage {
    /// The whole order is refused.
    Reject,
    /// They go to the backlog.
    Backorder,
    /// They are refused, the others are allocated; if nothing fits, the order is refused.
    Partial,
}

/// A line to allocate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Allocate {
    /// The order it belongs to.
    #[schema(example = "order-7", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// Identifies it within the order; the SKU where it is left out.
    #[schema(example = "1", min_length = 1, max_length = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_id: Option<String>,
    /// Its product.
    #[schema(example = "LAMP-RED", min_length = 1, max_length = 64)]
    pub sku: String,
    /// Its quantity.
    #[schema(example = 3, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: u32,
    /// Where its units may come from, the preferred location first; from anywhere where it is left out.
    #[schema(example = json!(["main"]), min_items = 1, max_items = 16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
    /// The handling when it does not fit; `reject` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_shortage: Option<OnShortage>,
    /// Whether it may be spread over several batches; it may not where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<bool>,
}

/// One line of an order to place, or to quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderLine {
    /// Identifies it within the order; the SKU where it is left out.
    #[schema(example = "1", min_length = 1, max_length = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_id: Option<String>,
    /// Its product.
    #[schema(example = "LAMP-RED", min_length = 1, max_length = 64)]
    pub sku: String,
    /// Its quantity.
    #[schema(example = 3, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: u32,
    /// Where its units may come from, the preferred location first; as the order says where it is left out.
    #[schema(example = json!(["main"]), min_items = 1, max_items = 16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
}

/// An order to place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaceOrder {
    /// Identifies the order.
    #[schema(example = "order-8", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// Its lines, in the order they are tried. Lines of one SKU need a `line_id` each.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<OrderLine>,
    /// The handling of lines that do not fit; `reject` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_shortage: Option<OnOrderShortage>,
    /// Whether its lines may be spread over several batches; they may not where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<bool>,
    /// How long it is held unless it is confirmed; it is firm at once where this is left out.
    #[schema(example = 900, minimum = 1, maximum = 2_592_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u32>,
    /// Orders of higher priority are served first; 0 where it is left out.
    #[schema(example = 0, minimum = -1_000_000, maximum = 1_000_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The day it is required by: among orders of one priority the earlier is served first.
    #[schema(format = Date, example = "2036-03-31")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_by: Option<String>,
    /// Where the units of lines without locations of their own may come from, the preferred location first; from
    /// anywhere where it is left out.
    #[schema(example = json!(["main"]), min_items = 1, max_items = 16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
}

/// An order to place under the id in the path, or to replace while it is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderContent {
    /// Its lines, in the order they are tried. Lines of one SKU need a `line_id` each.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<OrderLine>,
    /// The handling of lines that do not fit; `reject` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_shortage: Option<OnOrderShortage>,
    /// Whether its lines may be spread over several batches; they may not where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<bool>,
    /// How long it is held from now on; where it is left out, an order that is held keeps its deadline, and a new one
    /// is firm at once.
    #[schema(example = 900, minimum = 1, maximum = 2_592_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u32>,
    /// Orders of higher priority are served first; 0 where it is left out.
    #[schema(example = 0, minimum = -1_000_000, maximum = 1_000_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The day it is required by: among orders of one priority the earlier is served first.
    #[schema(format = Date, example = "2036-03-31")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_by: Option<String>,
    /// Where the units of lines without locations of their own may come from, the preferred location first; from
    /// anywhere where it is left out.
    #[schema(example = json!(["main"]), min_items = 1, max_items = 16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
}

/// The change of the terms of an order: at least one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeOrder {
    /// Orders of higher priority are served first. Unchanged where it is left out.
    #[schema(example = 5, minimum = -1_000_000, maximum = 1_000_000, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The day it is required by; null: any day will do. Unchanged where it is left out.
    #[schema(format = Date, example = "2036-03-31")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_by: Option<String>,
    /// Where the units of its open lines may come from, the preferred location first; empty: from anywhere. Unchanged
    /// where it is left out.
    #[schema(example = json!(["main"]), max_items = 16, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
}

/// The new quantity of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeLine {
    /// The quantity.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: u32,
}

/// The part of a held order that is confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Confirmation {
    /// The lines that are confirmed, each id once; the others are released. All lines where it is left out.
    #[schema(min_items = 1, max_items = 500)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<ConfirmedLine>>,
    /// Whether to try to allocate the same lines again when the hold has expired; `false` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reacquire: Option<bool>,
}

/// A line that is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfirmedLine {
    /// Which line.
    #[schema(example = "1", min_length = 1, max_length = 64)]
    pub line_id: String,
    /// The quantity that is confirmed; the rest is released. The whole line where it is left out.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
}

/// What leaves the building of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dispatch {
    /// The lines of which units leave, each id once; all of them where it is left out.
    #[schema(min_items = 1, max_items = 500)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<DispatchedLine>>,
    /// Whether nothing leaves unless all of it can; `false` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_or_nothing: Option<bool>,
}

/// A line of which units leave the building.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DispatchedLine {
    /// Which line.
    #[schema(example = "1", min_length = 1, max_length = 64)]
    pub line_id: String,
    /// How many of its units have left in all when this is done, those that left before included. So a call that is sent
    /// again changes nothing. The whole line where it is left out.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
}

/// The lines of an order that a call is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LinesNamed {
    /// The lines, each once; all of them where it is left out.
    #[schema(min_items = 1, max_items = 500)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineOf>>,
}

/// A line of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineOf {
    /// Which line.
    #[schema(example = "1", min_length = 1, max_length = 64)]
    pub line_id: String,
}

/// The lines to quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Quote {
    /// The lines, in the order they are tried. Lines of one SKU need a `line_id` each.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<OrderLine>,
    /// Whether lines may be spread over several batches; they may not where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<bool>,
    /// Where the units of lines without locations of their own may come from, the preferred location first; from
    /// anywhere where it is left out.
    #[schema(example = json!(["main"]), min_items = 1, max_items = 16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
}
