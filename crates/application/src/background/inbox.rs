//! Forgetting messages that were processed long ago: no broker that is in order delivers them again.

use jiff::SignedDuration;

use crate::ports::{Clock, INBOX_LIFETIME, Inbox};
use crate::store_error::StoreError;

/// Forgets a bounded number of old messages behind a place, which is 0 at first. Answers behind which place there may be
/// more; `None`: there are no more.
///
/// # Errors
/// As [`Inbox::forget`].
pub async fn forget_old_messages(inbox: &dyn Inbox, clock: &dyn Clock, after: u64) -> Result<Option<u64>, StoreError> {
    let lifetime = SignedDuration::try_from(INBOX_LIFETIME).unwrap_or(SignedDuration::MAX);
    // A clock that stands before the first month of all time has nothing to forget.
    let Ok(before) = clock.now().checked_sub(lifetime) else {
        return Ok(None);
    };
    Ok(inbox.forget(before, after).await?.next)
}
