//! Verify: checks every stored balance against the allocations and against the events.
//!
//! Each product is read in a snapshot of its own, so verify works beside a running service. Memory is bounded by the
//! history of one product and the lines of one order.

mod order_projection;
mod orders;
mod ports;
mod products;
mod report;

pub use ports::VerifyPorts;
pub use report::Report;

use crate::store_error::StoreError;

/// Checks everything that must always hold and can be seen in the tables.
///
/// # Errors
/// When the store can't be asked. Corrupt records that can't even be read are [`StoreError::Corrupt`].
pub async fn verify(ports: VerifyPorts<'_>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    products::check(ports, &mut report).await?;
    orders::check(ports, &mut report).await?;
    Ok(report)
}
