//! Health: whether the store can be used.

use async_trait::async_trait;

use crate::store_error::StoreError;

/// Answers the readiness probe.
#[async_trait]
pub trait Health: Send + Sync {
    /// Whether the store answers at all.
    ///
    /// # Errors
    /// When it does not.
    async fn ready(&self) -> Result<(), StoreError>;
}
