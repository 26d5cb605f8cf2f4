//! Forgetting messages that were processed long ago: no broker that is in order delivers them again.

use jiff::SignedDuration;

use crate::ports::{Clock, INBOX_LIFETIME, Inbox};
use crate::store_error::StoreError;

/// Forgets a bounded number of old messages, and says whether there may be more.
///
/// # Errors
/// As [`Inbox::forget`].
pub async fn forget_old_messages(inbox: &dyn Inbox, clock: &dyn Clock) -> Result<bool, StoreError> {
    let lifetime = SignedDuration::try_from(INBOX_LIFETIME).unwrap_or(SignedDuration::MAX);
    // A clock that stands before the first month of all time has nothing to forget.
    let Ok(before) = clock.now().checked_sub(lifetime) else {
        return Ok(false);
    };
    Ok(inbox.forget(before).await? > 0)
}
