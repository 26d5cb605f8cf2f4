//! Reasons: why a line moved, lost its stock, or was not kept.

use core::fmt;

use crate::name::Reference;

/// What becomes of a line that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortageOutcome {
    /// Nothing of it: the whole command was refused.
    Nothing,
    /// The line, as refused, beside lines of its order that did fit.
    Refused,
    /// The line, in the backlog.
    Backordered,
}

impl ShortageOutcome {
    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Refused => "refused",
            Self::Backordered => "backordered",
        }
    }
}

/// Why a line had to move or wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveReason {
    /// Its batch was counted and holds less.
    BatchQuantityChanged(Reference),
    /// Its batch arrives on another day.
    BatchEtaChanged(Reference),
    /// Its batch has arrived.
    BatchReceived(Reference),
    /// Its batch won't come, or was given up.
    BatchCancelled(Reference),
}

impl MoveReason {
    /// The word for it outside.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::BatchQuantityChanged(_) => "batch_quantity_changed",
            Self::BatchEtaChanged(_) => "batch_eta_changed",
            Self::BatchReceived(_) => "batch_received",
            Self::BatchCancelled(_) => "batch_cancelled",
        }
    }

    /// The batch it is about.
    #[must_use]
    pub const fn batch(&self) -> &Reference {
        match self {
            Self::BatchQuantityChanged(batch)
            | Self::BatchEtaChanged(batch)
            | Self::BatchReceived(batch)
            | Self::BatchCancelled(batch) => batch,
        }
    }
}

/// Why a line no longer holds stock, or less of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeallocationReason {
    /// The line or its order was cancelled.
    Cancelled,
    /// The line wants fewer units.
    Reduced,
    /// Its order was held, and nobody confirmed it in time.
    HoldExpired,
    /// Its order was held, and was given up, or confirmed without it, or with less of it.
    HoldReleased,
    /// Its order was placed anew without it, or with less of it.
    OrderReplaced,
}

impl DeallocationReason {
    /// All reasons.
    pub const ALL: [Self; 5] = [
        Self::Cancelled,
        Self::Reduced,
        Self::HoldExpired,
        Self::HoldReleased,
        Self::OrderReplaced,
    ];

    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Reduced => "reduced",
            Self::HoldExpired => "hold_expired",
            Self::HoldReleased => "hold_released",
            Self::OrderReplaced => "order_replaced",
        }
    }

    /// The reason a word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for MoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchQuantityChanged(reference) => write!(f, "the quantity of batch {reference} changed"),
            Self::BatchEtaChanged(reference) => write!(f, "batch {reference} arrives on another day"),
            Self::BatchReceived(reference) => write!(f, "batch {reference} has arrived"),
            Self::BatchCancelled(reference) => write!(f, "batch {reference} was cancelled"),
        }
    }
}
