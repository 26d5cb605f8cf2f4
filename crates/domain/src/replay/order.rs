//! The audit of an order: its lines and their units, compared with each other and with the order's events.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::discrepancy::{Discrepancy, same};
use super::etas::EtaHistory;
use super::lines::{LineProjection, Place};
use crate::events::event::SequencedEvent;
use crate::language::line_terms::LineState;
use crate::language::name::{LineKey, OrderId, Sku};
use crate::records::order::{AllocationRecord, DispatchRecord, LineRecord, OrderRecord};

/// Everything that is stored of one order, read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedOrder {
    /// Which order.
    pub id: OrderId,
    /// Its header, if it was placed whole.
    pub header: Option<OrderRecord>,
    /// All of its lines, in any state.
    pub lines: Vec<LineRecord>,
    /// All allocations under its id, whether or not there is such a line.
    pub allocations: Vec<AllocationRecord>,
    /// All dispatches under its id, whether or not there is such a line.
    pub dispatches: Vec<DispatchRecord>,
    /// All events that concern it, ascending: those of the order, and those of its lines.
    pub events: Vec<SequencedEvent>,
}

/// Compares an order's lines and units with each other and with its events. Empty: they agree.
///
/// The order's header and deadlines are not compared here. `etas`: those of all products.
#[must_use]
pub fn audit_order(order: &AuditedOrder, etas: &EtaHistory) -> Vec<Discrepancy> {
    audit_lines(&order.lines, &order.allocations, &order.dispatches, &order.events, etas)
}

/// Compares lines and their units with each other and with their events.
pub(super) fn audit_lines(
    lines: &[LineRecord],
    allocations: &[AllocationRecord],
    dispatches: &[DispatchRecord],
    events: &[SequencedEvent],
    etas: &EtaHistory,
) -> Vec<Discrepancy> {
    let mut found = balances(lines, allocations, dispatches);
    let mut projection = LineProjection::default();
    for event in events {
        if let (Err(why), Some((sku, _))) = (projection.apply(event, etas), event.event.product()) {
            let why = format!("event {} can't have happened: {why}", event.sequence);
            found.push(Discrepancy::of(sku, &why));
        }
    }
    found.extend(compare(lines, allocations, dispatches, projection));
    found
}

/// Compares lines with their units: a line holds, or has dispatched, all of its units or none.
fn balances(lines: &[LineRecord], allocations: &[AllocationRecord], dispatches: &[DispatchRecord]) -> Vec<Discrepancy> {
    let mut found = Vec::new();
    let mut of_line: BTreeMap<&LineKey, (u64, u64)> = BTreeMap::new();
    for allocation in allocations {
        of_line.entry(&allocation.key).or_default().0 += u64::from(allocation.quantity.get());
    }
    for dispatch in dispatches {
        of_line.entry(&dispatch.key).or_default().1 += u64::from(dispatch.quantity.get());
    }
    for line in lines {
        let (key, state) = (&line.terms.key, line.state.as_str());
        let wanted = u64::from(line.terms.quantity.get());
        let dispatched = line.dispatched.get();
        let expected = match line.state {
            LineState::Held => (wanted, 0),
            LineState::Allocated => (wanted, dispatched),
            LineState::Backordered => (0, dispatched),
            LineState::Dispatched => (0, wanted),
            LineState::Refused | LineState::Cancelled | LineState::Expired => (0, 0),
        };
        let actual = of_line.remove(key).unwrap_or_default();
        if actual != expected {
            let what = format!(
                "line {key} is {state}, has {} units allocated instead of {}, and {} dispatched instead of {}",
                actual.0, expected.0, actual.1, expected.1
            );
            found.push(Discrepancy::of(&line.sku, &what));
        }
        match line.terms.hold_until {
            None if line.state == LineState::Held => {
                let what = format!("line {key} is held without a deadline");
                found.push(Discrepancy::of(&line.sku, &what));
            }
            Some(_) if !matches!(line.state, LineState::Held | LineState::Backordered) => {
                let what = format!("line {key} is {state} and has a deadline");
                found.push(Discrepancy::of(&line.sku, &what));
            }
            _ => {}
        }
    }
    for (key, (allocated, dispatched)) in of_line {
        found.push(Discrepancy(format!(
            "{allocated} units are allocated and {dispatched} dispatched for line {key}, which is not stored"
        )));
    }
    found
}

/// Compares the records with the projection of the events.
fn compare(
    lines: &[LineRecord],
    allocations: &[AllocationRecord],
    dispatches: &[DispatchRecord],
    projection: LineProjection,
) -> Vec<Discrepancy> {
    let stored_under: BTreeMap<&LineKey, &Sku> = lines.iter().map(|line| (&line.terms.key, &line.sku)).collect();
    let told: BTreeMap<LineKey, Sku> = projection
        .lines
        .iter()
        .map(|(key, line)| (key.clone(), line.sku.clone()))
        .collect();
    let sku_of = |key: &LineKey| {
        let sku = stored_under.get(key).copied().or_else(|| told.get(key));
        sku.cloned()
    };
    let (expected_allocations, expected_dispatches) = (projection.allocations(), projection.dispatches().clone());
    // An event of the order may change a deadline. The audit of orders compares deadlines.
    let without_deadline = |line: &LineRecord| {
        let mut line = line.clone();
        line.terms.hold_until = None;
        line
    };
    let stored: Vec<LineRecord> = lines.iter().map(without_deadline).collect();
    let stored = stored.iter().map(|line| (line.terms.key.clone(), line));
    let expected = projection.lines.into_iter();
    let expected = expected.map(|(key, line)| (key, without_deadline(&line)));
    let mut found = same(
        |key| format!("line {key}"),
        stored,
        expected.collect(),
        |_, line| Some(line.sku.clone()),
    );
    let place = |key: &LineKey, batch| -> Place { (key.clone(), batch) };
    let allocations = allocations.iter();
    found.extend(same(
        |(key, batch)| format!("allocation of {key} in {batch}"),
        allocations.map(|allocation| (place(&allocation.key, allocation.batch.clone()), allocation)),
        expected_allocations,
        |(key, _), _| sku_of(key),
    ));
    let dispatches = dispatches.iter();
    found.extend(same(
        |(key, batch, version)| format!("dispatch of {key} from {batch} at version {version}"),
        dispatches.map(|dispatch| {
            let batch = dispatch.batch.clone();
            ((dispatch.key.clone(), batch, dispatch.dispatched_version), dispatch)
        }),
        expected_dispatches,
        |(key, ..), _| sku_of(key),
    ));
    found
}
