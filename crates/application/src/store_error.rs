//! Why a store failed, told apart by what the caller can do about it.

use earmark_domain::Corrupt;

use crate::decision::Undecided;

/// Why a store did not store, or did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The state that was read is no longer current: load and decide again. Nothing was stored.
    #[error("the state changed while it was decided on")]
    Conflict,
    /// The store can't be reached or does not answer in time. Whether the change was stored may be unknown; sending
    /// the command again is safe, because commands are idempotent.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The stored state can't be true. Nothing may be decided on it.
    #[error("the stored state is corrupt: {0}")]
    Corrupt(String),
    /// The decision could not be taken. Nothing was stored.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

impl From<Corrupt> for StoreError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt.to_string())
    }
}
