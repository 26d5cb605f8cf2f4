//! Orders: their headers and lines, checked against what their events say.
//!
//! Headers, lines and events are read side by side by order id, in pages, while the service goes on working: in memory are
//! a page of each, and the lines of one order. An order that seems to differ is checked again, alone, before it is
//! reported.

use std::collections::VecDeque;

use earmark_domain::{LineRecord, OrderId, OrderRecord, SequencedEvent};

use super::order_projection::OrderProjection;
use super::ports::{PAGE, VerifyPorts};
use super::report::Report;
use crate::ports::{EventFeed, EventFilter};
use crate::store_error::StoreError;

/// How often an order is checked that changes each time.
const MAX_CHECKS: usize = 16;

/// Checks all orders.
pub(super) async fn check(ports: VerifyPorts<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("orders", 0);
    let mut orders = Orders::new(ports);
    while let Some(order) = orders.next(report).await? {
        let projection = orders.project(&order).await?;
        let header = orders.header(&order);
        let lines = orders.lines(&order, report).await?;
        if !projection.discrepancies(&order, header.as_ref(), &lines).is_empty() {
            for found in check_again(ports, &order).await? {
                report.add(found);
            }
        }
    }
    Ok(())
}

/// What is stored of orders, read page by page in the order of their ids.
struct Orders<'a> {
    ports: VerifyPorts<'a>,
    events: Pages<SequencedEvent>,
    headers: Pages<OrderRecord>,
    lines: Pages<LineRecord>,
}

/// The rows of one kind that are read and not yet checked.
struct Pages<Row> {
    unchecked: VecDeque<Row>,
    /// The last row that was read.
    last: Option<Row>,
    /// Whether there are no more.
    ended: bool,
}

impl<Row: Clone> Pages<Row> {
    const fn new() -> Self {
        Self {
            unchecked: VecDeque::new(),
            last: None,
            ended: false,
        }
    }

    /// Whether the next page has to be read.
    fn is_due(&self) -> bool {
        self.unchecked.is_empty() && !self.ended
    }

    fn add(&mut self, page: Vec<Row>) {
        self.ended = page.len() < PAGE;
        self.last = page.last().cloned();
        self.unchecked = page.into();
    }
}

impl<'a> Orders<'a> {
    const fn new(ports: VerifyPorts<'a>) -> Self {
        Self {
            ports,
            events: Pages::new(),
            headers: Pages::new(),
            lines: Pages::new(),
        }
    }

    /// The next order, of which something is stored.
    async fn next(&mut self, report: &mut Report) -> Result<Option<OrderId>, StoreError> {
        // The events first: what they tell of must be stored by then, whatever else is placed.
        self.read_events().await?;
        if self.headers.is_due() {
            let after = self.headers.last.as_ref().map(|header| &header.id);
            let page = self.ports.exports.orders(after, PAGE).await?;
            report.count("orders", page.len());
            self.headers.add(page);
        }
        self.read_lines(report).await?;
        let events = self.events.unchecked.front().and_then(|event| event.event.order());
        let header = self.headers.unchecked.front().map(|header| &header.id);
        let line = self.lines.unchecked.front().map(|line| &line.terms.key.order);
        Ok([events, header, line].into_iter().flatten().min().cloned())
    }

    async fn read_events(&mut self) -> Result<(), StoreError> {
        if self.events.is_due() {
            let last = self.events.last.as_ref();
            let after = last.and_then(|last| last.event.order().map(|order| (order, last.sequence)));
            let page = self.ports.audit.order_events(after, PAGE).await?;
            self.events.add(page);
        }
        Ok(())
    }

    async fn read_lines(&mut self, report: &mut Report) -> Result<(), StoreError> {
        if self.lines.is_due() {
            let after = self.lines.last.as_ref().map(|line| &line.terms.key);
            let page = self.ports.audit.line_event_checks(after, PAGE).await?;
            report.count("lines", page.len());
            for line in page.iter().filter(|line| !line.has_event) {
                let (sku, key) = (&line.record.sku, &line.record.terms.key);
                report.add(format!(
                    "{sku}: line {key} exists, but no event of {sku} concerns its order"
                ));
            }
            self.lines.add(page.into_iter().map(|line| line.record).collect());
        }
        Ok(())
    }

    /// What the events of an order say of it.
    async fn project(&mut self, order: &OrderId) -> Result<OrderProjection, StoreError> {
        let mut projection = OrderProjection::default();
        loop {
            self.read_events().await?;
            let is_own = |event: &mut SequencedEvent| event.event.order() == Some(order);
            let Some(event) = self.events.unchecked.pop_front_if(is_own) else {
                return Ok(projection);
            };
            projection.apply(&event.event);
        }
    }

    /// The header of an order, if it has one.
    fn header(&mut self, order: &OrderId) -> Option<OrderRecord> {
        self.headers.unchecked.pop_front_if(|header| header.id == *order)
    }

    /// The lines of an order.
    async fn lines(&mut self, order: &OrderId, report: &mut Report) -> Result<Vec<LineRecord>, StoreError> {
        let mut lines = Vec::new();
        loop {
            self.read_lines(report).await?;
            let is_own = |line: &mut LineRecord| line.terms.key.order == *order;
            let Some(line) = self.lines.unchecked.pop_front_if(is_own) else {
                return Ok(lines);
            };
            lines.push(line);
        }
    }
}

/// Checks one order until nothing happens to it meanwhile.
async fn check_again(ports: VerifyPorts<'_>, order: &OrderId) -> Result<Vec<String>, StoreError> {
    let filter = EventFilter {
        order: Some(order.clone()),
        ..EventFilter::default()
    };
    let (mut before, mut projection) = project(ports.events, &filter).await?;
    for _ in 0..MAX_CHECKS {
        let read = ports.views.order(order).await?;
        let (after, projection_after) = project(ports.events, &filter).await?;
        if before == after {
            let (header, lines) = read.map_or((None, Vec::new()), |read| {
                let lines = read.lines.into_iter().map(|line| line.record).collect();
                (read.header, lines)
            });
            return Ok(projection.discrepancies(order, header.as_ref(), &lines));
        }
        (before, projection) = (after, projection_after);
    }
    Ok(vec![format!("order {order} changed each time it was checked")])
}

/// Projects the events of one order, and says which was the last.
async fn project(feed: &dyn EventFeed, filter: &EventFilter) -> Result<(u64, OrderProjection), StoreError> {
    let (mut projection, mut last, mut after) = (OrderProjection::default(), 0, 0);
    loop {
        let page = feed.events(filter, after, PAGE).await?;
        after = page.next;
        for event in &page.events {
            projection.apply(&event.event);
            last = event.sequence;
        }
        if page.complete {
            return Ok((last, projection));
        }
    }
}
