//! The result of a command, as the import sees it.

use super::counts::Counts;

/// The result of a command that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SendResult {
    /// It was answered; count its rows so.
    Done(Counts),
    /// It contradicts the stored state; its rows are bad, for this reason.
    Bad(String),
    /// Send it again later, for this reason. Whether it was stored is unknown; a command may be sent twice.
    Retry(String),
    /// The import can't continue, for this reason.
    Abort(String),
}
