//! The session store: the sessions of all instances.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::{AccessEntry, Session, SessionHash};
use crate::store_error::StoreError;

/// The sessions. What begins and ends one is stored with its entry in the log of access decisions, both or neither.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Begins a session. Of its holder's sessions the oldest end that are more than
    /// [`MAX_SESSIONS_OF_A_HOLDER`](crate::MAX_SESSIONS_OF_A_HOLDER) with it, and those that are over by its beginning are
    /// forgotten. The very same session may be begun again: a store MAY try a step twice.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn begin_session(&self, session: &Session, log: &AccessEntry) -> Result<(), StoreError>;

    /// The session of an id, whether or not it is over.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn session_of(&self, hash: SessionHash) -> Result<Option<Session>, StoreError>;

    /// Ends a session. `false`: there is none, and nothing is logged.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn end_session(&self, hash: SessionHash, log: &AccessEntry) -> Result<bool, StoreError>;

    /// The sessions that are not over at an instant, by the names of their holders and by when they began.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn all_sessions(&self, now: Timestamp) -> Result<Vec<Session>, StoreError>;
}
