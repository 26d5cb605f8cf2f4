//! The audit: what `verify` reads to check the tables against the events.

use async_trait::async_trait;
use earmark_domain::{LineKey, LineRecord, OrderId, ProductHistory, SequencedEvent, Sku};

use crate::store_error::StoreError;

/// A line, and whether the events know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEventCheck {
    /// The line.
    pub record: LineRecord,
    /// Whether an event of its product concerns its order.
    pub has_event: bool,
}

/// Reads what an audit needs, each question in one snapshot.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Lines by order id and line id, from the one after `after` on, each with whether an event concerns it.
    async fn line_event_checks(&self, after: Option<&LineKey>, limit: usize)
    -> Result<Vec<LineEventCheck>, StoreError>;
    /// Events of orders as a whole, by order id and sequence, from the one after `after` on.
    async fn order_events(
        &self,
        after: Option<(&OrderId, u64)>,
        limit: usize,
    ) -> Result<Vec<SequencedEvent>, StoreError>;
    /// All that was ever stored of a product.
    ///
    /// Its lines are found through the orders that its events concern and through the allocations in its batches: no
    /// index is kept that only an audit reads. A line that neither leads to is missing here and reported by
    /// [`line_event_checks`](Self::line_event_checks).
    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError>;
}
