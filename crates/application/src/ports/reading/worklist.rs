//! The worklist: what background jobs find to do.

use std::collections::BTreeSet;

use async_trait::async_trait;
use earmark_domain::{OrderId, Sku};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::store_error::StoreError;

/// An order with lines whose deadline has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOrder {
    /// Which order.
    pub id: OrderId,
    /// How many lines it has, whatever their product and state: the work of expiring it.
    pub lines: usize,
}

/// Finds pending work. Every list is bounded by `limit`.
#[async_trait]
pub trait Worklist: Send + Sync {
    /// Products with work that an earlier command left to be continued.
    async fn products_with_pending_work(&self, limit: usize) -> Result<Vec<Sku>, StoreError>;
    /// Products of which the day alone has changed something that was not told: a batch is overdue, or a line that is due
    /// by today has units in an overdue batch.
    async fn products_changed_by_day(&self, today: Date, limit: usize) -> Result<Vec<Sku>, StoreError>;
    /// Products on which a hold may have reached its deadline by `now`, the earliest deadline first.
    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError>;
    /// Orders that have a line of one of these products whose deadline is not after `now`, the earliest deadline first.
    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, limit: usize)
    -> Result<Vec<DueOrder>, StoreError>;
}
