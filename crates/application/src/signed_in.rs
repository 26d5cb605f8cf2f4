//! Who is signed in: the sessions that still open anything.

use jiff::Timestamp;

use crate::access::{Session, SessionHolder};
use crate::ports::{Keys, Sessions};
use crate::store_error::StoreError;

/// The sessions that are in force: those of people, and those whose keys still have the secret that began them.
///
/// # Errors
/// [`StoreError`] when the store does not answer.
pub async fn sessions_in_force(
    keys: &dyn Keys,
    sessions: &dyn Sessions,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let keys = keys.all_keys().await?;
    let mut sessions = sessions.all_sessions(now).await?;
    sessions.retain(|session| match &session.holder {
        SessionHolder::Key { hash, .. } => keys.iter().any(|key| key.hash == *hash && key.is_in_force(now)),
        SessionHolder::Person(_) => true,
    });
    Ok(sessions)
}
