//! Lists: pages of batches and of orders that pass a filter.
//!
//! A store selects by what it has in columns. What is decided, such as the status of an order at an instant, the domain
//! decides here, once, so that no query knows it a second time. What few pass is looked for in a bounded number of rows:
//! then a page may have few items, or none, and says where to go on.

use earmark_domain::{BatchStatus, BatchView, LineState, OrderId, OrderStatus, OrderView, Reference, Sku};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::ports::{BatchSelection, OrderSelection, Page, Views};
use crate::store_error::StoreError;

/// How many batches are read at once where not all of them are wanted.
const BATCHES_AT_ONCE: usize = 500;

/// How many orders are read at once. Each may have hundreds of lines.
const ORDERS_AT_ONCE: usize = 100;

/// How often a page reads on, when few of those that were read are wanted.
const MAX_READS: usize = 10;

/// How many lines a page of orders has, but for those of its last order: some megabytes.
const MAX_LINES: usize = 5_000;

/// Which batches a list shows. An empty filter shows all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchFilter {
    /// Of which product, and where.
    pub selection: BatchSelection,
    /// Only those with this status.
    pub status: Option<BatchStatus>,
    /// Only those of which it was told that they are overdue, or only the others.
    pub overdue: Option<bool>,
}

impl BatchFilter {
    fn admits(&self, batch: &BatchView) -> bool {
        self.status.is_none_or(|status| batch.status == status)
            && self
                .overdue
                .is_none_or(|overdue| (batch.status == BatchStatus::Overdue) == overdue)
    }

    /// Whether the store shows no batch that the filter does not.
    fn is_a_selection(&self) -> bool {
        *self
            == Self {
                selection: self.selection.clone(),
                ..Self::default()
            }
    }
}

/// Which orders a list shows. An empty filter shows all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// Only those with a line of this product. `waiting` and `at_risk` then are about such lines alone.
    pub sku: Option<Sku>,
    /// Only those with this status.
    pub status: Option<OrderStatus>,
    /// Only those with a line that is at risk, or only the others.
    pub at_risk: Option<bool>,
    /// Only those with a line that waits, or only the others.
    pub waiting: Option<bool>,
    /// Only those that are required by a day before this one.
    pub required_before: Option<Date>,
}

impl OrderFilter {
    fn admits(&self, order: &OrderView) -> bool {
        let named = || {
            let lines = order.lines.iter();
            lines.filter(|line| self.sku.as_ref().is_none_or(|sku| line.sku == *sku))
        };
        let waits = || named().any(|line| line.state == LineState::Backordered);
        let is_at_risk = || named().any(|line| line.at_risk);
        let is_required_before = |day: Date| order.precedence.required_by().is_some_and(|required| required < day);
        named().next().is_some()
            && self.status.is_none_or(|status| order.status == status)
            && self.waiting.is_none_or(|waiting| waits() == waiting)
            && self.at_risk.is_none_or(|at_risk| is_at_risk() == at_risk)
            && self.required_before.is_none_or(is_required_before)
    }

    fn selection(&self) -> OrderSelection {
        OrderSelection {
            sku: self.sku.clone(),
            waiting: self.waiting == Some(true),
        }
    }

    /// Whether nearly all that the store shows passes.
    fn is_a_selection(&self) -> bool {
        *self
            == Self {
                sku: self.sku.clone(),
                waiting: self.waiting.filter(|waiting| *waiting),
                ..Self::default()
            }
    }
}

/// Batches by reference, from the one after `after` on, as they are at an instant: at most `limit`.
///
/// # Errors
/// When the store does not answer.
pub async fn list_batches(
    views: &dyn Views,
    filter: &BatchFilter,
    mut after: Option<Reference>,
    now: Timestamp,
    limit: usize,
) -> Result<Page<BatchView, Reference>, StoreError> {
    let at_once = if filter.is_a_selection() {
        limit.saturating_add(1).min(BATCHES_AT_ONCE)
    } else {
        BATCHES_AT_ONCE
    };
    let mut items: Vec<BatchView> = Vec::new();
    for _ in 0..MAX_READS {
        let read = views
            .list_batches(&filter.selection, after.as_ref(), now, at_once)
            .await?;
        let is_short = read.items.len() < at_once;
        for batch in read.items {
            let batch = batch.view();
            if !filter.admits(&batch) {
                continue;
            }
            if items.len() >= limit {
                let next = items.last().map(|last| last.record.reference.clone());
                return Ok(Page { items, next });
            }
            items.push(batch);
        }
        after = read.next;
        // The store has looked at as much as it may, or there is no more.
        if after.is_none() || is_short {
            break;
        }
    }
    Ok(Page { items, next: after })
}

/// Orders by id, from the one after `after` on, as they are at an instant of a day: at most `limit`.
///
/// # Errors
/// When the store does not answer.
pub async fn list_orders(
    views: &dyn Views,
    filter: &OrderFilter,
    mut after: Option<OrderId>,
    (now, today): (Timestamp, Date),
    limit: usize,
) -> Result<Page<OrderView, OrderId>, StoreError> {
    let at_once = if filter.is_a_selection() {
        limit.saturating_add(1).min(ORDERS_AT_ONCE)
    } else {
        ORDERS_AT_ONCE
    };
    let selection = filter.selection();
    let mut items: Vec<OrderView> = Vec::new();
    let mut lines = 0;
    for _ in 0..MAX_READS {
        let read = views.list_orders(&selection, after.as_ref(), at_once).await?;
        let is_short = read.items.len() < at_once;
        for order in read.items {
            let order = order.view(now, today);
            if !filter.admits(&order) {
                continue;
            }
            if items.len() >= limit || lines >= MAX_LINES {
                let next = items.last().map(|last| last.id.clone());
                return Ok(Page { items, next });
            }
            lines += order.lines.len();
            items.push(order);
        }
        after = read.next;
        // The store has looked at as much as it may, or there is no more.
        if after.is_none() || is_short {
            break;
        }
    }
    Ok(Page { items, next: after })
}
