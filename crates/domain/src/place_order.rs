//! Orders to be placed: what a customer asks for, on which terms.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::SignedDuration;

use crate::name::{LineId, LineKey, Location, OrderId, Sku};
use crate::precedence::Precedence;
use crate::quantity::Quantity;

/// The most lines one order may have: the lines of an order are decided and stored in one transaction.
pub const MAX_LINES_PER_ORDER: usize = 2_000;

/// The most locations one line may name.
pub const MAX_LOCATIONS: usize = 16;

/// The longest that an order may be held, in seconds: thirty days.
pub const MAX_HOLD_SECONDS: i64 = 30 * 24 * 60 * 60;

/// What becomes of an order line that does not fit, when it is placed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnShortage {
    /// It is refused; nothing of it is kept.
    #[default]
    Reject,
    /// It waits in the backlog.
    Backorder,
}

/// What becomes of the lines of an order that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOrderShortage {
    /// The whole order is refused.
    #[default]
    Reject,
    /// They wait in the backlog.
    Backorder,
    /// They are refused, the others are allocated; if nothing fits, the order is refused.
    Partial,
}

/// Why a list of locations can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationsError {
    /// There are more than [`MAX_LOCATIONS`].
    #[error("must have at most {MAX_LOCATIONS} locations, has {0}")]
    TooMany(usize),
    /// One stands twice.
    #[error("location {0} stands twice")]
    Twice(Location),
}

/// The locations whose stock a line may be given, in order of preference: stock elsewhere is then not offered. Empty: any
/// location will do, and none is preferred.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations(Vec<Location>);

impl Locations {
    /// Any location.
    pub const ANY: Self = Self(Vec::new());

    /// These locations, the preferred one first.
    ///
    /// # Errors
    /// [`LocationsError`] when there are too many, or one stands twice.
    pub fn new(locations: Vec<Location>) -> Result<Self, LocationsError> {
        if locations.len() > MAX_LOCATIONS {
            return Err(LocationsError::TooMany(locations.len()));
        }
        let mut seen = BTreeSet::new();
        match locations.iter().find(|location| !seen.insert(*location)) {
            Some(twice) => Err(LocationsError::Twice(twice.clone())),
            None => Ok(Self(locations)),
        }
    }

    /// Whether any location will do.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// The locations, the preferred one first; empty for any.
    #[must_use]
    pub fn as_slice(&self) -> &[Location] {
        &self.0
    }
}

/// How long an order is held before it has to be confirmed: 1 second to [`MAX_HOLD_SECONDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldFor(SignedDuration);

/// Why a number of seconds is no time to hold an order for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_HOLD_SECONDS} seconds (thirty days), is {given}")]
pub struct HoldForError {
    given: i128,
}

impl HoldFor {
    /// Takes a number of seconds.
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

    /// The time.
    #[must_use]
    pub const fn duration(self) -> SignedDuration {
        self.0
    }
}

/// Why a set of lines is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderLinesError {
    /// There is no line.
    #[error("must have at least one line")]
    Empty,
    /// There are more than [`MAX_LINES_PER_ORDER`].
    #[error("must have at most {MAX_LINES_PER_ORDER} lines, has {0}")]
    TooMany(usize),
    /// Two lines share an id.
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

/// On which terms an order is placed. The default: firm at once, whole lines, all or nothing, no precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderTerms {
    /// What becomes of lines that do not fit.
    pub on_shortage: OnOrderShortage,
    /// Whether a line may be spread over several batches.
    pub split: bool,
    /// How long the order is held, unless it is confirmed before; `None`: it is firm at once.
    pub hold_for: Option<HoldFor>,
    /// Its lines' place in the order of service.
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
    /// An order with these lines, to be tried in this order.
    ///
    /// # Errors
    /// [`OrderLinesError`] when there is no line, there are too many, or two share an id.
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

    /// On which terms.
    #[must_use]
    pub const fn terms(&self) -> &OrderTerms {
        &self.terms
    }

    pub(crate) fn key(&self, line: &OrderLine) -> LineKey {
        LineKey {
            order: self.order.clone(),
            line: line.line.clone(),
        }
    }
}
