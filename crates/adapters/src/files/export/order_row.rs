//! Orders: one row of a table for all the lines of an order, gathered one after the other.

use std::collections::BTreeSet;

use earmark_application::LineRead;
use earmark_domain::{LineState, OrderId, OrderRecord, OrderStatus};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::{Exported, optional_text, text};

/// An order, gathered line by line. What is named after a state of lines are units.
#[derive(Debug, Serialize)]
pub struct OrderRow {
    order_id: String,
    status: &'static str,
    #[serde(serialize_with = "text")]
    placed_at: Timestamp,
    lines: u64,
    allocated: u64,
    backordered: u64,
    refused: u64,
    cancelled: u64,
    #[serde(serialize_with = "optional_text")]
    promised_on: Option<Date>,
    held: u64,
    expired: u64,
    dispatched: u64,
    #[serde(serialize_with = "optional_text")]
    hold_expires_at: Option<Timestamp>,
    priority: i32,
    #[serde(serialize_with = "optional_text")]
    required_by: Option<Date>,
    #[serde(skip)]
    order: OrderId,
    /// The deadline in its header, which is shown only of an order that is held, or was until then.
    #[serde(skip)]
    deadline: Option<Timestamp>,
    /// What its status follows from: few, however many lines there are.
    #[serde(skip)]
    states: BTreeSet<(LineState, Option<Timestamp>)>,
}

impl Exported for OrderRow {
    /// The later ones stand at the end: whoever counts columns finds the others where they were.
    const COLUMNS: &'static [&'static str] = &[
        "order_id",
        "status",
        "placed_at",
        "lines",
        "allocated",
        "backordered",
        "refused",
        "cancelled",
        "promised_on",
        "held",
        "expired",
        "dispatched",
        "hold_expires_at",
        "priority",
        "required_by",
    ];
}

impl OrderRow {
    /// The row of an order, of which this is the first line, as it is shown at an instant; `header` if it was placed
    /// whole.
    #[must_use]
    pub fn begin(header: Option<&OrderRecord>, line: LineRead, now: Timestamp) -> Self {
        let order = line.record.terms.key.order.clone();
        let precedence = header.map(|header| header.precedence).unwrap_or_default();
        let mut row = Self {
            order_id: order.to_string(),
            status: OrderStatus::Firm.as_str(),
            placed_at: line.record.terms.placed_at,
            lines: 0,
            allocated: 0,
            backordered: 0,
            refused: 0,
            cancelled: 0,
            promised_on: None,
            held: 0,
            expired: 0,
            dispatched: 0,
            hold_expires_at: None,
            priority: precedence.priority().get(),
            required_by: precedence.required_by(),
            order,
            deadline: header.and_then(|header| header.hold_until),
            states: BTreeSet::new(),
        };
        row.add(line, now);
        row
    }

    /// Whether a line is of this order.
    #[must_use]
    pub fn holds(&self, line: &LineRead) -> bool {
        self.order == line.record.terms.key.order
    }

    /// Adds another line of the order. The order can leave on the day its last line can; never, while one waits.
    pub fn add(&mut self, line: LineRead, now: Timestamp) {
        self.placed_at = self.placed_at.min(line.record.terms.placed_at);
        let line = line.view(now);
        let units = match line.state {
            LineState::Held => &mut self.held,
            LineState::Allocated => &mut self.allocated,
            LineState::Backordered => &mut self.backordered,
            LineState::Refused => &mut self.refused,
            LineState::Cancelled => &mut self.cancelled,
            LineState::Expired => &mut self.expired,
            LineState::Dispatched => &mut self.dispatched,
        };
        *units += u64::from(line.quantity.get());
        self.lines += 1;
        self.states.insert((line.state, line.hold_until));
        let status = OrderStatus::of(self.states.iter().copied());
        self.status = status.as_str();
        let was_held = matches!(status, OrderStatus::Held | OrderStatus::Expired);
        self.hold_expires_at = self.deadline.filter(|_| was_held);
        self.promised_on = match self.backordered {
            0 => self.promised_on.max(line.promised_on),
            _ => None,
        };
    }
}
