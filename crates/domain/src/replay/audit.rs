//! The audit of a product that is in memory whole: for small ones, and for tests.

use alloc::vec::Vec;

use super::discrepancy::Discrepancy;
use super::etas::EtaHistory;
use super::order::audit_lines;
use super::product::{AuditedProduct, ProductProjection};
use crate::events::event::SequencedEvent;
use crate::records::batch::BatchRecord;
use crate::records::order::{AllocationRecord, DispatchRecord, LineRecord};
use crate::records::product::ProductRecord;

/// Everything that is stored of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductHistory {
    /// The product.
    pub product: ProductRecord,
    /// All of its batches.
    pub batches: Vec<BatchRecord>,
    /// All of its lines, in any state.
    pub lines: Vec<LineRecord>,
    /// All of its allocations.
    pub allocations: Vec<AllocationRecord>,
    /// All of its lines' dispatches.
    pub dispatches: Vec<DispatchRecord>,
    /// All of its events, in ascending order.
    pub events: Vec<SequencedEvent>,
}

/// Compares a product's records with each other and with its events. Empty: they agree.
#[must_use]
pub fn audit(history: &ProductHistory) -> Vec<Discrepancy> {
    let mut etas = EtaHistory::until(u64::MAX);
    let mut projection = ProductProjection::new(history.product.sku.clone());
    let mut found = Vec::new();
    for event in &history.events {
        found.extend(projection.apply(event, &mut etas));
    }
    let deadlines = history.lines.iter().filter_map(|line| line.terms.hold_until);
    found.extend(projection.compare(&AuditedProduct {
        product: history.product.clone(),
        batches: history.batches.clone(),
        first_deadline: deadlines.min(),
    }));
    found.extend(audit_lines(
        &history.lines,
        &history.allocations,
        &history.dispatches,
        &history.events,
        &etas,
    ));
    found
}
