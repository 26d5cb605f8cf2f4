//! The backlog's follow-up: serves what a transaction had to leave.
//!
//! What is owed is stored with the product, so a crash between the two loses nothing: the next pass finds it.

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
        let about = format!("backlog-{sku}");
        let served = engine
            .execute(Envelope::of_the_service(Command::ServeBacklog(sku), &about))
            .await;
        served.map_err(undone)?;
    }
    Ok(served)
}

/// A command of the service itself that was not carried out; it will be given again.
pub(crate) fn undone(error: CommandError) -> StoreError {
    match error {
        CommandError::Internal => StoreError::Corrupt(error.to_string()),
        error => StoreError::Unavailable(error.to_string()),
    }
}
