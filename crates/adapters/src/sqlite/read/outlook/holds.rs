//! Holds that end soon, and the units that are held.

use std::collections::BTreeMap;

use diesel::prelude::*;
use earmark_application::{EndingHolds, StoreError};
use earmark_domain::{LineState, Reference, Sku, Units};
use jiff::Timestamp;

use super::super::super::builder::total;
use super::super::super::error::store_error;
use super::super::super::rows::deadline;
use super::super::super::schema::{further_allocations, lines, products};
use crate::sql::decode;

/// The products with holds that end by the last of some instants, by SKU.
pub(super) fn ending(
    conn: &mut SqliteConnection,
    now: Timestamp,
    until: &[Timestamp],
    after: Option<&Sku>,
    limit: usize,
) -> Result<Vec<EndingHolds>, StoreError> {
    let Some(last) = until.last() else {
        return Ok(Vec::new());
    };
    // No hold of a product ends before `next_expiry`. They are sorted here: the index has them by instant.
    let mut skus: Vec<String> = products::table
        .filter(products::next_expiry.le(last.as_microsecond()))
        .select(products::sku)
        .load(conn)
        .map_err(store_error)?;
    skus.retain(|sku| after.is_none_or(|after| sku.as_str() > after.as_str()));
    skus.sort_unstable();
    let mut ending = Vec::new();
    for sku in skus {
        if ending.len() >= limit {
            break;
        }
        let sku = decode::sku(&sku)?;
        let holds: Vec<(Option<i64>, i64)> = lines::table
            .filter(lines::sku.eq(sku.as_str()))
            .filter(lines::hold_until.gt(now.as_microsecond()))
            .filter(lines::hold_until.le(last.as_microsecond()))
            .filter(lines::state.eq(LineState::Held.as_str()))
            .order(lines::hold_until)
            .select((lines::hold_until, lines::quantity))
            .load(conn)
            .map_err(store_error)?;
        let mut units = vec![Units::ZERO; until.len()];
        let mut first = None;
        for (ends, quantity) in holds {
            let ends = deadline(&sku, ends.unwrap_or_default())?;
            let quantity = decode::units(&sku, "quantity", quantity)?;
            first = first.or(Some(ends));
            for (sum, _) in units.iter_mut().zip(until).filter(|(_, until)| ends <= **until) {
                *sum = [*sum, quantity].into_iter().sum();
            }
        }
        ending.extend(first.map(|first| EndingHolds { sku, first, units }));
    }
    Ok(ending)
}

/// The held units of a product, by batch.
pub(super) fn by_batch(
    conn: &mut SqliteConnection,
    sku: &Sku,
    now: Timestamp,
) -> Result<Vec<(Reference, Units)>, StoreError> {
    type Sums = Vec<(String, String, Option<i64>)>;
    let placed_with: Sums = lines::table
        .filter(lines::sku.eq(sku.as_str()))
        .filter(lines::hold_until.gt(now.as_microsecond()))
        .filter(lines::batch.is_not_null())
        .group_by((lines::sku, lines::batch))
        .select((
            lines::sku,
            lines::batch.assume_not_null(),
            total(lines::units.assume_not_null()),
        ))
        .load(conn)
        .map_err(store_error)?;
    let further: Sums = lines::table
        .inner_join(
            further_allocations::table.on(further_allocations::order_id
                .eq(lines::order_id)
                .and(further_allocations::line_id.eq(lines::line_id))),
        )
        .filter(lines::sku.eq(sku.as_str()))
        .filter(lines::hold_until.gt(now.as_microsecond()))
        .group_by((lines::sku, further_allocations::batch))
        .select((
            lines::sku,
            further_allocations::batch,
            total(further_allocations::quantity),
        ))
        .load(conn)
        .map_err(store_error)?;
    let mut held: BTreeMap<Reference, Units> = BTreeMap::new();
    for (sku, batch, units) in placed_with.into_iter().chain(further) {
        let (_, batch, units) = decode::ended((sku, batch, units.unwrap_or_default()))?;
        let sum = held.entry(batch).or_insert(Units::ZERO);
        *sum = [*sum, units].into_iter().sum();
    }
    Ok(held.into_iter().collect())
}
