//! Finding the holds that have to be expired before a decision.

use std::collections::BTreeSet;

use earmark_domain::{Command, ExpireHolds, Sku};
use jiff::Timestamp;

use crate::ports::Worklist;
use crate::store_error::StoreError;

/// How many orders one transaction expires the holds of: some milliseconds of work.
const MAX_ORDERS: usize = 100;

/// How many lines these orders have together. An order expires as a whole, so a larger one is expired alone.
const MAX_LINES: usize = 300;

/// The due holds that one transaction expires.
pub(crate) struct DueHoldsPage {
    /// Expires them.
    pub(crate) command: Command,
    /// Whether more may be due.
    pub(crate) has_more: bool,
}

/// A page of the holds on some products that are due at an instant, the earliest deadline first.
pub(crate) async fn page_of_due_holds(
    worklist: &dyn Worklist,
    skus: BTreeSet<Sku>,
    now: Timestamp,
) -> Result<DueHoldsPage, StoreError> {
    let due = worklist.due_orders(&skus, now, MAX_ORDERS).await?;
    let listed = due.len();
    let (mut orders, mut lines) = (BTreeSet::new(), 0_usize);
    for order in due {
        lines = lines.saturating_add(order.lines);
        if lines > MAX_LINES && !orders.is_empty() {
            break;
        }
        orders.insert(order.id);
    }
    let has_more = orders.len() < listed || listed >= MAX_ORDERS;
    let command = Command::ExpireHolds(ExpireHolds { at: now, skus, orders });
    Ok(DueHoldsPage { command, has_more })
}
