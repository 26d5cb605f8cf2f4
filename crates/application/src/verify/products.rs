//! Products: their records, checked among themselves and against their events.

use earmark_domain::audit;
use jiff::Timestamp;

use super::ports::{PAGE, VerifyPorts};
use super::report::Report;
use crate::store_error::StoreError;

/// Checks all products, each in a snapshot of its own.
pub(super) async fn check(ports: VerifyPorts<'_>, report: &mut Report) -> Result<(), StoreError> {
    for kind in ["products", "batches", "lines", "allocations", "dispatches", "events"] {
        report.count(kind, 0);
    }
    let mut after = None;
    loop {
        let page = ports.views.products(None, after.as_ref(), Timestamp::MIN, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.sku.clone());
        for product in page {
            let Some(history) = ports.audit.history(&product.sku).await? else {
                report.add(format!("{}: the product vanished while it was checked", product.sku));
                continue;
            };
            report.count("products", 1);
            report.count("batches", history.batches.len());
            report.count("allocations", history.allocations.len());
            report.count("dispatches", history.dispatches.len());
            report.count("events", history.events.len());
            for found in audit(&history) {
                report.add(found.0);
            }
        }
    }
}
