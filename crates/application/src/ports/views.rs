//! Views: batches, orders and products as callers ask for them.

use async_trait::async_trait;
use earmark_domain::{OrderId, Reference, ServicePosition, Sku};
use jiff::Timestamp;

use crate::read_models::{BatchRead, LineRead, OrderRead, ProductRead, ProductSummary};
use crate::store_error::StoreError;

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
