//! Order lines as values: the terms a line is placed on, its state, and its units by batch.

use jiff::Timestamp;

use super::asked::AskedLine;
use super::locations::Locations;
use super::name::{LineKey, Reference};
use super::order_terms::OnShortage;
use super::precedence::Precedence;
use super::quantity::Quantity;

/// The state of a line. It is in exactly one state at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineState {
    /// All of its units are allocated until the deadline of its order.
    Held,
    /// All of its units are allocated.
    Allocated,
    /// It waits in the backlog.
    Backordered,
    /// It did not fit, and its order was placed without it.
    Refused,
    /// It was cancelled.
    Cancelled,
    /// The hold of its order was not confirmed before the deadline.
    Expired,
    /// Its units have left the building.
    Dispatched,
}

impl LineState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Held,
        Self::Allocated,
        Self::Backordered,
        Self::Refused,
        Self::Cancelled,
        Self::Expired,
        Self::Dispatched,
    ];

    /// The state of a line that has its units: held until a deadline, or firm.
    pub(crate) const fn with_units(hold_until: Option<Timestamp>) -> Self {
        if hold_until.is_some() {
            Self::Held
        } else {
            Self::Allocated
        }
    }

    /// The word used in JSON and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Allocated => "allocated",
            Self::Backordered => "backordered",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dispatched => "dispatched",
        }
    }

    /// The state with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether a line in this state has units allocated.
    #[must_use]
    pub const fn holds_units(self) -> bool {
        matches!(self, Self::Held | Self::Allocated)
    }

    /// Whether a line in this state has its units, or may still get them.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Allocated | Self::Backordered)
    }
}

/// Units in one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The batch.
    pub batch: Reference,
    /// The units.
    pub quantity: Quantity,
}

/// The terms a line was placed on. Each event that may be the first to name a line carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTerms {
    /// Which line.
    pub key: LineKey,
    /// The units it wants and that have not left the building; of a dispatched line, all that have.
    pub quantity: Quantity,
    /// Whether it may be spread over several batches.
    pub split: bool,
    /// When it was first placed, by the clock of the instance that placed it: for people. No order depends on it.
    pub placed_at: Timestamp,
    /// Whether it was placed with its order; `false`: it was added to the order later, or placed alone.
    pub placed_with_order: bool,
    /// What was first asked for it, if it was placed alone; of a line that was placed with its order, the order has it.
    pub asked: Option<AskedLine>,
    /// The precedence its order gives it.
    pub precedence: Precedence,
    /// Where its units may come from.
    pub locations: Locations,
    /// The deadline of its order if the order is held: from then on the line does not count. `None`: it is firm.
    pub hold_until: Option<Timestamp>,
}

impl LineTerms {
    /// The terms of a line that is placed alone in a new order: firm, and without precedence.
    pub(crate) fn alone(
        key: LineKey,
        quantity: Quantity,
        locations: Locations,
        on_shortage: OnShortage,
        split: bool,
        placed_at: Timestamp,
    ) -> Self {
        Self {
            key,
            quantity,
            split,
            placed_at,
            placed_with_order: false,
            asked: Some(AskedLine::new(quantity, on_shortage, &locations)),
            precedence: Precedence::default(),
            locations,
            hold_until: None,
        }
    }

    /// The terms of the same line when it is added to an order: the order sets its precedence and its deadline.
    pub(crate) fn added_to_order(self, precedence: Precedence, hold_until: Option<Timestamp>) -> Self {
        Self {
            precedence,
            hold_until,
            ..self
        }
    }

    /// The terms of the same line when it is placed with its order: the order sets its precedence and its deadline.
    pub(crate) fn with_order(self, precedence: Precedence, hold_until: Option<Timestamp>) -> Self {
        Self {
            placed_with_order: true,
            asked: None,
            precedence,
            hold_until,
            ..self
        }
    }
}
