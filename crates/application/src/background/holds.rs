//! The sweep: records that holds have expired.
//!
//! From its deadline on a hold counts zero, swept or not: a decision on a product with due holds expires them first. The
//! sweep takes care of the products that no command touches.

use std::collections::BTreeSet;

use super::job_failed::job_failed;
use crate::engine::{Engine, page_of_due_holds};
use crate::envelope::Envelope;
use crate::ports::Worklist;
use crate::store_error::StoreError;

/// How many products one pass goes through.
const PRODUCTS_PER_PASS: usize = 100;

/// Expires one page of the due holds on each product that has any, and says for how many products. Zero: no
/// hold is past its deadline and still counts.
///
/// # Errors
/// When the store can't be asked, or a hold could not be expired; it counts zero all the same, and is found again.
pub async fn sweep_holds(engine: &Engine, worklist: &dyn Worklist) -> Result<usize, StoreError> {
    let now = engine.now();
    let due = worklist.products_with_due_holds(now, PRODUCTS_PER_PASS).await?;
    let swept = due.len();
    for sku in due {
        let correlation_id = format!("holds-{sku}");
        let page = page_of_due_holds(worklist, BTreeSet::from([sku]), now).await?;
        let command = Envelope::from_service(page.command, &correlation_id);
        engine.execute(command).await.map_err(job_failed)?;
    }
    Ok(swept)
}
