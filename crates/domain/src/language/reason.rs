//! Reasons: why a line moved or lost its units, and what happens to a line that does not fit.

use core::fmt;

use super::name::Reference;

/// What happens to a line that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortageOutcome {
    /// The whole command is refused; nothing of the line is stored.
    Nothing,
    /// The line is stored as refused; other lines of its order did fit.
    Refused,
    /// The line joins the backlog.
    Backordered,
}

impl ShortageOutcome {
    /// The word used in JSON and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Refused => "refused",
            Self::Backordered => "backordered",
        }
    }
}

/// Why a line had to move, or had to wait again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveReason {
    /// Its batch was counted and has fewer units.
    BatchQuantityChanged(Reference),
    /// Its batch arrives on another day.
    BatchEtaChanged(Reference),
    /// Its batch has arrived.
    BatchReceived(Reference),
    /// The receipt of its batch was undone.
    BatchReceiptUndone(Reference),
    /// Its batch was cancelled.
    BatchCancelled(Reference),
    /// Its batch has not arrived on its day.
    BatchOverdue(Reference),
    /// Stock that is better for it is available.
    Improved,
    /// The terms of its order changed: its units are where they may not come from.
    OrderChanged,
}

impl MoveReason {
    /// The word used in JSON and in stores.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::BatchQuantityChanged(_) => "batch_quantity_changed",
            Self::BatchEtaChanged(_) => "batch_eta_changed",
            Self::BatchReceived(_) => "batch_received",
            Self::BatchReceiptUndone(_) => "batch_receipt_undone",
            Self::BatchCancelled(_) => "batch_cancelled",
            Self::BatchOverdue(_) => "batch_overdue",
            Self::Improved => "improved",
            Self::OrderChanged => "order_changed",
        }
    }

    /// The batch that is the reason, if one is.
    #[must_use]
    pub const fn batch(&self) -> Option<&Reference> {
        match self {
            Self::BatchQuantityChanged(batch)
            | Self::BatchEtaChanged(batch)
            | Self::BatchReceived(batch)
            | Self::BatchReceiptUndone(batch)
            | Self::BatchCancelled(batch)
            | Self::BatchOverdue(batch) => Some(batch),
            Self::Improved | Self::OrderChanged => None,
        }
    }
}

/// Why a line lost units, or left the backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeallocationReason {
    /// The line or its order was cancelled.
    Cancelled,
    /// The quantity of the line was reduced.
    Reduced,
    /// The hold of its order was not confirmed before its deadline.
    HoldExpired,
    /// The held order was cancelled, or was confirmed without the line or with less of it.
    HoldReleased,
    /// The held order was replaced by one without the line or with less of it.
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

    /// The word used in JSON and in stores.
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

    /// The reason with this word.
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
            Self::BatchReceiptUndone(reference) => write!(f, "batch {reference} has not arrived after all"),
            Self::BatchCancelled(reference) => write!(f, "batch {reference} was cancelled"),
            Self::BatchOverdue(reference) => write!(f, "batch {reference} has not arrived"),
            Self::Improved => f.write_str("better stock is available"),
            Self::OrderChanged => f.write_str("the terms of its order changed"),
        }
    }
}
