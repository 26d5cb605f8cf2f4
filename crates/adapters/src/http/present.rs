//! Showing the domain's views: the one place where a batch, a line, an order, a product become JSON.

use earmark_application::ProductSummary;
use earmark_domain::{BatchView, Effects, LineView, Moved, OrderView, Part};
use serde::Serialize;
use utoipa::ToSchema;

/// A batch of stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(super) struct BatchJson {
    /// Identifies the batch in the whole system.
    #[schema(example = "PO-1042")]
    reference: String,
    /// The product it is of.
    #[schema(example = "LAMP-RED")]
    sku: String,
    /// Where it lies or will lie.
    #[schema(example = "main")]
    location: String,
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
    #[schema(format = Date, example = "2026-03-31", required)]
    eta: Option<String>,
    /// Where it is on its way: `overdue` is inbound with an ETA that has passed.
    #[schema(example = "inbound", pattern = "^(in_warehouse|inbound|overdue)$")]
    status: &'static str,
}

impl From<&BatchView> for BatchJson {
    fn from(view: &BatchView) -> Self {
        Self {
            reference: view.record.reference.to_string(),
            sku: view.record.sku.to_string(),
            location: view.record.location.to_string(),
            quantity: view.record.quantity.get(),
            allocated: view.record.allocated.get(),
            dispatched: view.record.dispatched.get(),
            available: view.available.get(),
            eta: view.record.eta.map(|eta| eta.to_string()),
            status: view.status.as_str(),
        }
    }
}

/// Units of a line, earmarked in one batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Allocation)]
pub(super) struct AllocationJson {
    /// The batch's reference.
    #[schema(example = "PO-1042")]
    batch: String,
    /// Units of it.
    #[schema(example = 3, minimum = 1)]
    quantity: u32,
}

impl From<&Part> for AllocationJson {
    fn from(part: &Part) -> Self {
        Self {
            batch: part.batch.to_string(),
            quantity: part.quantity.get(),
        }
    }
}

fn all<'a, T: 'a, J: From<&'a T>>(items: &'a [T]) -> Vec<J> {
    items.iter().map(J::from).collect()
}

/// An order line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Line)]
pub(super) struct LineJson {
    /// The order it belongs to.
    #[schema(example = "order-7")]
    order_id: String,
    /// Identifies it within the order; the SKU, where none was given.
    #[schema(example = "LAMP-RED")]
    line_id: String,
    /// The product it wants.
    #[schema(example = "LAMP-RED")]
    sku: String,
    /// The units it wants.
    #[schema(example = 3, minimum = 1, maximum = 1_000_000_000)]
    quantity: u32,
    /// Where it stands.
    #[schema(example = "allocated", pattern = "^(allocated|backordered|refused|cancelled)$")]
    status: &'static str,
    /// Where its units are, in the order batches are preferred in.
    allocations: Vec<AllocationJson>,
    /// When it can leave; null for a line without stock.
    #[schema(format = Date, example = "2026-03-31", required)]
    promised_on: Option<String>,
}

impl From<&LineView> for LineJson {
    fn from(view: &LineView) -> Self {
        Self {
            order_id: view.key.order.to_string(),
            line_id: view.key.line.to_string(),
            sku: view.sku.to_string(),
            quantity: view.quantity.get(),
            status: view.state.as_str(),
            allocations: all(&view.allocations),
            promised_on: view.promised_on.map(|date| date.to_string()),
        }
    }
}

/// An order with its lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderJson {
    /// Identifies the order.
    #[schema(example = "order-7")]
    order_id: String,
    /// Whether anything of it stands.
    #[schema(example = "firm", pattern = "^(firm|cancelled)$")]
    status: &'static str,
    /// Its lines, by line id.
    lines: Vec<LineJson>,
}

impl From<&OrderView> for OrderJson {
    fn from(view: &OrderView) -> Self {
        Self {
            order_id: view.id.to_string(),
            status: view.status.as_str(),
            lines: all(&view.lines),
        }
    }
}

/// A line that had to move to other batches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reallocation)]
pub(super) struct MovedJson {
    /// The order of the line.
    order_id: String,
    /// The line.
    line_id: String,
    /// Where its units were.
    from: Vec<AllocationJson>,
    /// Where they are now.
    to: Vec<AllocationJson>,
    /// The date it was promised for before.
    #[schema(format = Date, example = "2026-03-01")]
    promised_from: String,
    /// The date it is promised for now.
    #[schema(format = Date, example = "2026-03-31")]
    promised_to: String,
}

impl From<&Moved> for MovedJson {
    fn from(moved: &Moved) -> Self {
        Self {
            order_id: moved.key.order.to_string(),
            line_id: moved.key.line.to_string(),
            from: all(&moved.from),
            to: all(&moved.to),
            promised_from: moved.promised_from.to_string(),
            promised_to: moved.promised_to.to_string(),
        }
    }
}

/// What a change of stock did to order lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Effects)]
pub(super) struct EffectsJson {
    /// Lines that moved to other batches.
    reallocated: Vec<MovedJson>,
    /// Lines that lost their stock and wait.
    backordered: Vec<LineJson>,
    /// Lines that waited and got stock.
    allocated: Vec<LineJson>,
}

impl From<&Effects> for EffectsJson {
    fn from(effects: &Effects) -> Self {
        Self {
            reallocated: all(&effects.reallocated),
            backordered: all(&effects.backordered),
            allocated: all(&effects.allocated),
        }
    }
}

/// A batch after a change, and what the change did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchChange)]
pub(super) struct BatchChangeJson {
    /// The batch as it stands.
    pub(super) batch: BatchJson,
    /// What the change did to order lines.
    pub(super) effects: EffectsJson,
}

/// A product's stock in sums.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductSummary)]
pub(super) struct SummaryJson {
    /// Identifies the product.
    #[schema(example = "LAMP-RED")]
    sku: String,
    /// What people call it; null where nobody has said.
    #[schema(example = "Red desk lamp", required)]
    name: Option<String>,
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
    /// Units that can be promised.
    #[schema(example = 110)]
    available: u64,
    /// Units that order lines wait for.
    #[schema(example = 0)]
    backordered: u64,
    /// Rises with each change of the product.
    #[schema(example = 4)]
    version: u64,
}

impl From<&ProductSummary> for SummaryJson {
    fn from(summary: &ProductSummary) -> Self {
        Self {
            sku: summary.sku.to_string(),
            name: summary.name.as_ref().map(|name| name.as_str().to_owned()),
            on_hand: summary.on_hand.get(),
            inbound: summary.inbound.get(),
            allocated: summary.allocated.get(),
            dispatched: summary.dispatched.get(),
            available: summary.available.get(),
            backordered: summary.backordered.get(),
            version: summary.version,
        }
    }
}

/// A product with its batches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(super) struct ProductJson {
    #[serde(flatten)]
    summary: SummaryJson,
    /// Its batches, in the order they are tried.
    batches: Vec<BatchJson>,
}

impl ProductJson {
    /// A product as it is shown.
    pub(super) fn of(summary: &ProductSummary, batches: &[BatchView]) -> Self {
        Self {
            summary: summary.into(),
            batches: all(batches),
        }
    }
}

/// A page of products.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductPage)]
pub(super) struct ProductPageJson {
    /// Products, by SKU.
    pub(super) items: Vec<SummaryJson>,
    /// `after` of the next page; null: this is the last one.
    #[schema(example = "LAMP-RED", required)]
    pub(super) next: Option<String>,
}

/// A page of a product's backlog.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BacklogPage)]
pub(super) struct BacklogPageJson {
    /// Waiting lines, in order of service.
    pub(super) items: Vec<LineJson>,
    /// `after` of the next page, a text without meaning of its own; null: this is the last one.
    #[schema(required)]
    pub(super) next: Option<String>,
}
