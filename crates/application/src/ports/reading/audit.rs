//! The audit: what `verify` reads to check the tables against the events.

use async_trait::async_trait;
use earmark_domain::{AuditedOrder, AuditedProduct, LineKey, OrderId, Sku};

use crate::store_error::StoreError;

/// Reads what an audit needs, each question in one snapshot. No question holds the past of a product.
#[async_trait]
pub trait Audit: Send + Sync {
    /// The sequence of the last event; 0: there is none.
    async fn last_event(&self) -> Result<u64, StoreError>;
    /// A product and its batches.
    async fn audited_product(&self, sku: &Sku) -> Result<Option<AuditedProduct>, StoreError>;
    /// Everything that is stored under the next order ids after `after`, by order id: of each order its header, lines,
    /// units and events, whichever of these there are. An event without an order id is found through the line that it
    /// placed.
    ///
    /// A page MUST have at most `rows` rows of each kind, or be one order. It is empty behind the last order.
    async fn audited_orders(&self, after: Option<&OrderId>, rows: usize) -> Result<Vec<AuditedOrder>, StoreError>;
    /// Those of these lines that are not stored.
    async fn missing_lines(&self, lines: &[LineKey]) -> Result<Vec<LineKey>, StoreError>;
}
