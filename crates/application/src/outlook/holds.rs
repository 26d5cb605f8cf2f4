//! Holds: how many units leave the carts in the next minutes, unless they are confirmed.

use earmark_domain::Sku;
use jiff::{SignedDuration, Timestamp};

use crate::ports::{EndingHolds, Outlook, Page};
use crate::store_error::StoreError;

/// The minutes within which holds end that are told apart.
pub const HOLDS_END_WITHIN: [i64; 4] = [1, 5, 15, 60];

/// The products with holds that end soon, by SKU, from the one after `after` on, at most `limit`.
///
/// # Errors
/// When the store does not answer.
pub async fn ending_holds(
    outlook: &dyn Outlook,
    after: Option<&Sku>,
    now: Timestamp,
    limit: usize,
) -> Result<Page<EndingHolds, Sku>, StoreError> {
    let until = HOLDS_END_WITHIN.map(|minutes| {
        let end = now.saturating_add(SignedDuration::from_mins(minutes));
        end.unwrap_or(Timestamp::MAX)
    });
    let mut items = outlook
        .ending_holds(now, &until, after, limit.saturating_add(1))
        .await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.sku.clone());
    Ok(Page { items, next })
}
