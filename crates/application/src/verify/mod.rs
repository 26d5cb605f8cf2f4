//! Verify: checks every stored balance against the allocations and against the events.
//!
//! First the products: the events of each are applied in pages to the product and its batches, which are compared with
//! what is stored in one snapshot. Then the orders, in pages that are snapshots, too: the lines and units of each with
//! its events. So verify works beside a running service, and a product's past may have any length: in memory are the
//! batches of one product, the ETAs of inbound batches, and a page of rows or one order.

mod order_projection;
mod orders;
mod ports;
mod products;
mod report;

pub use ports::VerifyPorts;
pub use report::Report;

use earmark_domain::EtaHistory;

use crate::store_error::StoreError;

/// Checks everything that must always hold and can be seen in the tables.
///
/// # Errors
/// When the store can't be asked. Corrupt records that can't even be read are [`StoreError::Corrupt`].
pub async fn verify(ports: VerifyPorts<'_>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    for kind in [
        "products",
        "batches",
        "lines",
        "allocations",
        "dispatches",
        "events",
        "orders",
    ] {
        report.count(kind, 0);
    }
    // What happens from now on, the products may have been checked without.
    let mut etas = EtaHistory::until(ports.audit.last_event().await?);
    products::check(ports, &mut etas, &mut report).await?;
    orders::check(ports, &etas, &mut report).await?;
    Ok(report)
}
