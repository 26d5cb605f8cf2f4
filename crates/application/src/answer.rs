//! Answers: what the caller of a command gets.

use earmark_domain::{Outcome, Refusal};

use crate::access::{Denied, Forbidden, OutOfBounds};

/// The outcome of a command, or why there is none.
pub type Answer = Result<Outcome, CommandError>;

/// Why a command has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Who asks may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It is not within the bounds of who asks.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// It names what does not exist for who asks. For who knows of everything it may exist.
    #[error(transparent)]
    Unknown(Refusal),
    /// Too many commands wait, or other transactions changed the same products too often. Send it again later.
    #[error("the service is busy; send the command again in a moment")]
    Busy,
    /// The service is shutting down and takes no new work.
    #[error("the service is shutting down; send the command again")]
    ShuttingDown,
    /// The store does not answer. It is safe to send the command again.
    #[error("the store does not answer; send the command again, it is safe")]
    Unavailable,
    /// A defect of the service. The command has not been stored.
    #[error("the service failed on this command; it has been logged")]
    Internal,
}

impl CommandError {
    /// A stable word for metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) | Self::Unknown(refusal) => refusal.code(),
            Self::Forbidden(_) => "forbidden",
            Self::OutOfBounds(_) => "out_of_bounds",
            Self::Busy => "busy",
            Self::ShuttingDown => "shutting_down",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl From<Denied> for CommandError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Forbidden(forbidden) => Self::Forbidden(forbidden),
            Denied::OutOfBounds(beyond) => Self::OutOfBounds(beyond),
            Denied::Unknown(refusal) => Self::Unknown(refusal),
        }
    }
}
