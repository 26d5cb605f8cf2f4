//! Views: batches, lines and orders as a reader sees them.

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::language::digest::Digest;
use crate::language::line_terms::{LineState, Part};
use crate::language::name::{LineKey, OrderId, Reference, Sku};
use crate::language::precedence::Precedence;
use crate::language::promise::Promise;
use crate::language::quantity::{Quantity, Units};
use crate::records::batch::{BatchRecord, BatchStatus};
use crate::records::order::{DispatchRecord, OrderRecord};

/// A batch as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchView {
    /// The stored record.
    pub record: BatchRecord,
    /// Units that can be promised.
    pub available: Units,
    /// Its status.
    pub status: BatchStatus,
    /// The version of its product. It rises with each change of the batch.
    pub version: u64,
}

impl BatchView {
    /// The view of a batch; `version` is its product's.
    #[must_use]
    pub fn of(record: BatchRecord, version: u64) -> Self {
        Self {
            status: record.status(),
            available: record.available(),
            record,
            version,
        }
    }
}

/// Units of a line that left the building together, from one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchedPart {
    /// The batch they left.
    pub batch: Reference,
    /// How many.
    pub quantity: Quantity,
    /// When they left.
    pub at: Timestamp,
}

impl From<&DispatchRecord> for DispatchedPart {
    fn from(record: &DispatchRecord) -> Self {
        Self {
            batch: record.batch.clone(),
            quantity: record.quantity,
            at: record.dispatched_at,
        }
    }
}

/// A line as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Which line.
    pub key: LineKey,
    /// The product it wants.
    pub sku: Sku,
    /// The units it wants, those that have left the building among them.
    pub quantity: Quantity,
    /// Its state.
    pub state: LineState,
    /// The units it has in batches, in preference order.
    pub allocations: Vec<Part>,
    /// The units that have left the building, in the order in which they left.
    pub dispatches: Vec<DispatchedPart>,
    /// What it was promised.
    pub promise: Promise,
    /// Whether it is at risk: it is promised for later than it is required by, or rests on an overdue batch, or waits
    /// although it is due.
    pub at_risk: bool,
    /// When it was first placed.
    pub placed_at: Timestamp,
    /// The deadline of a line that is held or waits in a held order.
    pub hold_until: Option<Timestamp>,
}

/// The status of an order, derived from its lines. From that which is furthest from the customer to that which is
/// nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderStatus {
    /// All of its lines are cancelled, or were refused.
    Cancelled,
    /// Its hold was not confirmed before the deadline.
    Expired,
    /// It counts until its deadline, unless it is confirmed before.
    Held,
    /// It is not held: it stays until it is cancelled.
    Firm,
    /// All of its lines have left the building, but for those that are cancelled.
    Dispatched,
}

impl OrderStatus {
    /// The status of an order with lines in these states, each with its deadline, if it has one.
    ///
    /// It says no more than every line does: of the lines that were neither refused nor cancelled, the one that is
    /// furthest from the customer decides. So an order with one expired line has expired, one with a line that is held
    /// is held, one with a line that has not left is firm.
    #[must_use]
    pub fn of(lines: impl IntoIterator<Item = (LineState, Option<Timestamp>)>) -> Self {
        let statuses = lines.into_iter().filter_map(|(state, deadline)| match state {
            LineState::Expired => Some(Self::Expired),
            LineState::Held | LineState::Allocated | LineState::Backordered if deadline.is_some() => Some(Self::Held),
            LineState::Held | LineState::Allocated | LineState::Backordered => Some(Self::Firm),
            LineState::Dispatched => Some(Self::Dispatched),
            LineState::Refused | LineState::Cancelled => None,
        });
        statuses.min().unwrap_or(Self::Cancelled)
    }

    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Firm => "firm",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Dispatched => "dispatched",
        }
    }
}

/// An order as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Which order.
    pub id: OrderId,
    /// Its status.
    pub status: OrderStatus,
    /// The deadline of an order that is held, or whose hold has expired.
    pub hold_expires_at: Option<Timestamp>,
    /// The precedence of its lines.
    pub precedence: Precedence,
    /// Its lines, by line id.
    pub lines: Vec<LineView>,
}

impl OrderView {
    /// The view of an order with these lines; `header` if it was placed with all lines at once.
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

    /// The version of the order: a number, never 0, that changes with the order and its lines, and with nothing else. What
    /// the clock alone tells does not count: whether a line is at risk.
    #[must_use]
    pub fn version(&self) -> u64 {
        let order = Digest::EMPTY
            .with(self.status.as_str())
            .with_signed(i64::from(self.precedence.priority().get()))
            .with_optional(self.precedence.required_by(), with_day)
            .with_optional(self.hold_expires_at, with_instant);
        let lines = self.lines.iter().fold(order, |digest, line| {
            let digest = digest
                .with(line.key.line.as_str())
                .with(line.sku.as_str())
                .with_number(u64::from(line.quantity.get()))
                .with(line.state.as_str())
                .with_optional(line.promise.on, with_day)
                .with_optional(line.promise.first_on, with_day)
                .with_optional(line.hold_until, with_instant)
                .with_number(line.allocations.len() as u64);
            let digest = line.allocations.iter().fold(digest, |digest, part| {
                digest
                    .with(part.batch.as_str())
                    .with_number(u64::from(part.quantity.get()))
            });
            line.dispatches.iter().fold(digest, |digest, part| {
                let digest = digest
                    .with(part.batch.as_str())
                    .with_number(u64::from(part.quantity.get()));
                with_instant(digest, part.at)
            })
        });
        // 53 bits: programs that read JSON numbers as floating-point ones keep them whole.
        (lines.get() >> 11).max(1)
    }
}

fn with_day(digest: Digest, day: Date) -> Digest {
    let digest = digest.with_signed(i64::from(day.year()));
    digest.with_signed(i64::from(day.day_of_year()))
}

fn with_instant(digest: Digest, instant: Timestamp) -> Digest {
    digest.with_signed(instant.as_microsecond())
}
