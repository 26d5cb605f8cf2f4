//! The backlog's follow-up: serves what a transaction had to leave.
//!
//! What is owed is stored with the product, so a crash between the two loses nothing: the next pass finds it.

use std::sync::Arc;

use earmark_domain::Command;

use crate::engine::{Engine, Envelope};
use crate::error::{CommandError, StoreError};
use crate::port::Queries;

/// How many products one pass goes through.
const PRODUCTS_A_PASS: usize = 100;

/// Serves one page of each backlog that is owed one, and says how many. Zero: nothing is owed any more.
///
/// # Errors
/// When the store can't be asked, or a page could not be served; what is owed stays owed.
pub async fn serve_backlogs(engine: &Engine, queries: &dyn Queries) -> Result<usize, StoreError> {
    let owed = queries.unserved(PRODUCTS_A_PASS).await?;
    let served = owed.len();
    for sku in owed {
        let envelope = Envelope {
            correlation_id: Arc::from(format!("backlog-{sku}")),
            actor: Arc::from("earmark"),
            command: Command::ServeBacklog(sku),
        };
        match engine.execute(envelope).await {
            Ok(_) => {}
            Err(error @ CommandError::Internal) => return Err(StoreError::Corrupt(error.to_string())),
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        }
    }
    Ok(served)
}
