//! Verify: checks every stored balance against the allocations and against the events.
//!
//! Each product is read in a snapshot of its own, so verify works beside a running service. Memory is bounded by the
//! history of one product and the orders that were placed whole.

mod orders;
mod report;

use earmark_domain::audit;
use jiff::Timestamp;

use crate::ports::{Audit, EventFeed, Exports, Views};
use crate::store_error::StoreError;

pub use report::Report;

/// How many rows are asked for at once.
const PAGE: usize = 1_000;

/// The ports that verify reads through.
#[derive(Clone, Copy)]
pub struct VerifyPorts<'a> {
    /// Products and single orders.
    pub views: &'a dyn Views,
    /// Events.
    pub events: &'a dyn EventFeed,
    /// Headers of orders.
    pub exports: &'a dyn Exports,
    /// Histories, and lines checked against the events.
    pub audit: &'a dyn Audit,
}

/// Checks everything that must always hold and can be seen in the tables.
///
/// # Errors
/// When the store can't be asked. Corrupt records that can't even be read are [`StoreError::Corrupt`].
pub async fn verify(ports: VerifyPorts<'_>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    products(ports, &mut report).await?;
    orders::check(ports, &mut report).await?;
    Ok(report)
}

async fn products(ports: VerifyPorts<'_>, report: &mut Report) -> Result<(), StoreError> {
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
