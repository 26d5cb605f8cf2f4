//! What a request says of an order beside its lines: what happens on a shortage, and how long it is held.

use jiff::SignedDuration;

/// The longest hold, in seconds: thirty days.
pub const MAX_HOLD_SECONDS: i64 = 30 * 24 * 60 * 60;

/// What happens to a line that is placed alone and does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnShortage {
    /// It is refused and not stored.
    #[default]
    Reject,
    /// It waits in the backlog.
    Backorder,
}

/// What happens to the lines of an order that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOrderShortage {
    /// The whole order is refused.
    #[default]
    Reject,
    /// They wait in the backlog.
    Backorder,
    /// They are refused and the others are allocated. If no line fits, the order is refused.
    Partial,
}

/// How long an order is held unless it is confirmed: 1 second to [`MAX_HOLD_SECONDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldFor(SignedDuration);

/// Why a number of seconds is not the length of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_HOLD_SECONDS} seconds (thirty days), is {given}")]
pub struct HoldForError {
    given: i128,
}

impl OnShortage {
    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Backorder => "backorder",
        }
    }
}

impl OnOrderShortage {
    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Backorder => "backorder",
            Self::Partial => "partial",
        }
    }
}

impl HoldFor {
    /// Checks a number of seconds.
    ///
    /// # Errors
    /// [`HoldForError`] when it is below 1 or above [`MAX_HOLD_SECONDS`].
    pub fn seconds(seconds: impl Into<i128>) -> Result<Self, HoldForError> {
        let given = seconds.into();
        i64::try_from(given)
            .ok()
            .filter(|seconds| (1..=MAX_HOLD_SECONDS).contains(seconds))
            .map(|seconds| Self(SignedDuration::from_secs(seconds)))
            .ok_or(HoldForError { given })
    }

    /// The length of the hold.
    #[must_use]
    pub const fn duration(self) -> SignedDuration {
        self.0
    }
}
