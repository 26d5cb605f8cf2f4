//! Refusals: why a command was refused.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::explain::Remedy;
use crate::language::line_terms::LineState;
use crate::language::name::{LineKey, Location, OrderId, Reference, Sku};
use crate::language::quantity::{Count, Quantity, Units};
use crate::language::term::Term;

/// The longest a refusal is in words, in characters: what is longer names hundreds of things, and a few say enough.
pub const MAX_REFUSAL_CHARS: usize = 500;

/// A line that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Which line.
    pub key: LineKey,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants.
    pub requested: Quantity,
    /// Units of the product that are available to it, after the lines before it.
    pub available: Units,
    /// The most of them in one batch: what a line that may not be split could get.
    pub largest_batch: Units,
    /// The smallest change that would have let it fit.
    pub remedy: Remedy,
}

impl Shortage {
    /// The shortage of the whole line, of which so many units have left the building.
    pub(crate) fn beside(self, dispatched: Units) -> Self {
        let all = Quantity::new(i128::from(dispatched.get()));
        Self {
            requested: all.map_or(self.requested, |dispatched| dispatched.plus(self.requested)),
            available: self.available.plus(dispatched),
            largest_batch: self.largest_batch.plus(dispatched),
            remedy: self.remedy.beside(dispatched),
            ..self
        }
    }
}

/// Why a command was refused. Nothing is stored, except the OutOfStock events of a shortage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such product.
    #[error("unknown SKU: {}", List(.0))]
    UnknownSku(Vec<Sku>),
    /// No batch was ever created at these locations, of any product.
    #[error("unknown location: {}", List(.0))]
    UnknownLocation(Vec<Location>),
    /// No such batch.
    #[error("there is no batch {0}")]
    UnknownBatch(Reference),
    /// No such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// No such line.
    #[error("there is no line {0}")]
    UnknownLine(LineKey),
    /// The reference belongs to a batch with other content.
    #[error("batch {0} exists with other content")]
    BatchExists(Reference),
    /// The reference that the rest of a batch would have belongs to another batch.
    #[error("batch {reference} exists, so the rest of batch {of} needs another reference: name it in `rest.reference`")]
    RestExists {
        /// The reference that is taken.
        reference: Reference,
        /// The batch of which a part has arrived.
        of: Reference,
    },
    /// The reference that the rest of a batch would have is too long.
    #[error("a reference that follows from {0} is too long for the rest of that batch: name one in `rest.reference`")]
    RestUnnamed(Reference),
    /// All that was expected of a batch has arrived.
    #[error("{arrived} of {expected} units of batch {reference} have arrived, so nothing is left to expect")]
    NoRest {
        /// Which batch.
        reference: Reference,
        /// The units that were expected.
        expected: Count,
        /// The units that have arrived.
        arrived: Quantity,
    },
    /// The line was placed on other terms.
    #[error("line {key} exists, and differs in {}", List(differs))]
    LineExists {
        /// Which line.
        key: LineKey,
        /// In what it differs.
        differs: Vec<Term>,
    },
    /// The order was placed on other terms.
    #[error("order {order} exists, and differs in {}", List(differs))]
    OrderExists {
        /// Which order.
        order: OrderId,
        /// In what it differs.
        differs: Vec<Term>,
    },
    /// The order was placed, and cancelled.
    #[error("order {0} was cancelled")]
    OrderCancelled(OrderId),
    /// The line does not fit.
    #[error("{} units of {} are asked for, {} are available", .0.requested, .0.sku, .0.available)]
    OutOfStock(Shortage),
    /// Lines of the order do not fit.
    #[error("{} of the order's lines do not fit", .0.len())]
    Shortages(Vec<Shortage>),
    /// The quantity is less than what has been dispatched from the batch.
    #[error("{dispatched} units of batch {reference} have been dispatched")]
    BelowDispatched {
        /// Which batch.
        reference: Reference,
        /// Units that were dispatched.
        dispatched: Units,
    },
    /// The batch is in the warehouse: it gets no ETA, and no other count as its receipt.
    #[error("batch {reference} is in the warehouse, where {received} units of it arrived")]
    AlreadyReceived {
        /// Which batch.
        reference: Reference,
        /// The units that arrived.
        received: Count,
    },
    /// The batch was in the warehouse when it was created, so there is no receipt to undo.
    #[error("batch {0} was in the warehouse when it was created")]
    NotReceived(Reference),
    /// Units of the batch have left the building, so it has arrived.
    #[error("{dispatched} units of batch {reference} have been dispatched")]
    BatchDispatched {
        /// Which batch.
        reference: Reference,
        /// Units that were dispatched.
        dispatched: Units,
    },
    /// The batch was cancelled and can't be changed.
    #[error("batch {0} was cancelled")]
    BatchClosed(Reference),
    /// The order is not held, so it can't be replaced or confirmed.
    #[error("order {0} is not held")]
    NotHeld(OrderId),
    /// The deadline of the hold has passed.
    #[error("the hold of order {order} has expired")]
    HoldExpired {
        /// Which order.
        order: OrderId,
        /// The lines that could not be allocated again, if that was asked for.
        shortages: Vec<Shortage>,
    },
    /// More units were to be confirmed than are held.
    #[error("{asked} units of line {key} are to be confirmed, {held} are held")]
    ExceedsHold {
        /// Which line.
        key: LineKey,
        /// Units that are held.
        held: Quantity,
        /// Units that were to be confirmed.
        asked: Quantity,
    },
    /// More units of the line have left the building than were named.
    #[error("{dispatched} units of line {key} have been dispatched")]
    AlreadyDispatched {
        /// Which line.
        key: LineKey,
        /// Its units that have left.
        dispatched: Units,
    },
    /// More units were to leave than the line has.
    #[error("{asked} units of line {key} are to leave, it has {quantity}")]
    ExceedsLine {
        /// Which line.
        key: LineKey,
        /// All of its units, those that have left among them.
        quantity: Quantity,
        /// Units that were to have left.
        asked: Quantity,
    },
    /// The line was refused, cancelled, or has expired.
    #[error("line {key} is {}", .state.as_str())]
    LineEnded {
        /// Which line.
        key: LineKey,
        /// Its state.
        state: LineState,
    },
    /// The line's units have not arrived, so they can't be dispatched.
    #[error("line {key} has units in batch {batch}, which is not in the warehouse")]
    NotInWarehouse {
        /// Which line.
        key: LineKey,
        /// The batch that has not arrived.
        batch: Reference,
    },
    /// The order is held; only a firm order can be dispatched.
    #[error("order {0} is held, and has to be confirmed first")]
    NotFirm(OrderId),
    /// The lines have no units to dispatch, or none to take back.
    #[error("not allocated: {}", List(.0))]
    NotAllocated(Vec<LineKey>),
    /// The product has another version than the command requires.
    #[error("the version is {version} by now")]
    StaleVersion {
        /// The current version.
        version: u64,
    },
}

impl Refusal {
    /// The hold of an order has expired, and allocating its lines again was not tried.
    pub(crate) fn hold_expired(order: &OrderId) -> Self {
        Self::HoldExpired {
            order: order.clone(),
            shortages: Vec::new(),
        }
    }

    /// The refusal as text, for whoever asks later: its code, a colon and a sentence. At most [`MAX_REFUSAL_CHARS`]
    /// characters; what is longer is cut.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut words = format!("{}: {self}", self.code());
        if let Some((end, _)) = words.char_indices().nth(MAX_REFUSAL_CHARS) {
            let last = words[..end].char_indices().next_back().map_or(0, |(last, _)| last);
            words.truncate(last);
            words.push('…');
        }
        words
    }

    /// The refusal's stable code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownSku(_) => "unknown_sku",
            Self::UnknownLocation(_) => "unknown_location",
            Self::UnknownBatch(_) => "unknown_batch",
            Self::UnknownOrder(_) => "unknown_order",
            Self::UnknownLine(_) => "unknown_line",
            Self::BatchExists(_) | Self::RestExists { .. } => "batch_exists",
            Self::RestUnnamed(_) => "rest_unnamed",
            Self::NoRest { .. } => "no_rest",
            Self::LineExists { .. } => "line_exists",
            Self::OrderExists { .. } => "order_exists",
            Self::OrderCancelled(_) => "order_cancelled",
            Self::OutOfStock(_) | Self::Shortages(_) => "out_of_stock",
            Self::BelowDispatched { .. } => "below_dispatched",
            Self::AlreadyReceived { .. } => "already_received",
            Self::NotReceived(_) => "not_received",
            Self::BatchClosed(_) => "batch_closed",
            Self::NotHeld(_) => "not_held",
            Self::HoldExpired { .. } => "hold_expired",
            Self::ExceedsHold { .. } => "exceeds_hold",
            Self::ExceedsLine { .. } => "exceeds_line",
            Self::AlreadyDispatched { .. } | Self::BatchDispatched { .. } => "already_dispatched",
            Self::LineEnded { .. } => "line_ended",
            Self::NotInWarehouse { .. } => "not_in_warehouse",
            Self::NotFirm(_) => "not_firm",
            Self::NotAllocated(_) => "not_allocated",
            Self::StaleVersion { .. } => "stale_version",
        }
    }
}

struct List<'a, T>(&'a [T]);

impl<T: core::fmt::Display> core::fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, one) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            core::fmt::Display::fmt(one, f)?;
        }
        Ok(())
    }
}
