//! The sweeper: makes it final that holds have ended.
//!
//! From its deadline on a hold counts zero, whether or not it was swept: whoever decides on a product whose holds have
//! ended ends them first. The sweeper sees to the products that nobody decides on.

use std::collections::BTreeSet;

use earmark_domain::{Command, ExpireHolds, Sku};
use jiff::Timestamp;

use crate::backlog::undone;
use crate::engine::{Engine, Envelope};
use crate::error::StoreError;
use crate::port::{Queries, Store};

/// How many orders one transaction ends the holds of: some milliseconds of work.
pub(crate) const HOLDS_A_TRANSACTION: usize = 100;

/// How many products one pass goes through.
const PRODUCTS_A_PASS: usize = 100;

/// The command that ends the holds on some products that have ended by now, as many as one transaction takes.
pub(crate) async fn end_of_holds(
    store: &dyn Store,
    skus: BTreeSet<Sku>,
    now: Timestamp,
) -> Result<Command, StoreError> {
    let orders = store.due_orders(&skus, now, HOLDS_A_TRANSACTION).await?;
    let orders = orders.into_iter().collect();
    Ok(Command::ExpireHolds(ExpireHolds { skus, orders }))
}

/// Ends the holds of one transaction's worth of orders for each product on which some have ended, and says for how many
/// products. Zero: no hold has ended that still counts.
///
/// # Errors
/// When the store can't be asked, or a hold could not be ended; it counts zero all the same, and is found again.
pub async fn sweep_holds(engine: &Engine, queries: &dyn Queries) -> Result<usize, StoreError> {
    let now = engine.shared.now();
    let due = queries.due(now, PRODUCTS_A_PASS).await?;
    let swept = due.len();
    for sku in due {
        let about = format!("holds-{sku}");
        let command = end_of_holds(engine.shared.store.as_ref(), BTreeSet::from([sku]), now).await?;
        engine
            .execute(Envelope::of_the_service(command, &about))
            .await
            .map_err(undone)?;
    }
    Ok(swept)
}
