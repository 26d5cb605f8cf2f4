//! Serving what a transaction had to leave of a backlog.
//!
//! What is pending is stored with the product, so a crash between the two transactions loses nothing: the next pass
//! finds it.

use earmark_domain::Command;

use super::job_failed::job_failed;
use crate::engine::Engine;
use crate::envelope::Envelope;
use crate::ports::Worklist;
use crate::store_error::StoreError;

/// How many products one pass goes through.
const PRODUCTS_PER_PASS: usize = 100;

/// Serves one page of each pending backlog, and says of how many products. Zero: nothing is pending.
///
/// # Errors
/// When the store can't be asked, or a page could not be served; what is pending stays pending.
pub async fn serve_backlogs(engine: &Engine, worklist: &dyn Worklist) -> Result<usize, StoreError> {
    let pending = worklist.products_with_pending_backlog(PRODUCTS_PER_PASS).await?;
    let served = pending.len();
    for sku in pending {
        let correlation_id = format!("backlog-{sku}");
        let command = Envelope::from_service(Command::ServeBacklog(sku), &correlation_id);
        engine.execute(command).await.map_err(job_failed)?;
    }
    Ok(served)
}
