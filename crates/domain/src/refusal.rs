//! Refusals: why a command was not carried out.

use alloc::vec::Vec;

use crate::explain::Remedy;
use crate::line::LineState;
use crate::name::{LineKey, OrderId, Reference, Sku};
use crate::quantity::{Quantity, Units};

/// A line that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Which line.
    pub key: LineKey,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants.
    pub requested: Quantity,
    /// Units of the product that are available to it, the lines before it counted.
    pub available: Units,
    /// Of these the most in one batch: what a line that may not be split could get.
    pub largest_batch: Units,
    /// The smallest change that would have let it fit.
    pub remedy: Remedy,
}

/// Why a command was refused. Nothing is stored but, for a shortage, its OutOfStock events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such product.
    #[error("unknown SKU: {}", List(.0))]
    UnknownSku(Vec<Sku>),
    /// No such batch.
    #[error("there is no batch {0}")]
    UnknownBatch(Reference),
    /// No such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// No such line.
    #[error("there is no line {0}")]
    UnknownLine(LineKey),
    /// The reference is taken by a batch with other content.
    #[error("batch {0} exists with other content")]
    BatchExists(Reference),
    /// The line was placed with another SKU or quantity.
    #[error("line {0} exists with another SKU or quantity")]
    LineExists(LineKey),
    /// The order was placed with other lines.
    #[error("order {0} exists with other lines")]
    OrderExists(OrderId),
    /// The line does not fit.
    #[error("{} units of {} are asked for, {} are available", .0.requested, .0.sku, .0.available)]
    OutOfStock(Shortage),
    /// Lines of the order do not fit.
    #[error("{} of the order's lines do not fit", .0.len())]
    Shortages(Vec<Shortage>),
    /// Fewer units than have left the building.
    #[error("{dispatched} units of batch {reference} have been dispatched")]
    BelowDispatched {
        /// Which batch.
        reference: Reference,
        /// Units that have left.
        dispatched: Units,
    },
    /// The batch was cancelled, and changes no more.
    #[error("batch {0} was cancelled")]
    BatchClosed(Reference),
    /// Only an order that is held can be placed anew.
    #[error("order {0} is not held")]
    NotHeld(OrderId),
    /// The deadline has passed.
    #[error("the hold of order {order} has expired")]
    HoldExpired {
        /// Which order.
        order: OrderId,
        /// The lines that could not be had anew, where that was asked for.
        shortages: Vec<Shortage>,
    },
    /// More units are to be confirmed than the line has.
    #[error("{asked} units of line {key} are to be confirmed, {held} are held")]
    ExceedsHold {
        /// Which line.
        key: LineKey,
        /// Units that are held.
        held: Quantity,
        /// Units that were to be confirmed.
        asked: Quantity,
    },
    /// What is left of it has left the building.
    #[error("line {0} has been dispatched")]
    AlreadyDispatched(LineKey),
    /// The line was refused, cancelled, or has expired.
    #[error("line {key} is {}", .state.as_str())]
    LineEnded {
        /// Which line.
        key: LineKey,
        /// Where it stands.
        state: LineState,
    },
    /// The line's units are not there to be dispatched.
    #[error("line {key} has units in batch {batch}, which is not in the warehouse")]
    NotInWarehouse {
        /// Which line.
        key: LineKey,
        /// The batch that is not there yet.
        batch: Reference,
    },
    /// Only what is firm is dispatched.
    #[error("order {0} is held, and has to be confirmed first")]
    NotFirm(OrderId),
    /// The lines have no units to dispatch.
    #[error("not allocated: {}", List(.0))]
    NotAllocated(Vec<LineKey>),
    /// The product has changed since it was looked at.
    #[error("the version is {version} by now")]
    StaleVersion {
        /// The version as it stands.
        version: u64,
    },
}

impl Refusal {
    /// The deadline of an order has passed, and nothing was tried to be had anew.
    pub(crate) fn hold_expired(order: &OrderId) -> Self {
        Self::HoldExpired {
            order: order.clone(),
            shortages: Vec::new(),
        }
    }

    /// The refusal's code, stable for machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownSku(_) => "unknown_sku",
            Self::UnknownBatch(_) => "unknown_batch",
            Self::UnknownOrder(_) => "unknown_order",
            Self::UnknownLine(_) => "unknown_line",
            Self::BatchExists(_) => "batch_exists",
            Self::LineExists(_) => "line_exists",
            Self::OrderExists(_) => "order_exists",
            Self::OutOfStock(_) | Self::Shortages(_) => "out_of_stock",
            Self::BelowDispatched { .. } => "below_dispatched",
            Self::BatchClosed(_) => "batch_closed",
            Self::NotHeld(_) => "not_held",
            Self::HoldExpired { .. } => "hold_expired",
            Self::ExceedsHold { .. } => "exceeds_hold",
            Self::AlreadyDispatched(_) => "already_dispatched",
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
