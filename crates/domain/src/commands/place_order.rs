//! Placing an order: its lines and its terms.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::language::asked::AskedOrder;
use crate::language::locations::Locations;
use crate::language::name::{LineId, LineKey, OrderId, Sku};
use crate::language::order_terms::{HoldFor, OnOrderShortage};
use crate::language::precedence::Precedence;
use crate::language::quantity::Quantity;

/// The most lines one order may have, whichever way it comes: the lines of an order are decided and stored in one
/// transaction.
pub const MAX_LINES_PER_ORDER: usize = 500;

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

    /// What is asked for, as it is kept to know the same request again. The order of the lines does not count.
    pub(crate) fn asked(&self) -> AskedOrder {
        let mut lines: Vec<&OrderLine> = self.lines.iter().collect();
        lines.sort_by(|a, b| a.line.cmp(&b.line));
        let lines = lines.into_iter();
        AskedOrder::new(
            lines.map(|line| (&line.line, &line.sku, line.quantity, &line.locations)),
            self.terms.split,
            self.terms.on_shortage,
            self.terms.hold_for,
            self.terms.precedence,
        )
    }

    /// The identity of one of its lines.
    pub(crate) fn key(&self, line: &OrderLine) -> LineKey {
        LineKey {
            order: self.order.clone(),
            line: line.line.clone(),
        }
    }
}
