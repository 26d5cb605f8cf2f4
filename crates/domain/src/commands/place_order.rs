//! Placing an order: its lines and its terms.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::SignedDuration;

use crate::language::locations::Locations;
use crate::language::name::{LineId, LineKey, OrderId, Sku};
use crate::language::precedence::Precedence;
use crate::language::quantity::Quantity;

/// The most lines one order may have, whichever way it comes: the lines of an order are decided and stored in one
/// transaction.
pub const MAX_LINES_PER_ORDER: usize = 500;

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

/// Why a list of lines is not an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderLinesError {
    /// There is no line.
    #[error("must have at least one line")]
    Empty,
    /// There are more than [`MAX_LINES_PER_ORDER`].
    #[error("must have at most {MAX_LINES_PER_ORDER} lines, has {0}")]
    TooMany(usize),
    /// Two lines have the same id.
    #[error("line id {0} stands twice; lines of one SKU need a line_id each")]
    Twice(LineId),
}

/// One line of an order to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Its id within the order.
    pub line: LineId,
    /// The product.
    pub sku: Sku,
    /// How many units.
    pub quantity: Quantity,
    /// Where they may come from.
    pub locations: Locations,
}

/// The terms an order is placed on. By default it is firm at once, all or nothing, with whole lines and no precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderTerms {
    /// What happens to lines that do not fit.
    pub on_shortage: OnOrderShortage,
    /// Whether a line may be spread over several batches.
    pub split: bool,
    /// How long the order is held unless it is confirmed; `None`: it is firm at once.
    pub hold_for: Option<HoldFor>,
    /// The precedence of its lines.
    pub precedence: Precedence,
}

/// Places an order: all of its lines in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    order: OrderId,
    lines: Vec<OrderLine>,
    terms: OrderTerms,
}

impl PlaceOrder {
    /// An order with these lines, which are tried in this order.
    ///
    /// # Errors
    /// [`OrderLinesError`] when there is no line, there are too many, or two have the same id.
    pub fn new(order: OrderId, lines: Vec<OrderLine>, terms: OrderTerms) -> Result<Self, OrderLinesError> {
        if lines.is_empty() {
            return Err(OrderLinesError::Empty);
        }
        if lines.len() > MAX_LINES_PER_ORDER {
            return Err(OrderLinesError::TooMany(lines.len()));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = lines.iter().find(|line| !seen.insert(&line.line)) {
            return Err(OrderLinesError::Twice(twice.line.clone()));
        }
        Ok(Self { order, lines, terms })
    }

    /// Which order.
    #[must_use]
    pub const fn order(&self) -> &OrderId {
        &self.order
    }

    /// Its lines, in the order they are tried.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.lines
    }

    /// Its terms.
    #[must_use]
    pub const fn terms(&self) -> &OrderTerms {
        &self.terms
    }

    /// The identity of one of its lines.
    pub(crate) fn key(&self, line: &OrderLine) -> LineKey {
        LineKey {
            order: self.order.clone(),
            line: line.line.clone(),
        }
    }
}
