//! The log of access decisions: written and forgotten by the connection that writes.

use diesel::dsl::max;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;
use earmark_application::{ACCESS_LOG_PURGE_BATCH, AccessEntry, StoreError};
use jiff::Timestamp;

use super::super::builder::{first_rows, update};
use super::super::error::store_error;
use super::super::schema::access_log;
use crate::sql::access_log::{stored_address, stored_needs};
use crate::sql::decode::counter;

/// By what the connection knows the UPDATE that counts repeats.
struct CountRepeats;

/// Whether a row is of a refusal, as its index has it: SQLite would not see that from a value that is bound.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
struct IsRefusal;

impl Expression for IsRefusal {
    type SqlType = Bool;
}

impl AppearsOnTable<access_log::table> for IsRefusal {}

impl SelectableExpression<access_log::table> for IsRefusal {}

impl QueryFragment<Sqlite> for IsRefusal {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("decision <> 'done'");
        Ok(())
    }
}

/// Writes an entry, or what has changed of one that is there.
pub(in crate::sqlite) fn write(connection: &mut SqliteConnection, entry: &AccessEntry) -> QueryResult<()> {
    let count = counter(entry.count);
    let known = access_log::id.eq(entry.id.0.as_slice());
    let changed = (
        access_log::count.eq(count),
        access_log::last_at.eq(entry.last_at.as_microsecond()),
    );
    let updated = update::<CountRepeats, _, _, _>(&access_log::table, known, changed).execute(connection)?;
    if updated > 0 {
        return Ok(());
    }
    diesel::insert_into(access_log::table)
        .values((
            access_log::id.eq(entry.id.0.as_slice()),
            access_log::first_at.eq(entry.first_at.as_microsecond()),
            access_log::last_at.eq(entry.last_at.as_microsecond()),
            access_log::caller.eq(entry.caller.name.as_deref()),
            access_log::address.eq(stored_address(entry)),
            access_log::action.eq(&*entry.action),
            access_log::about.eq(entry.about.as_deref()),
            access_log::decision.eq(entry.decision.as_str()),
            access_log::needs.eq(stored_needs(entry)),
            access_log::count.eq(count),
            access_log::correlation_id.eq(entry.correlation_id.as_deref()),
        ))
        .execute(connection)
        .map(drop)
}

/// Forgets what is old, and refusals beyond the newest entries; answers how many.
pub(in crate::sqlite) fn forget(
    connection: &mut SqliteConnection,
    before: Timestamp,
    keep: u64,
) -> Result<usize, StoreError> {
    let last = access_log::table.select(max(access_log::number));
    let last: Option<i64> = last.get_result(connection).map_err(store_error)?;
    let Some(last) = last else { return Ok(0) };
    // The first ones, each by its own age: a clock that was ahead for a while has dated some in its future.
    let first = access_log::table
        .filter(access_log::number.gt(0))
        .order(access_log::number)
        .select(access_log::number);
    let first: Vec<i64> = first_rows(first.load_iter(connection), ACCESS_LOG_PURGE_BATCH)?;
    let mut forgotten = 0;
    if let Some(end) = first.last() {
        let old = access_log::table
            .filter(access_log::number.le(*end))
            .filter(access_log::last_at.lt(before.as_microsecond()));
        forgotten += diesel::delete(old).execute(connection).map_err(store_error)?;
    }
    let refusals = access_log::table
        .filter(IsRefusal)
        .filter(access_log::number.le(last.saturating_sub(i64::try_from(keep).unwrap_or(i64::MAX))));
    let excess = refusals.order(access_log::number).select(access_log::number);
    let excess: Vec<i64> = first_rows(excess.load_iter(connection), ACCESS_LOG_PURGE_BATCH)?;
    if let Some(end) = excess.last() {
        let excess = access_log::table.filter(IsRefusal).filter(access_log::number.le(*end));
        forgotten += diesel::delete(excess).execute(connection).map_err(store_error)?;
    }
    Ok(forgotten)
}
