//! Causes: why a command changes lines.

use crate::language::reason::{DeallocationReason, MoveReason};

/// Why a command changes lines. It decides which events record the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Lines get units, and no line loses any.
    NewPromise,
    /// Lines lose units, or leave the backlog, for this reason. Lines that wait may get them.
    Freed(DeallocationReason),
    /// Stock changed: lines move, wait, or get another promise date for this reason.
    Moved(MoveReason),
}

impl Cause {
    /// Why a line moves or gets another promise date; `None`: the command moves no line.
    pub(crate) const fn move_reason(&self) -> Option<&MoveReason> {
        match self {
            Self::Moved(reason) => Some(reason),
            Self::NewPromise | Self::Freed(_) => None,
        }
    }

    /// Why a line loses units without moving, or leaves the backlog; `None`: the command takes from no line.
    pub(crate) const fn deallocation_reason(&self) -> Option<DeallocationReason> {
        match self {
            Self::Freed(reason) => Some(*reason),
            Self::NewPromise | Self::Moved(_) => None,
        }
    }
}
