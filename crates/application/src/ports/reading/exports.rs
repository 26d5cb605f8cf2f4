//! Exports: whole tables, page by page, in the order of their keys.

use async_trait::async_trait;
use earmark_domain::{BatchRecord, LineKey, LineState, OrderId, OrderRecord, Reference};

use crate::read_models::LineRead;
use crate::store_error::StoreError;

/// Which lines an export wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineFilter {
    /// All of them.
    #[default]
    All,
    /// Those in one state.
    In(LineState),
}

/// Reads tables page by page, each page bounded by `limit`. A question may be dropped at any time.
#[async_trait]
pub trait Exports: Send + Sync {
    /// Lines by order id and line id, from the one after `after` on.
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError>;
    /// Batches by reference, from the one after `after` on, as they are stored.
    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError>;
    /// Headers of orders by order id, from the one after `after` on.
    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError>;
}
