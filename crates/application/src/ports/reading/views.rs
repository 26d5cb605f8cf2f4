//! Views: batches, orders and products as callers ask for them.

use async_trait::async_trait;
use earmark_domain::{Location, OrderId, Reference, ServicePosition, Sku};
use jiff::Timestamp;

use crate::read_models::{BatchRead, LineRead, OrderRead, ProductRead, ProductSummary};
use crate::store_error::StoreError;

/// The most rows that a store looks at for one page of a list: a few milliseconds. Where few of them are wanted, the page
/// may have few items, or none, and the list goes on behind it.
pub const MAX_LIST_ROWS: usize = 10_000;

/// A page of a list, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<Item, Key> {
    /// Its items. There may be fewer than asked for, or none, though the list goes on.
    pub items: Vec<Item>,
    /// The key that the next page begins after; `None`: the list ends here.
    pub next: Option<Key>,
}

/// The batches that a list is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchSelection {
    /// Only those of this product.
    pub sku: Option<Sku>,
    /// Only those at this location.
    pub location: Option<Location>,
}

/// The orders that a list is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderSelection {
    /// Only those with a line of this product.
    pub sku: Option<Sku>,
    /// Only those with a line that is stored as waiting: one of that product, if one is named.
    pub waiting: bool,
}

/// Answers questions about the current state. Reads the tables as they are and locks nothing. Every list is bounded by
/// `limit`.
///
/// A question with an instant `now` is answered as if every hold whose deadline is not after it had expired: its units
/// are not counted as allocated, its lines don't wait.
///
/// A question may be awaited on any runtime, and dropped at any time.
#[async_trait]
pub trait Views: Send + Sync {
    /// One batch.
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError>;
    /// One order with its lines; `None` when no line names it.
    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError>;
    /// Batches by reference, from the one after `after` on, at most `limit`: those of a selection. Looks at
    /// [`MAX_LIST_ROWS`] of them at most.
    async fn list_batches(
        &self,
        selection: &BatchSelection,
        after: Option<&Reference>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError>;
    /// Orders by id, from the one after `after` on, at most `limit`, each with all of its lines: those of a selection, and
    /// perhaps one that is not. Looks at [`MAX_LIST_ROWS`] lines at most.
    async fn list_orders(
        &self,
        selection: &OrderSelection,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError>;
    /// One product with its batches.
    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError>;
    /// Products by SKU, from the one after `after` on. `search`: those whose SKU or name contains it, in any case.
    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError>;
    /// The backlog of a product in order of service, from the position after `after` on; `None`: no such product.
    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&ServicePosition>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError>;
}
