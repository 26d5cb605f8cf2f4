//! What can go wrong, told apart by what the caller can do about it.

use earmark_domain::{Corrupt, Refusal};

use crate::port::Undecided;

/// Why a store did not store, or did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The state that was read is no longer the state that stands: load and decide anew. Nothing was stored.
    #[error("the state changed while it was decided on")]
    Conflict,
    /// The store can't be reached or does not answer in time. Whether the change was stored may be unknown; sending
    /// the command again is safe, because commands are idempotent.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// What is stored can't be true. Nobody should decide on it.
    #[error("the stored books are broken: {0}")]
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

/// Why a command got no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many commands wait, or others changed the same products too often. Send it again later.
    #[error("the service is busy; send the command again in a moment")]
    Busy,
    /// The service is going down and takes no new work.
    #[error("the service is shutting down; send the command again")]
    ShuttingDown,
    /// The store does not answer. Send the command again: it is safe.
    #[error("the store does not answer; send the command again, it is safe")]
    Unavailable,
    /// A defect of the service. The command has not been stored.
    #[error("the service failed on this command; it has been logged")]
    Internal,
}

impl CommandError {
    /// A word for those who count outcomes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Busy => "busy",
            Self::ShuttingDown => "shutting_down",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}
