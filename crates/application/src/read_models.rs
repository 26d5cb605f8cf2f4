//! Read models: what the views and exports read, and how it is shown at an instant.

use earmark_domain::{
    BatchRecord, BatchView, Count, LineRecord, LineView, OrderId, OrderRecord, OrderView, Part, ProductName,
    ProductRecord, Sku, Units, day_of, promise_date,
};
use jiff::Timestamp;
use jiff::civil::Date;

/// A line as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRead {
    /// The line.
    pub record: LineRecord,
    /// Where its units are, in preference order, with each batch's ETA.
    pub allocations: Vec<(Part, Option<Date>)>,
}

impl LineRead {
    /// The line as it is shown at an instant: past its deadline it holds nothing, whether or not the sweep has recorded it.
    #[must_use]
    pub fn view(self, now: Timestamp) -> LineView {
        let state = self.record.state_at(now);
        let allocations = if state.holds_units() {
            self.allocations
        } else {
            Vec::new()
        };
        LineView {
            promised_on: promise_date(allocations.iter().map(|(_, eta)| *eta), day_of(now)),
            hold_until: self.record.terms.hold_until.filter(|_| state.is_open()),
            key: self.record.terms.key,
            sku: self.record.sku,
            quantity: self.record.terms.quantity,
            state,
            allocations: allocations.into_iter().map(|(part, _)| part).collect(),
        }
    }
}

/// An order as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRead {
    /// Which order.
    pub id: OrderId,
    /// Its header, if it was placed whole.
    pub header: Option<OrderRecord>,
    /// All of its lines, by line id.
    pub lines: Vec<LineRead>,
}

impl OrderRead {
    /// The order as it is shown at an instant.
    #[must_use]
    pub fn view(self, now: Timestamp) -> OrderView {
        let lines = self.lines.into_iter().map(|line| line.view(now)).collect();
        OrderView::of(self.id, self.header.as_ref(), lines)
    }
}

/// A batch as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRead {
    /// The batch. Units held until a deadline that has passed are not counted as allocated.
    pub record: BatchRecord,
    /// The version of its product.
    pub version: u64,
}

impl BatchRead {
    /// The batch as it is shown on a day.
    #[must_use]
    pub fn view(self, today: Date) -> BatchView {
        BatchView::of(self.record, self.version, today)
    }
}

/// A product's sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSummary {
    /// Which product.
    pub sku: Sku,
    /// Its name, if it has one.
    pub name: Option<ProductName>,
    /// Its version.
    pub version: u64,
    /// Units in the warehouse, allocated ones among them, dispatched ones not.
    pub on_hand: Units,
    /// Units on their way.
    pub inbound: Units,
    /// Units earmarked.
    pub allocated: Units,
    /// Units that have left the warehouse.
    pub dispatched: Units,
    /// Units kept back from new promises.
    pub safety_stock: Count,
    /// Units that can be promised: what is available in its batches, less those kept back.
    pub available: Units,
    /// Units that lines in the backlog wait for.
    pub backordered: Units,
}

impl ProductSummary {
    /// The sums of a product with these batches and this backlog.
    #[must_use]
    pub fn of<'a>(
        product: ProductRecord,
        batches: impl Iterator<Item = &'a BatchRecord> + Clone,
        backordered: Units,
    ) -> Self {
        let present = |batch: &BatchRecord| batch.quantity.units().saturating_sub(batch.dispatched);
        let here = batches.clone().filter(|batch| batch.eta.is_none());
        let coming = batches.clone().filter(|batch| batch.eta.is_some());
        let available: Units = batches.clone().map(BatchRecord::available).sum();
        Self {
            sku: product.sku,
            name: product.name,
            version: product.version,
            on_hand: here.map(present).sum(),
            inbound: coming.map(present).sum(),
            allocated: batches.clone().map(|batch| batch.allocated).sum(),
            dispatched: batches.map(|batch| batch.dispatched).sum(),
            safety_stock: product.safety_stock,
            available: earmark_domain::promisable(available, product.safety_stock),
            backordered,
        }
    }
}

/// A product with its batches, in preference order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRead {
    /// Its sums.
    pub summary: ProductSummary,
    /// Its batches, in preference order.
    pub batches: Vec<BatchRecord>,
}

impl ProductRead {
    /// The batches as they are shown on a day.
    #[must_use]
    pub fn batch_views(&self, today: Date) -> Vec<BatchView> {
        self.batches
            .iter()
            .cloned()
            .map(|record| BatchView::of(record, self.summary.version, today))
            .collect()
    }
}
