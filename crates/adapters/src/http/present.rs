//! Showing the domain's views: the one place where a batch, a line, an order, a product become JSON.
//!
//! What is shown is borrowed from the views and written straight into the answer's text.

use std::marker::PhantomData;

use earmark_application::ProductSummary;
use earmark_domain::{BatchView, Effects, LineView, Moved, OrderView, Part, PromiseMoved};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::wire::Text;

/// A list whose items are shown as `Shown` is.
#[derive(Debug)]
pub(super) struct Each<'a, Item, Shown> {
    items: &'a [Item],
    shown: PhantomData<fn() -> Shown>,
}

impl<'a, Item, Shown> Each<'a, Item, Shown> {
    /// These items, in this order.
    pub(super) const fn of(items: &'a [Item]) -> Self {
        Self {
            items,
            shown: PhantomData,
        }
    }
}

impl<'a, Item, Shown> Serialize for Each<'a, Item, Shown>
where
    Shown: From<&'a Item> + Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.items.iter().map(Shown::from))
    }
}

/// A batch of stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(super) struct BatchJson<'a> {
    /// Identifies the batch in the whole system.
    #[schema(example = "PO-1042")]
    reference: &'a str,
    /// The product it is of.
    #[schema(example = "LAMP-RED")]
    sku: &'a str,
    /// Where it lies or will lie.
    #[schema(example = "main")]
    location: &'a str,
    /// Units bought or counted.
    #[schema(example = 100, minimum = 0, maximum = 1_000_000_000)]
    quantity: u32,
    /// Units earmarked for order lines.
    #[schema(example = 30)]
    allocated: u64,
    /// Units that have left the building.
    #[schema(example = 0)]
    dispatched: u64,
    /// Units that can be promised: `quantity − allocated − dispatched`.
    #[schema(example = 70)]
    available: u64,
    /// When it arrives; null: it is in the warehouse.
    #[schema(value_type = Option<String>, format = Date, example = "2026-03-31", required)]
    eta: Option<Text<Date>>,
    /// Where it is on its way: `overdue` is inbound with an ETA that has passed, `closed` was cancelled.
    #[schema(example = "inbound", pattern = "^(in_warehouse|inbound|overdue|closed)$")]
    status: &'static str,
}

impl<'a> From<&'a BatchView> for BatchJson<'a> {
    fn from(view: &'a BatchView) -> Self {
        Self {
            reference: view.record.reference.as_str(),
            sku: view.record.sku.as_str(),
            location: view.record.location.as_str(),
            quantity: view.record.quantity.get(),
            allocated: view.record.allocated.get(),
            dispatched: view.record.dispatched.get(),
            available: view.available.get(),
            eta: view.record.eta.map(Text),
            status: view.status.as_str(),
        }
    }
}

/// Units of a line, earmarked in one batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Allocation)]
pub(super) struct AllocationJson<'a> {
    /// The batch's reference.
    #[schema(example = "PO-1042")]
    batch: &'a str,
    /// Units of it.
    #[schema(example = 3, minimum = 1)]
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

/// An order line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Line)]
pub(super) struct LineJson<'a> {
    /// The order it belongs to.
    #[schema(example = "order-7")]
    order_id: &'a str,
    /// Identifies it within the order; the SKU, where none was given.
    #[schema(example = "LAMP-RED")]
    line_id: &'a str,
    /// The product it wants.
    #[schema(example = "LAMP-RED")]
    sku: &'a str,
    /// The units it wants.
    #[schema(example = 3, minimum = 1, maximum = 1_000_000_000)]
    quantity: u32,
    /// Where it stands.
    #[schema(
        example = "allocated",
        pattern = "^(held|allocated|backordered|refused|cancelled|expired|dispatched)$"
    )]
    status: &'static str,
    /// Where its units are, in the order batches are preferred in.
    #[schema(value_type = Vec<AllocationJson<'static>>)]
    allocations: Each<'a, Part, AllocationJson<'a>>,
    /// When it can leave; null for a line without stock.
    #[schema(value_type = Option<String>, format = Date, example = "2026-03-31", required)]
    promised_on: Option<Text<Date>>,
}

impl<'a> From<&'a LineView> for LineJson<'a> {
    fn from(view: &'a LineView) -> Self {
        Self {
            order_id: view.key.order.as_str(),
            line_id: view.key.line.as_str(),
            sku: view.sku.as_str(),
            quantity: view.quantity.get(),
            status: view.state.as_str(),
            allocations: Each::of(&view.allocations),
            promised_on: view.promised_on.map(Text),
        }
    }
}

/// An order with its lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderJson<'a> {
    /// Identifies the order.
    #[schema(example = "order-7")]
    order_id: &'a str,
    /// Whether it stands; each line tells its own.
    #[schema(example = "firm", pattern = "^(held|firm|expired|cancelled)$")]
    status: &'static str,
    /// The deadline of an order that is held, or was until then, in UTC; null for any other.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-02-01T09:45:00Z", required)]
    hold_expires_at: Option<Text<Timestamp>>,
    /// The higher is served first.
    #[schema(example = 0, minimum = -1_000_000, maximum = 1_000_000)]
    priority: i32,
    /// The day it is required by; null: it is not said.
    #[schema(value_type = Option<String>, format = Date, example = "2026-03-31", required)]
    required_by: Option<Text<Date>>,
    /// Its lines, by line id.
    #[schema(value_type = Vec<LineJson<'static>>)]
    lines: Each<'a, LineView, LineJson<'a>>,
}

impl<'a> From<&'a OrderView> for OrderJson<'a> {
    fn from(view: &'a OrderView) -> Self {
        Self {
            order_id: view.id.as_str(),
            status: view.status.as_str(),
            hold_expires_at: view.hold_expires_at.map(Text),
            priority: view.precedence.priority().get(),
            required_by: view.precedence.required_by().map(Text),
            lines: Each::of(&view.lines),
        }
    }
}

/// A line that had to move to other batches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reallocation)]
pub(super) struct MovedJson<'a> {
    /// The order of the line.
    order_id: &'a str,
    /// The line.
    line_id: &'a str,
    /// Where its units were.
    #[schema(value_type = Vec<AllocationJson<'static>>)]
    from: Each<'a, Part, AllocationJson<'a>>,
    /// Where they are now.
    #[schema(value_type = Vec<AllocationJson<'static>>)]
    to: Each<'a, Part, AllocationJson<'a>>,
    /// The date it was promised for before.
    #[schema(value_type = String, format = Date, example = "2026-03-01")]
    promised_from: Text<Date>,
    /// The date it is promised for now.
    #[schema(value_type = String, format = Date, example = "2026-03-31")]
    promised_to: Text<Date>,
}

impl<'a> From<&'a Moved> for MovedJson<'a> {
    fn from(moved: &'a Moved) -> Self {
        Self {
            order_id: moved.key.order.as_str(),
            line_id: moved.key.line.as_str(),
            from: Each::of(&moved.from),
            to: Each::of(&moved.to),
            promised_from: Text(moved.promised_from),
            promised_to: Text(moved.promised_to),
        }
    }
}

/// A line that stays where it is, and is promised for another date.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PromiseChange)]
pub(super) struct PromiseMovedJson<'a> {
    /// The order of the line.
    order_id: &'a str,
    /// The line.
    line_id: &'a str,
    /// The date it was promised for before.
    #[schema(value_type = String, format = Date, example = "2026-03-01")]
    from: Text<Date>,
    /// The date it is promised for now.
    #[schema(value_type = String, format = Date, example = "2026-03-31")]
    to: Text<Date>,
}

impl<'a> From<&'a PromiseMoved> for PromiseMovedJson<'a> {
    fn from(moved: &'a PromiseMoved) -> Self {
        Self {
            order_id: moved.key.order.as_str(),
            line_id: moved.key.line.as_str(),
            from: Text(moved.from),
            to: Text(moved.to),
        }
    }
}

/// What a change of stock did to order lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Effects)]
pub(super) struct EffectsJson<'a> {
    /// Lines that moved to other batches.
    #[schema(value_type = Vec<MovedJson<'static>>)]
    reallocated: Each<'a, Moved, MovedJson<'a>>,
    /// Lines that lost their stock and wait.
    #[schema(value_type = Vec<LineJson<'static>>)]
    backordered: Each<'a, LineView, LineJson<'a>>,
    /// Lines that waited and got stock.
    #[schema(value_type = Vec<LineJson<'static>>)]
    allocated: Each<'a, LineView, LineJson<'a>>,
    /// Lines that stay where they are, and are promised for another date.
    #[schema(value_type = Vec<PromiseMovedJson<'static>>)]
    promise_changed: Each<'a, PromiseMoved, PromiseMovedJson<'a>>,
}

impl<'a> From<&'a Effects> for EffectsJson<'a> {
    fn from(effects: &'a Effects) -> Self {
        Self {
            reallocated: Each::of(&effects.reallocated),
            backordered: Each::of(&effects.backordered),
            allocated: Each::of(&effects.allocated),
            promise_changed: Each::of(&effects.promise_changed),
        }
    }
}

/// A batch after a change, and what the change did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchChange)]
pub(super) struct BatchChangeJson<'a> {
    /// The batch as it stands.
    pub(super) batch: BatchJson<'a>,
    /// What the change did to order lines.
    pub(super) effects: EffectsJson<'a>,
}

/// A product's stock in sums.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductSummary)]
pub(super) struct SummaryJson<'a> {
    /// Identifies the product.
    #[schema(example = "LAMP-RED")]
    sku: &'a str,
    /// What people call it; null where nobody has said.
    #[schema(example = "Red desk lamp", required)]
    name: Option<&'a str>,
    /// Units in the warehouse, allocated ones among them.
    #[schema(example = 40)]
    on_hand: u64,
    /// Units on their way.
    #[schema(example = 100)]
    inbound: u64,
    /// Units earmarked.
    #[schema(example = 30)]
    allocated: u64,
    /// Units that have left the building.
    #[schema(example = 0)]
    dispatched: u64,
    /// Units kept back from new promises.
    #[schema(example = 0, minimum = 0, maximum = 1_000_000_000)]
    safety_stock: u32,
    /// Units that can be promised: what is available in its batches, but for those kept back.
    #[schema(example = 110)]
    available: u64,
    /// Units that order lines wait for.
    #[schema(example = 0)]
    backordered: u64,
    /// Rises with each change of the product.
    #[schema(example = 4)]
    version: u64,
}

impl<'a> From<&'a ProductSummary> for SummaryJson<'a> {
    fn from(summary: &'a ProductSummary) -> Self {
        Self {
            sku: summary.sku.as_str(),
            name: summary.name.as_ref().map(|name| name.as_str()),
            on_hand: summary.on_hand.get(),
            inbound: summary.inbound.get(),
            allocated: summary.allocated.get(),
            dispatched: summary.dispatched.get(),
            safety_stock: summary.safety_stock.get(),
            available: summary.available.get(),
            backordered: summary.backordered.get(),
            version: summary.version,
        }
    }
}

/// A product with its batches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(super) struct ProductJson<'a> {
    #[serde(flatten)]
    summary: SummaryJson<'a>,
    /// Its batches, in the order they are tried.
    #[schema(value_type = Vec<BatchJson<'static>>)]
    batches: Each<'a, BatchView, BatchJson<'a>>,
}

impl<'a> ProductJson<'a> {
    /// A product as it is shown.
    pub(super) fn of(summary: &'a ProductSummary, batches: &'a [BatchView]) -> Self {
        Self {
            summary: summary.into(),
            batches: Each::of(batches),
        }
    }
}

/// A page of products.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductPage)]
pub(super) struct ProductPageJson<'a> {
    /// Products, by SKU.
    #[schema(value_type = Vec<SummaryJson<'static>>)]
    pub(super) items: Each<'a, ProductSummary, SummaryJson<'a>>,
    /// `after` of the next page; null: this is the last one.
    #[schema(example = "LAMP-RED", required)]
    pub(super) next: Option<&'a str>,
}

/// A page of a product's backlog.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BacklogPage)]
pub(super) struct BacklogPageJson<'a> {
    /// Waiting lines, in order of service.
    #[schema(value_type = Vec<LineJson<'static>>)]
    pub(super) items: Each<'a, LineView, LineJson<'a>>,
    /// `after` of the next page, a text without meaning of its own; null: this is the last one.
    #[schema(required)]
    pub(super) next: Option<String>,
}
