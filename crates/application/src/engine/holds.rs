//! Finding the holds that a decision has to expire first.

use std::collections::BTreeSet;

use earmark_domain::{Command, ExpireHolds, Sku};
use jiff::Timestamp;

use crate::ports::Worklist;
use crate::store_error::StoreError;

/// How many orders one transaction expires the holds of: some milliseconds of work.
const ORDERS_PER_TRANSACTION: usize = 100;

/// The command that expires the due holds on some products, as many as one transaction takes.
pub(crate) async fn expire_due_holds(
    worklist: &dyn Worklist,
    skus: BTreeSet<Sku>,
    now: Timestamp,
) -> Result<Command, StoreError> {
    let orders = worklist.due_orders(&skus, now, ORDERS_PER_TRANSACTION).await?;
    let orders = orders.into_iter().collect();
    Ok(Command::ExpireHolds(ExpireHolds { skus, orders }))
}
