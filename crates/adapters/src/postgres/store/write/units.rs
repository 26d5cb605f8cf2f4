//! Units in batches: allocations and dispatches. Triggers keep the sums of the batches.

use diesel::sql_types::{BigInt, Integer, Text, Timestamptz};
use earmark_domain::{AllocationRecord, DispatchRecord};

use crate::postgres::rows::values::{pg_instant, pg_units};
use crate::postgres::statement::{Statement, column, distinct, statement};
use crate::sql::decode::counter;
use crate::sql::rank;

/// Releases allocations, each from where it is stored: in its line, or in a row of its own.
pub(super) fn release(allocations: &[AllocationRecord]) -> Statement<'_> {
    let orders: Vec<&str> = allocations.iter().map(|held| held.key.order.as_str()).collect();
    statement(
        "WITH old AS (SELECT * FROM unnest(?, ?, ?, ?) AS old (order_id, line_id, batch, quantity)), \
         further AS (DELETE FROM further_allocations AS held USING old \
         WHERE held.order_id = old.order_id AND held.line_id = old.line_id \
         AND held.batch = old.batch AND held.quantity = old.quantity AND held.order_id = ANY (?) RETURNING 1), \
         first AS (UPDATE lines SET batch = NULL, units = NULL FROM old \
         WHERE lines.order_id = old.order_id AND lines.line_id = old.line_id \
         AND lines.batch = old.batch AND lines.units = old.quantity AND lines.order_id = ANY (?) RETURNING 1) \
         SELECT FROM further UNION ALL SELECT FROM first",
    )
    .array::<Text, _>(orders.clone())
    .array::<Text, _>(allocations.iter().map(|held| held.key.line.as_str()).collect())
    .array::<Text, _>(allocations.iter().map(|held| held.batch.as_str()).collect())
    .array::<Integer, _>(allocations.iter().map(|held| pg_units(held.quantity.get())).collect())
    .array::<Text, _>(distinct(orders.clone()))
    .array::<Text, _>(distinct(orders))
}

/// Deletes dispatches that are undone.
pub(super) fn undo_dispatch(dispatches: &[DispatchRecord]) -> Statement<'_> {
    let orders: Vec<&str> = dispatches.iter().map(|dispatch| dispatch.key.order.as_str()).collect();
    statement(
        "DELETE FROM dispatches USING unnest(?, ?, ?, ?, ?) AS old (order_id, line_id, batch, quantity, version) \
         WHERE dispatches.order_id = old.order_id AND dispatches.line_id = old.line_id \
         AND dispatches.batch = old.batch AND dispatches.dispatched_version = old.version \
         AND dispatches.quantity = old.quantity \
         AND dispatches.order_id = ANY (?)",
    )
    .array::<Text, _>(orders.clone())
    .array::<Text, _>(dispatches.iter().map(|dispatch| dispatch.key.line.as_str()).collect())
    .array::<Text, _>(dispatches.iter().map(|dispatch| dispatch.batch.as_str()).collect())
    .array::<Integer, _>(
        dispatches
            .iter()
            .map(|dispatch| pg_units(dispatch.quantity.get()))
            .collect(),
    )
    .array::<BigInt, _>(versions(dispatches))
    .array::<Text, _>(distinct(orders))
}

/// Inserts dispatches.
pub(super) fn dispatch(dispatches: &[DispatchRecord]) -> Statement<'_> {
    statement(
        "INSERT INTO dispatches (order_id, line_id, batch, quantity, allocated_version, dispatched_version, dispatched_at) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?)",
    )
    .array::<Text, _>(dispatches.iter().map(|dispatch| dispatch.key.order.as_str()).collect())
    .array::<Text, _>(dispatches.iter().map(|dispatch| dispatch.key.line.as_str()).collect())
    .array::<Text, _>(dispatches.iter().map(|dispatch| dispatch.batch.as_str()).collect())
    .array::<Integer, _>(
        dispatches
            .iter()
            .map(|dispatch| pg_units(dispatch.quantity.get()))
            .collect(),
    )
    .array::<BigInt, _>(
        dispatches
            .iter()
            .map(|dispatch| counter(dispatch.allocated_version))
            .collect(),
    )
    .array::<BigInt, _>(versions(dispatches))
    .array::<Timestamptz, _>(
        dispatches
            .iter()
            .map(|dispatch| pg_instant(dispatch.dispatched_at))
            .collect(),
    )
}

/// The versions whose events tell of dispatches.
fn versions(dispatches: &[DispatchRecord]) -> Vec<i64> {
    let versions = dispatches.iter().map(|dispatch| counter(dispatch.dispatched_version));
    versions.collect()
}

/// Inserts the allocations that are not stored in their line.
pub(super) fn allocate<'a>(allocations: &[&'a AllocationRecord]) -> Statement<'a> {
    bind_allocations(
        statement(
            "INSERT INTO further_allocations (order_id, line_id, batch, quantity, allocated_version, release_rank) \
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?)",
        ),
        allocations,
    )
}

/// Binds the columns of allocations that are not stored in their line.
pub(in crate::postgres::store) fn bind_allocations<'a>(
    statement: Statement<'a>,
    allocations: &[&'a AllocationRecord],
) -> Statement<'a> {
    statement
        .array_or_null::<Text, _>(column(allocations, |held| held.key.order.as_str()))
        .array_or_null::<Text, _>(column(allocations, |held| held.key.line.as_str()))
        .array_or_null::<Text, _>(column(allocations, |held| held.batch.as_str()))
        .array_or_null::<Integer, _>(column(allocations, |held| pg_units(held.quantity.get())))
        .array_or_null::<BigInt, _>(column(allocations, |held| counter(held.allocated_version)))
        .array_or_null::<BigInt, i64>(column(allocations, |held| rank::release_rank(held.release_rank)))
}
