//! Orders: their headers, lines and units, checked against what their events say.

use earmark_domain::{AuditedOrder, EtaHistory, audit_order};

use super::order_projection::OrderProjection;
use super::ports::{PAGE, VerifyPorts};
use super::report::Report;
use crate::store_error::StoreError;

/// Checks all orders, page by page, each page in a snapshot of its own. `etas`: those of all products.
pub(super) async fn check(ports: VerifyPorts<'_>, etas: &EtaHistory, report: &mut Report) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = ports.audit.audited_orders(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for order in &page {
            check_order(order, etas, report);
        }
    }
}

fn check_order(order: &AuditedOrder, etas: &EtaHistory, report: &mut Report) {
    report.count("orders", usize::from(order.header.is_some()));
    report.count("lines", order.lines.len());
    report.count("allocations", order.allocations.len());
    report.count("dispatches", order.dispatches.len());
    for found in audit_order(order, etas) {
        report.add(found.0);
    }
    let mut projection = OrderProjection::default();
    for event in &order.events {
        projection.apply(&event.event);
    }
    for found in projection.discrepancies(&order.id, order.header.as_ref(), &order.lines) {
        report.add(found);
    }
}
