//! Views: batches, lines and orders as they are shown.

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::batch::BatchStatus;
use crate::line::{LineState, Part};
use crate::name::{LineKey, OrderId, Sku};
use crate::precedence::Precedence;
use crate::quantity::{Quantity, Units};
use crate::record::{BatchRecord, OrderRecord};

/// A batch as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchView {
    /// What is stored of it.
    pub record: BatchRecord,
    /// Units that can be promised.
    pub available: Units,
    /// Where it is on its way.
    pub status: BatchStatus,
    /// The version of its product, which rises with each change of the batch.
    pub version: u64,
}

impl BatchView {
    /// A batch of a product of this version, as it is shown on a day.
    #[must_use]
    pub fn of(record: BatchRecord, version: u64, today: Date) -> Self {
        Self {
            status: record.status(today),
            available: record.available(),
            record,
            version,
        }
    }
}

/// A line as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Which line.
    pub key: LineKey,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants.
    pub quantity: Quantity,
    /// Where it stands.
    pub state: LineState,
    /// Where its units are, in preference order.
    pub allocations: Vec<Part>,
    /// When it can leave; `None` for a line without stock.
    pub promised_on: Option<Date>,
    /// The deadline of a line that is held, or waits in an order that is.
    pub hold_until: Option<Timestamp>,
}

/// Whether an order still stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// It stands until its deadline, unless it is confirmed before.
    Held,
    /// It stands.
    Firm,
    /// It was held, and nobody confirmed it in time.
    Expired,
    /// No line of it stands any more.
    Cancelled,
}

impl OrderStatus {
    /// The status of an order whose lines are in these states, each with its deadline, if it has one.
    ///
    /// An order is held while a line of it that may still get or keep units has a deadline, and firm while anything else
    /// of it stands or has left the building. Refused lines never stood.
    #[must_use]
    pub fn of(lines: impl IntoIterator<Item = (LineState, Option<Timestamp>)>) -> Self {
        let (mut firm, mut expired, mut cancelled) = (false, false, false);
        for (state, deadline) in lines {
            match state {
                LineState::Held | LineState::Allocated | LineState::Backordered => {
                    if deadline.is_some() {
                        return Self::Held;
                    }
                    firm = true;
                }
                LineState::Dispatched => firm = true,
                LineState::Expired => expired = true,
                LineState::Cancelled => cancelled = true,
                LineState::Refused => {}
            }
        }
        match (firm, expired, cancelled) {
            (false, true, _) => Self::Expired,
            (false, false, true) => Self::Cancelled,
            _ => Self::Firm,
        }
    }

    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Firm => "firm",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An order as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Which order.
    pub id: OrderId,
    /// Whether it stands.
    pub status: OrderStatus,
    /// The deadline of an order that is held, or was until then.
    pub hold_expires_at: Option<Timestamp>,
    /// Its lines' place in the order of service.
    pub precedence: Precedence,
    /// Its lines, by line id.
    pub lines: Vec<LineView>,
}

impl OrderView {
    /// An order with these lines; `header` if it was placed whole.
    #[must_use]
    pub fn of(id: OrderId, header: Option<&OrderRecord>, lines: Vec<LineView>) -> Self {
        let status = OrderStatus::of(lines.iter().map(|line| (line.state, line.hold_until)));
        let was_held = matches!(status, OrderStatus::Held | OrderStatus::Expired);
        Self {
            id,
            status,
            hold_expires_at: header.and_then(|header| header.hold_until).filter(|_| was_held),
            precedence: header.map_or_else(Precedence::default, |header| header.precedence),
            lines,
        }
    }
}
