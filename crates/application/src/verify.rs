//! Verify: holds every stored balance against the allocations and against the events.
//!
//! Each product is read in a snapshot of its own, so it works beside a running service, and memory is bounded by the
//! history of one product and the orders placed whole.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{Fact, LineId, LineState, OrderId, OrderStatus, audit};

use crate::error::StoreError;
use crate::port::{EventFilter, Queries};

/// How many rows are asked for at once.
const PAGE: usize = 1_000;

/// What was checked, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was checked, with how many: ("batches", 45692), …
    pub checked: Vec<(&'static str, u64)>,
    /// Everything that can't be true, told for people.
    pub discrepancies: Vec<String>,
}

impl Report {
    /// Whether everything agrees.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.discrepancies.is_empty()
    }

    fn count(&mut self, what: &'static str, more: usize) {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        match self.checked.iter_mut().find(|(name, _)| *name == what) {
            Some((_, count)) => *count += more,
            None => self.checked.push((what, more)),
        }
    }
}

/// Checks everything that must always hold and can be seen in the tables.
///
/// # Errors
/// When the store can't be asked. Broken records that can't even be read are [`StoreError::Corrupt`].
pub async fn verify(queries: &dyn Queries) -> Result<Report, StoreError> {
    let mut report = Report::default();
    products(queries, &mut report).await?;
    orders(queries, &mut report).await?;
    Ok(report)
}

async fn products(queries: &dyn Queries, report: &mut Report) -> Result<(), StoreError> {
    for kind in ["products", "batches", "lines", "allocations", "events"] {
        report.count(kind, 0);
    }
    let mut after = None;
    loop {
        let page = queries.products(None, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.sku.clone());
        for product in page {
            let Some(history) = queries.history(&product.sku).await? else {
                report
                    .discrepancies
                    .push(format!("{}: the product vanished while it was checked", product.sku));
                continue;
            };
            report.count("products", 1);
            report.count("batches", history.batches.len());
            report.count("allocations", history.allocations.len());
            report.count("events", history.events.len());
            report
                .discrepancies
                .extend(audit(&history).into_iter().map(|found| found.0));
        }
    }
}

/// Orders placed whole: each has its event and the lines that the event names.
async fn orders(queries: &dyn Queries, report: &mut Report) -> Result<(), StoreError> {
    // The events are read before the tables: what they tell of must stand by then, whatever else is placed meanwhile.
    let told = orders_told(queries, report).await?;
    let mut headers: BTreeSet<OrderId> = BTreeSet::new();
    let mut after = None;
    loop {
        let page = queries.orders(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        report.count("orders", page.len());
        headers.extend(page.into_iter().map(|order| order.id));
    }
    let mut lines: BTreeMap<OrderId, BTreeSet<LineId>> = BTreeMap::new();
    let mut cancelled: Vec<OrderId> = Vec::new();
    // A line that a product's history does not lead to is found here, where all lines pass. Lines come by order: the states of the order at hand are all that has to be kept.
    let mut at_hand: Option<(OrderId, Vec<LineState>)> = None;
    let mut after = None;
    loop {
        let page = queries.line_proofs(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.record.key.clone());
        report.count("lines", page.len());
        for line in page {
            let key = line.record.key;
            if !line.told {
                let sku = &line.record.sku;
                report.discrepancies.push(format!(
                    "{sku}: line {key} stands, but no event of {sku} concerns its order"
                ));
            }
            match &mut at_hand {
                Some((order, states)) if *order == key.order => states.push(line.record.state),
                _ => {
                    let next = Some((key.order.clone(), vec![line.record.state]));
                    cancelled.extend(std::mem::replace(&mut at_hand, next).and_then(if_cancelled));
                }
            }
            if line.record.placed_with_order {
                lines.entry(key.order).or_default().insert(key.line);
            }
        }
    }
    cancelled.extend(at_hand.and_then(if_cancelled));
    for order in cancelled {
        if !is_told(queries, &order, "OrderCancelled").await? {
            report
                .discrepancies
                .push(format!("order {order} is cancelled, but no event tells of it"));
        }
    }
    let none = BTreeSet::new();
    for (order, placed) in &told {
        if !headers.contains(order) {
            report
                .discrepancies
                .push(format!("order {order} was placed, but does not stand"));
        }
        let stand = lines.get(order).unwrap_or(&none);
        if stand != placed {
            report
                .discrepancies
                .push(format!("order {order} was placed with {placed:?}, but {stand:?} stand"));
        }
    }
    let stand: BTreeSet<&OrderId> = headers.iter().chain(lines.keys()).collect();
    for order in stand.into_iter().filter(|order| !told.contains_key(*order)) {
        // Placed since the events were read, or without an event: its own events tell.
        if !is_told(queries, order, "OrderPlaced").await? {
            report
                .discrepancies
                .push(format!("order {order} stands, but no event tells that it was placed"));
        }
    }
    Ok(())
}

fn if_cancelled((order, states): (OrderId, Vec<LineState>)) -> Option<OrderId> {
    (OrderStatus::of(states) == OrderStatus::Cancelled).then_some(order)
}

/// Whether an order has an event of a type.
async fn is_told(queries: &dyn Queries, order: &OrderId, event: &str) -> Result<bool, StoreError> {
    let filter = EventFilter {
        order: Some(order.clone()),
        types: vec![event.to_owned()],
        ..EventFilter::default()
    };
    Ok(!queries.events(&filter, 0, 1).await?.events.is_empty())
}

async fn orders_told(
    queries: &dyn Queries,
    report: &mut Report,
) -> Result<BTreeMap<OrderId, BTreeSet<LineId>>, StoreError> {
    let filter = EventFilter {
        types: vec!["OrderPlaced".into()],
        ..EventFilter::default()
    };
    report.count("orders", 0);
    let mut told = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = queries.events(&filter, after, PAGE).await?;
        let full = page.events.len() == PAGE;
        after = page.next;
        for event in page.events {
            let (Some(order), Fact::OrderPlaced { lines }) = (event.event.order(), &event.event.fact) else {
                continue;
            };
            if told.insert(order.clone(), lines.iter().cloned().collect()).is_some() {
                report.discrepancies.push(format!("order {order} was placed twice"));
            }
        }
        if !full {
            return Ok(told);
        }
    }
}
