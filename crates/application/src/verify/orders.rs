//! Orders: their headers and lines, checked against what their events say.
//!
//! All orders are read once, in pages, while the service goes on working. An order that seems to differ is therefore
//! checked again, alone, before it is reported.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{LineRecord, OrderId, OrderRecord};

use super::order_projection::{ORDER_EVENTS, OrderProjection};
use super::ports::{PAGE, VerifyPorts};
use super::report::Report;
use crate::ports::{EventFeed, EventFilter, Exports};
use crate::store_error::StoreError;

/// How often an order is checked that changes each time.
const MAX_CHECKS: usize = 16;

/// The orders that are still to be compared, and those that seem to differ.
struct Comparison {
    projections: BTreeMap<OrderId, OrderProjection>,
    headers: BTreeMap<OrderId, OrderRecord>,
    suspects: BTreeSet<OrderId>,
}

impl Comparison {
    /// Compares the order of some lines, which are all of its lines.
    fn compare(&mut self, lines: &[LineRecord]) {
        let Some(order) = lines.first().map(|line| line.terms.key.order.clone()) else {
            return;
        };
        let header = self.headers.remove(&order);
        let projection = self.projections.remove(&order).unwrap_or_default();
        if !projection.discrepancies(&order, header.as_ref(), lines).is_empty() {
            self.suspects.insert(order);
        }
    }

    /// The orders to check again: those that seem to differ, and those without a line.
    fn finish(self) -> BTreeSet<OrderId> {
        let without_lines = self.headers.into_keys().chain(self.projections.into_keys());
        self.suspects.into_iter().chain(without_lines).collect()
    }
}

/// Checks all orders.
pub(super) async fn check(ports: VerifyPorts<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("orders", 0);
    let mut comparison = Comparison {
        // The events are read before the tables: what they tell of must be stored by then, whatever else is placed.
        projections: projections(ports.events).await?,
        headers: headers(ports.exports, report).await?,
        suspects: BTreeSet::new(),
    };
    // Lines come by order: only those of one order have to be kept.
    let mut lines: Vec<LineRecord> = Vec::new();
    let mut after = None;
    loop {
        let page = ports.audit.line_event_checks(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.record.terms.key.clone());
        report.count("lines", page.len());
        for line in page {
            let key = &line.record.terms.key;
            if !line.has_event {
                let sku = &line.record.sku;
                report.add(format!(
                    "{sku}: line {key} exists, but no event of {sku} concerns its order"
                ));
            }
            if lines.first().is_some_and(|first| first.terms.key.order != key.order) {
                comparison.compare(&lines);
                lines.clear();
            }
            lines.push(line.record);
        }
    }
    comparison.compare(&lines);
    for order in comparison.finish() {
        for found in check_again(ports, &order).await? {
            report.add(found);
        }
    }
    Ok(())
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

/// Projects the events of all orders.
async fn projections(feed: &dyn EventFeed) -> Result<BTreeMap<OrderId, OrderProjection>, StoreError> {
    let filter = EventFilter {
        types: ORDER_EVENTS.iter().map(ToString::to_string).collect(),
        ..EventFilter::default()
    };
    let mut projections: BTreeMap<OrderId, OrderProjection> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = feed.events(&filter, after, PAGE).await?;
        after = page.next;
        for event in &page.events {
            if let Some(order) = event.event.order() {
                projections.entry(order.clone()).or_default().apply(&event.event);
            }
        }
        if page.complete {
            return Ok(projections);
        }
    }
}

/// The headers of all orders that were placed whole.
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
