//! The rows of the table of orders: one row for all lines of an order.

use std::collections::BTreeSet;

use earmark_application::LineRead;
use earmark_domain::{LineState, OrderId, OrderRecord, OrderStatus};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::table::Exported;
use crate::wire::Text;

/// An order, built line by line. The fields named after states of lines are units.
#[derive(Debug, Serialize)]
pub struct OrderRow {
    order_id: String,
    status: &'static str,
    placed_at: Text<Timestamp>,
    lines: u64,
    allocated: u64,
    backordered: u64,
    refused: u64,
    cancelled: u64,
    promised_on: Option<Text<Date>>,
    held: u64,
    expired: u64,
    dispatched: u64,
    hold_expires_at: Option<Text<Timestamp>>,
    priority: i32,
    required_by: Option<Text<Date>>,
    #[serde(skip)]
    order: OrderId,
    /// The deadline in its header, which is shown only for an order that is held, or was until then.
    #[serde(skip)]
    deadline: Option<Timestamp>,
    /// The states of its lines, from which its status follows: few, however many lines there are.
    #[serde(skip)]
    states: BTreeSet<(LineState, Option<Timestamp>)>,
}

impl Exported for OrderRow {
    /// New columns come last, so that the positions of the others stay the same.
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
    /// The row of an order with its first line, at an instant of a day. `header`: the order's own record, if it was placed as an
    /// order.
    #[must_use]
    pub fn begin(header: Option<&OrderRecord>, line: LineRead, now: Timestamp, today: Date) -> Self {
        let order = line.record.terms.key.order.clone();
        let precedence = header.map(|header| header.precedence).unwrap_or_default();
        let mut row = Self {
            order_id: order.to_string(),
            status: OrderStatus::Firm.as_str(),
            placed_at: Text(line.record.terms.placed_at),
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
            required_by: precedence.required_by().map(Text),
            order,
            deadline: header.and_then(|header| header.hold_until),
            states: BTreeSet::new(),
        };
        row.add(line, now, today);
        row
    }

    /// Whether a line is of this order.
    #[must_use]
    pub fn holds(&self, line: &LineRead) -> bool {
        self.order == line.record.terms.key.order
    }

    /// Adds another line of the order. The order is promised for the day of its last line, and for none while a line is
    /// in the backlog.
    pub fn add(&mut self, line: LineRead, now: Timestamp, today: Date) {
        self.placed_at = Text(self.placed_at.0.min(line.record.terms.placed_at));
        let line = line.view(now, today);
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
        self.hold_expires_at = self.deadline.filter(|_| was_held).map(Text);
        self.promised_on = match self.backordered {
            0 => self.promised_on.map(|day| day.0).max(line.promise.on).map(Text),
            _ => None,
        };
    }
}
