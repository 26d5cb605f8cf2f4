//! Orders: what their events tell, held against their headers and their lines.
//!
//! All of them are gone through once, in pages that are read one after the other while others work. What seems not to
//! agree is therefore looked at once more, alone, before it is told.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{Event, Fact, LineId, LineRecord, OrderId, OrderRecord, OrderStatus, Precedence};
use jiff::Timestamp;

use super::{PAGE, Report, VerifyPorts};
use crate::ports::{EventFeed, EventFilter, Exports};
use crate::store_error::StoreError;

/// How often an order is looked at that changes each time.
const MAX_CHECKS: usize = 16;

/// The types of the events that say how an order stands.
const ORDER_EVENTS: [&str; 5] = [
    "OrderPlaced",
    "OrderReplaced",
    "HoldPlaced",
    "HoldExpired",
    "OrderCancelled",
];

/// What the events of an order say of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct OrderProjection {
    placed: usize,
    lines: BTreeSet<LineId>,
    precedence: Precedence,
    hold_until: Option<Timestamp>,
    expired: bool,
    cancelled: bool,
}

impl OrderProjection {
    fn apply(&mut self, event: &Event) {
        match &event.fact {
            Fact::OrderPlaced { lines, precedence } => {
                self.placed += 1;
                self.lines = lines.iter().cloned().collect();
                self.precedence = *precedence;
            }
            Fact::OrderReplaced { lines, precedence } => {
                self.lines = lines.iter().cloned().collect();
                self.precedence = *precedence;
            }
            Fact::HoldPlaced { until } => self.hold_until = Some(*until),
            Fact::HoldExpired { .. } => self.expired = true,
            Fact::OrderCancelled => self.cancelled = true,
            _ => {}
        }
    }

    /// What of an order with this header and these lines can't be, if this is what its events say.
    fn contradictions(&self, order: &OrderId, header: Option<&OrderRecord>, lines: &[LineRecord]) -> Vec<String> {
        let mut found = Vec::new();
        match (header, self.placed) {
            (None, 0) | (Some(_), 1) => {}
            (None, _) => found.push(format!("order {order} was placed, but does not stand")),
            (Some(_), 0) => found.push(format!("order {order} stands, but no event tells that it was placed")),
            (Some(_), _) => found.push(format!("order {order} was placed twice")),
        }
        let stand: BTreeSet<LineId> = lines
            .iter()
            .filter(|line| line.terms.placed_with_order)
            .map(|line| line.terms.key.line.clone())
            .collect();
        if stand != self.lines {
            let told = &self.lines;
            found.push(format!("order {order} was placed with {told:?}, but {stand:?} stand"));
        }
        if let Some(header) = header {
            if header.precedence != self.precedence {
                found.push(format!("order {order} has another precedence than its events tell"));
            }
            if header.hold_until != self.hold_until {
                let (stands, told) = (header.hold_until, self.hold_until);
                found.push(format!(
                    "order {order} is held until {stands:?}, its events tell {told:?}"
                ));
            }
        }
        let deadlines = lines.iter().filter_map(|line| line.terms.hold_until);
        for deadline in deadlines.filter(|deadline| Some(*deadline) != self.hold_until) {
            found.push(format!("order {order} has a line that is held until {deadline}"));
        }
        match OrderStatus::of(lines.iter().map(|line| (line.state, line.terms.hold_until))) {
            OrderStatus::Cancelled if !self.cancelled => {
                found.push(format!("order {order} is cancelled, but no event tells of it"));
            }
            OrderStatus::Expired if !self.expired => {
                found.push(format!("order {order} has expired, but no event tells of it"));
            }
            _ => {}
        }
        found
    }
}

/// Checks all orders.
pub(super) async fn check(ports: VerifyPorts<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("orders", 0);
    // The events are read before the tables: what they tell of must stand by then, whatever else is placed meanwhile.
    let mut told = projections(ports.events).await?;
    let mut headers = headers(ports.exports, report).await?;
    let mut suspects: BTreeSet<OrderId> = BTreeSet::new();
    let mut suspect =
        |order: OrderId, header: Option<OrderRecord>, told: Option<OrderProjection>, lines: &[LineRecord]| {
            let told = told.unwrap_or_default();
            if !told.contradictions(&order, header.as_ref(), lines).is_empty() {
                suspects.insert(order);
            }
        };
    // Lines come by order: those of the order at hand are all that has to be kept.
    let mut at_hand: Vec<LineRecord> = Vec::new();
    let mut after = None;
    loop {
        let page = ports.audit.line_event_checks(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.record.terms.key.clone());
        report.count("lines", page.len());
        for line in page {
            if !line.has_event {
                let (key, sku) = (&line.record.terms.key, &line.record.sku);
                report.discrepancies.push(format!(
                    "{sku}: line {key} stands, but no event of {sku} concerns its order"
                ));
            }
            if let Some(order) = at_hand.first().map(|line| line.terms.key.order.clone())
                && order != line.record.terms.key.order
            {
                suspect(order.clone(), headers.remove(&order), told.remove(&order), &at_hand);
                at_hand.clear();
            }
            at_hand.push(line.record);
        }
    }
    if let Some(order) = at_hand.first().map(|line| line.terms.key.order.clone()) {
        suspect(order.clone(), headers.remove(&order), told.remove(&order), &at_hand);
    }
    // Orders without a line.
    suspects.extend(headers.into_keys().chain(told.into_keys()));
    for order in suspects {
        report.discrepancies.extend(check_again(ports, &order).await?);
    }
    Ok(())
}

/// Looks at one order until nothing happened to it meanwhile.
async fn check_again(ports: VerifyPorts<'_>, order: &OrderId) -> Result<Vec<String>, StoreError> {
    let filter = EventFilter {
        order: Some(order.clone()),
        ..EventFilter::default()
    };
    let (mut before, mut told) = project(ports.events, &filter).await?;
    for _ in 0..MAX_CHECKS {
        let read = ports.views.order(order).await?;
        let (after, told_since) = project(ports.events, &filter).await?;
        if before == after {
            let (header, lines) = read.map_or((None, Vec::new()), |read| {
                let lines = read.lines.into_iter().map(|line| line.record).collect();
                (read.header, lines)
            });
            return Ok(told.contradictions(order, header.as_ref(), &lines));
        }
        (before, told) = (after, told_since);
    }
    Ok(vec![format!("order {order} changed each time it was looked at")])
}

/// What the events of one order say, and the last of them.
async fn project(events: &dyn EventFeed, filter: &EventFilter) -> Result<(u64, OrderProjection), StoreError> {
    let (mut told, mut last, mut after) = (OrderProjection::default(), 0, 0);
    loop {
        let page = events.events(filter, after, PAGE).await?;
        after = page.next;
        for event in &page.events {
            told.apply(&event.event);
            last = event.sequence;
        }
        if page.events.len() < PAGE {
            return Ok((last, told));
        }
    }
}

/// What the events of all orders say.
async fn projections(events: &dyn EventFeed) -> Result<BTreeMap<OrderId, OrderProjection>, StoreError> {
    let filter = EventFilter {
        types: ORDER_EVENTS.iter().map(ToString::to_string).collect(),
        ..EventFilter::default()
    };
    let mut told: BTreeMap<OrderId, OrderProjection> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = events.events(&filter, after, PAGE).await?;
        after = page.next;
        for event in &page.events {
            if let Some(order) = event.event.order() {
                told.entry(order.clone()).or_default().apply(&event.event);
            }
        }
        if page.events.len() < PAGE {
            return Ok(told);
        }
    }
}

async fn headers(exports: &dyn Exports, report: &mut Report) -> Result<BTreeMap<OrderId, OrderRecord>, StoreError> {
    let mut headers = BTreeMap::new();
    let mut after = None;
    loop {
        let page = exports.orders(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(headers) };
        after = Some(last.id.clone());
        report.count("orders", page.len());
        headers.extend(page.into_iter().map(|order| (order.id.clone(), order)));
    }
}
