//! Purging expired idempotency keys. They count as unknown already: what is gained is room.

use crate::ports::{Clock, IdempotencyStore, PURGE_BATCH};
use crate::store_error::StoreError;

/// Purges a bounded number of expired keys, and says whether there may be more.
///
/// # Errors
/// As [`IdempotencyStore::purge_expired`].
pub async fn purge_expired_keys(keys: &dyn IdempotencyStore, clock: &dyn Clock) -> Result<bool, StoreError> {
    let purged = keys.purge_expired(clock.now(), PURGE_BATCH).await?;
    Ok(purged >= PURGE_BATCH)
}
