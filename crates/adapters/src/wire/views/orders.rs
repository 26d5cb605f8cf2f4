//! Orders, their lines and allocations.

use earmark_domain::{DispatchedPart, Hindrance, LeftBehind, LineView, OrderView, Part};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::list::Each;
use crate::wire::text::Text;
use crate::wire::words::{LineStatusJson, OrderStatusJson};

/// Units of a line, allocated in one batch.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Allocation))]
pub struct AllocationJson<'a> {
    /// The batch's reference.
    #[cfg_attr(feature = "schema", schema(example = "PO-1042"))]
    batch: &'a str,
    /// Units of it.
    #[cfg_attr(feature = "schema", schema(example = 3, minimum = 1))]
    quantity: u32,
}

impl<'a> From<&'a Part> for AllocationJson<'a> {
    fn from(part: &'a Part) -> Self {
        Self {
            batch: part.batch.as_str(),
            quantity: part.quantity.get(),
        }
    }
}

/// Units of a line that left the building together.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DispatchedPart))]
pub struct DispatchJson<'a> {
    /// The batch they left.
    #[cfg_attr(feature = "schema", schema(example = "PO-1042"))]
    batch: &'a str,
    /// Units of it.
    #[cfg_attr(feature = "schema", schema(example = 3, minimum = 1))]
    quantity: u32,
    /// When they left, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-03T11:00:00Z"))]
    at: Text<Timestamp>,
}

impl<'a> From<&'a DispatchedPart> for DispatchJson<'a> {
    fn from(part: &'a DispatchedPart) -> Self {
        Self {
            batch: part.batch.as_str(),
            quantity: part.quantity.get(),
            at: Text(part.at),
        }
    }
}

/// An order line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Line))]
pub struct LineJson<'a> {
    /// The order it belongs to.
    #[cfg_attr(feature = "schema", schema(example = "order-7"))]
    order_id: &'a str,
    /// Identifies it within the order; the SKU where no id was given.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    line_id: &'a str,
    /// Its product.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// Its quantity, what has left the building included.
    #[cfg_attr(feature = "schema", schema(example = 3, minimum = 1, maximum = 1_000_000_000))]
    quantity: u32,
    /// Its status.
    status: LineStatusJson,
    /// Where its units are, in the order batches are preferred in.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AllocationJson<'static>>))]
    allocations: Each<'a, Part, AllocationJson<'a>>,
    /// What has left the building, in the order in which it left.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<DispatchJson<'static>>))]
    dispatches: Each<'a, DispatchedPart, DispatchJson<'a>>,
    /// The day it is promised for, as it was last told; null for a line without units.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-31", required)
    )]
    promised_on: Option<Text<Date>>,
    /// The day it was promised for at first; null for a line that never had units.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2026-03-31", required)
    )]
    first_promised_on: Option<Text<Date>>,
    /// Whether it is at risk: promised for later than it is required by, or resting on an overdue batch, or waiting
    /// although it is due.
    #[cfg_attr(feature = "schema", schema(example = false))]
    at_risk: bool,
    /// When it was first placed, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    placed_at: Text<Timestamp>,
}

impl<'a> From<&'a LineView> for LineJson<'a> {
    fn from(view: &'a LineView) -> Self {
        Self {
            order_id: view.key.order.as_str(),
            line_id: view.key.line.as_str(),
            sku: view.sku.as_str(),
            quantity: view.quantity.get(),
            status: view.state.into(),
            allocations: Each::of(&view.allocations),
            dispatches: Each::of(&view.dispatches),
            promised_on: view.promise.on.map(Text),
            first_promised_on: view.promise.first_on.map(Text),
            at_risk: view.at_risk,
            placed_at: Text(view.placed_at),
        }
    }
}

/// An order with its lines.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Order))]
pub struct OrderJson<'a> {
    /// Identifies the order.
    #[cfg_attr(feature = "schema", schema(example = "order-7"))]
    order_id: &'a str,
    /// The order's status; each line has its own.
    status: OrderStatusJson,
    /// The deadline of an order that is held, or was until then, in UTC; null for any other.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = DateTime, example = "2026-02-01T09:45:00Z", required)
    )]
    hold_expires_at: Option<Text<Timestamp>>,
    /// Orders of higher priority are served first.
    #[cfg_attr(feature = "schema", schema(example = 0, minimum = -1_000_000, maximum = 1_000_000))]
    priority: i32,
    /// The day it is required by; null where none was given.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-31", required)
    )]
    required_by: Option<Text<Date>>,
    /// Its lines, by line id.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LineJson<'static>>))]
    lines: Each<'a, LineView, LineJson<'a>>,
}

impl<'a> From<&'a OrderView> for OrderJson<'a> {
    fn from(view: &'a OrderView) -> Self {
        Self {
            order_id: view.id.as_str(),
            status: view.status.into(),
            hold_expires_at: view.hold_expires_at.map(Text),
            priority: view.precedence.priority().get(),
            required_by: view.precedence.required_by().map(Text),
            lines: Each::of(&view.lines),
        }
    }
}

/// Why units of a line can't leave the building.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeftBehindReason))]
#[serde(rename_all = "snake_case")]
pub enum HindranceJson {
    /// They are in a batch that has not been received.
    NotInWarehouse,
    /// The line waits for stock.
    NotAllocated,
}

/// Units of a line that were to leave the building and can't.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeftBehind))]
pub struct LeftBehindJson<'a> {
    /// The line.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    line_id: &'a str,
    /// How many.
    #[cfg_attr(feature = "schema", schema(example = 2, minimum = 1, maximum = 1_000_000_000))]
    quantity: u32,
    /// Why.
    why: HindranceJson,
    /// The batch that has not been received: the first, if there are several. Left out for a line that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(example = "PO-1043", nullable = false))]
    batch: Option<&'a str>,
}

impl<'a> From<&'a LeftBehind> for LeftBehindJson<'a> {
    fn from(left: &'a LeftBehind) -> Self {
        let (why, batch) = match &left.why {
            Hindrance::NotInWarehouse(batch) => (HindranceJson::NotInWarehouse, Some(batch.as_str())),
            Hindrance::NotAllocated => (HindranceJson::NotAllocated, None),
        };
        Self {
            line_id: left.key.line.as_str(),
            quantity: left.quantity.get(),
            why,
            batch,
        }
    }
}

/// An order of which units left the building.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DispatchedOrder))]
pub struct DispatchedOrderJson<'a> {
    /// The order.
    #[serde(flatten)]
    order: OrderJson<'a>,
    /// What was to leave and can't yet, by line id.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LeftBehindJson<'static>>))]
    left_behind: Each<'a, LeftBehind, LeftBehindJson<'a>>,
}

impl<'a> DispatchedOrderJson<'a> {
    /// The order as it is shown, and what it left behind.
    #[must_use]
    pub fn of(order: &'a OrderView, left_behind: &'a [LeftBehind]) -> Self {
        Self {
            order: order.into(),
            left_behind: Each::of(left_behind),
        }
    }
}
