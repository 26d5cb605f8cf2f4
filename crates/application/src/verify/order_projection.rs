//! What the events of an order say of it, and where its records differ.

use std::collections::BTreeSet;

use earmark_domain::{
    AskedOrder, Event, Fact, LineId, LineRecord, LineState, OrderId, OrderRecord, OrderStatus, Precedence,
};
use jiff::Timestamp;

/// An order as its events tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OrderProjection {
    /// How often it was placed.
    placed: usize,
    /// Whether its terms changed.
    changed: bool,
    lines: BTreeSet<LineId>,
    precedence: Precedence,
    asked: Option<AskedOrder>,
    hold_until: Option<Timestamp>,
    expired: bool,
    cancelled: bool,
}

impl OrderProjection {
    /// Applies the next event. One that is of a product changes nothing.
    pub(super) fn apply(&mut self, event: &Event) {
        match &event.fact {
            Fact::OrderPlaced {
                lines,
                precedence,
                asked,
            } => {
                self.asked = Some(*asked);
                self.placed += 1;
                self.lines = lines.iter().cloned().collect();
                self.precedence = *precedence;
            }
            Fact::OrderReplaced {
                lines,
                precedence,
                asked,
            } => {
                self.asked = Some(*asked);
                self.lines = lines.iter().cloned().collect();
                self.precedence = *precedence;
            }
            Fact::OrderChanged { change } => {
                self.changed = true;
                self.precedence = change.precedence(self.precedence);
            }
            Fact::HoldPlaced { until } => self.hold_until = Some(*until),
            Fact::HoldExpired { .. } => self.expired = true,
            Fact::OrderCancelled => self.cancelled = true,
            _ => {}
        }
    }

    /// Where an order with this header and these lines differs from its events, as sentences.
    pub(super) fn discrepancies(
        &self,
        order: &OrderId,
        header: Option<&OrderRecord>,
        lines: &[LineRecord],
    ) -> Vec<String> {
        let mut found = Vec::new();
        match (header, self.placed) {
            (None, 0) if self.changed => {
                found.push(format!("order {order} has an OrderChanged event, but no header"));
            }
            (None, 0) | (Some(_), 1) => {}
            // Lines that were allocated one by one have a header once the terms of their order changed.
            (Some(_), 0) if self.changed => {}
            (None, _) => found.push(format!("order {order} has an OrderPlaced event, but no header")),
            (Some(_), 0) => found.push(format!("order {order} has a header, but no OrderPlaced event")),
            (Some(_), _) => found.push(format!("order {order} was placed twice")),
        }
        let stored: BTreeSet<LineId> = lines
            .iter()
            .filter(|line| line.terms.placed_with_order)
            .map(|line| line.terms.key.line.clone())
            .collect();
        if stored != self.lines {
            let expected = &self.lines;
            found.push(format!(
                "order {order} was placed with the lines {expected:?}, but has {stored:?}"
            ));
        }
        if let Some(header) = header {
            if header.precedence != self.precedence {
                found.push(format!("order {order} has another precedence than its events say"));
            }
            if header.asked != self.asked {
                found.push(format!(
                    "order {order} was asked for on other terms than its events say"
                ));
            }
            if header.hold_until != self.hold_until {
                let (stored, expected) = (header.hold_until, self.hold_until);
                found.push(format!(
                    "order {order} is held until {stored:?}, its events say {expected:?}"
                ));
            }
        }
        let deadlines = lines.iter().filter_map(|line| line.terms.hold_until);
        for deadline in deadlines.filter(|deadline| Some(*deadline) != self.hold_until) {
            found.push(format!("order {order} has a line that is held until {deadline}"));
        }
        let is_cancelled = |line: &LineRecord| line.state == LineState::Cancelled;
        match OrderStatus::of(lines.iter().map(|line| (line.state, line.terms.hold_until))) {
            // Without a line that was cancelled none was kept: all were refused.
            OrderStatus::Cancelled if !self.cancelled && lines.iter().any(is_cancelled) => {
                found.push(format!("order {order} is cancelled, but has no OrderCancelled event"));
            }
            OrderStatus::Expired if !self.expired => {
                found.push(format!("order {order} has expired, but has no HoldExpired event"));
            }
            _ => {}
        }
        found
    }
}
