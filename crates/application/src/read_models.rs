//! Read models: what the views and exports read, and how it is shown at an instant.

use earmark_domain::{
    BatchRecord, BatchView, Count, DispatchedPart, LineRecord, LineView, OrderId, OrderRecord, OrderView, Part,
    ProductName, ProductRecord, Promise, Promising, Sku, Units,
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
    /// What has left the building, in the order in which it left. Views read it, exports do not.
    pub dispatches: Vec<DispatchedPart>,
}

impl LineRead {
    /// The line as it is shown at an instant of a day: past its deadline it holds nothing, whether or not the sweep has
    /// recorded it.
    #[must_use]
    pub fn view(self, now: Timestamp, today: Date) -> LineView {
        let state = self.record.state_at(now);
        let allocations = if state.holds_units() {
            self.allocations
        } else {
            Vec::new()
        };
        let promise = self.record.promise;
        LineView {
            at_risk: state.is_open() && self.record.is_at_risk(allocations.iter().map(|(_, eta)| *eta), today),
            promise: Promise {
                on: promise.on.filter(|_| state == self.record.state),
                ..promise
            },
            quantity: self.record.total(),
            placed_at: self.record.terms.placed_at,
            hold_until: self.record.terms.hold_until.filter(|_| state.is_open()),
            key: self.record.terms.key,
            sku: self.record.sku,
            state,
            allocations: allocations.into_iter().map(|(part, _)| part).collect(),
            dispatches: self.dispatches,
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
    /// Its version, as commands are conditioned on it. A deadline that passes changes it once that is recorded.
    #[must_use]
    pub fn version(&self, today: Date) -> u64 {
        self.clone().view(Timestamp::MIN, today).version()
    }

    /// The order as it is shown at an instant of a day.
    #[must_use]
    pub fn view(self, now: Timestamp, today: Date) -> OrderView {
        let lines = self.lines.into_iter().map(|line| line.view(now, today)).collect();
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
    /// The batch as it is shown.
    #[must_use]
    pub fn view(self) -> BatchView {
        BatchView::of(self.record, self.version)
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
    /// Units that are available in its batches.
    pub free: Units,
    /// Of these, the units in batches of which it was told that they are overdue, with the ETA of each.
    pub overdue: Vec<(Date, Units)>,
    /// Units that lines in the backlog wait for.
    pub backordered: Units,
    /// Whether work on it is to be continued: not all who wait have been offered what is free.
    pub is_pending: bool,
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
        let overdue = batches.clone().filter(|batch| batch.overdue && !batch.closed);
        Self {
            sku: product.sku,
            name: product.name,
            version: product.version,
            on_hand: here.map(present).sum(),
            inbound: coming.map(present).sum(),
            allocated: batches.clone().map(|batch| batch.allocated).sum(),
            dispatched: batches.clone().map(|batch| batch.dispatched).sum(),
            safety_stock: product.safety_stock,
            free: batches.map(BatchRecord::available).sum(),
            overdue: overdue
                .filter_map(|batch| Some((batch.eta?, batch.available())))
                .collect(),
            backordered,
            is_pending: product.pending.is_some(),
        }
    }

    /// The sums as they are shown on a day.
    #[must_use]
    pub fn view(self, promising: Promising, today: Date) -> ProductView {
        ProductView {
            available: self.available(promising, today),
            summary: self,
        }
    }

    /// Units that can be promised on a day: what is available in its batches, but for those too long overdue, less the
    /// safety stock, and less what is owed to those who wait.
    #[must_use]
    pub fn available(&self, promising: Promising, today: Date) -> Units {
        let earliest = promising.earliest_eta(today);
        let offered = |eta: Date| earliest.is_none_or(|earliest| eta >= earliest);
        let too_late = self.overdue.iter().filter(|(eta, _)| !offered(*eta));
        let offered = self.free.saturating_sub(too_late.map(|(_, units)| *units).sum());
        earmark_domain::promisable(offered, self.safety_stock).saturating_sub(self.owed())
    }

    /// Units that lines wait for which have not all been offered what is free.
    #[must_use]
    pub fn owed(&self) -> Units {
        if self.is_pending { self.backordered } else { Units::ZERO }
    }
}

/// A product's sums as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductView {
    /// The sums.
    pub summary: ProductSummary,
    /// Units that can be promised.
    pub available: Units,
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
    /// The batches as they are shown.
    #[must_use]
    pub fn batch_views(&self) -> Vec<BatchView> {
        self.batches
            .iter()
            .cloned()
            .map(|record| BatchView::of(record, self.summary.version))
            .collect()
    }
}
