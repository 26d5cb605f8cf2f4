//! Forgetting access decisions: what is old, and refusals beyond what is kept of them.

use jiff::SignedDuration;

use crate::ports::{ACCESS_LOG_DAYS, ACCESS_LOG_REFUSALS, AccessLog, Clock};
use crate::store_error::StoreError;

/// Forgets a bounded number of entries, and says whether there may be more.
///
/// # Errors
/// As [`AccessLog::forget_access_entries`].
pub async fn forget_old_access_entries(log: &dyn AccessLog, clock: &dyn Clock) -> Result<bool, StoreError> {
    let lifetime = SignedDuration::from_hours(24 * i64::from(ACCESS_LOG_DAYS));
    // A clock that stands at the beginning of all time has nothing to forget.
    let Ok(before) = clock.now().checked_sub(lifetime) else {
        return Ok(false);
    };
    Ok(log.forget_access_entries(before, ACCESS_LOG_REFUSALS).await? > 0)
}
