//! The log of access decisions. Each step is one statement.
//!
//! Entries are numbered under a lock that is held to the commit, so that numbers follow the order of commits: whoever reads on
//! behind a number misses no entry that was stored late. It is held for one statement a second.

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::{ACCESS_LOG_PURGE_BATCH, AccessEntry, AccessLog, LoggedEntry, StoreError};
use jiff::Timestamp;

use super::error::StatementResult;
use super::rows::values::{pg_bound, pg_instant};
use super::rows::{AccessLogRow, records};
use super::schema::access_log;
use super::session::Session;
use super::statement::{Statement, column, load, row_limit, statement};
use super::step::Step;
use super::store::PostgresStore;
use crate::sql::access_log::{stored_address, stored_needs};
use crate::sql::decode::counter;

/// The advisory lock that is held while entries are numbered. There is one for the database, and nothing else uses this
/// number.
pub(super) const ACCESS_LOG_LOCK: i64 = 0x4541_524d_4c4f_4753;

/// The columns of an entry that are written, in the order in which [`entry`] binds them.
macro_rules! entry_columns {
    () => {
        "id, first_at, last_at, caller, address, action, about, decision, needs, count, correlation_id"
    };
}
pub(super) use entry_columns;

/// Binds the values of one entry, in the order of [`entry_columns`].
pub(super) fn entry<'a, Types>(statement: Statement<'a, Types>, entry: &'a AccessEntry) -> Statement<'a, Types> {
    statement
        .bind::<Binary, _>(&entry.id.0[..])
        .bind::<Timestamptz, _>(pg_instant(entry.first_at))
        .bind::<Timestamptz, _>(pg_instant(entry.last_at))
        .bind::<Nullable<Text>, _>(entry.caller.name.as_deref())
        .bind::<Nullable<Text>, _>(stored_address(entry))
        .bind::<Text, _>(&*entry.action)
        .bind::<Nullable<Text>, _>(entry.about.as_deref())
        .bind::<Text, _>(entry.decision.as_str())
        .bind::<Nullable<Text>, _>(stored_needs(entry))
        .bind::<BigInt, _>(counter(entry.count))
        .bind::<Nullable<Text>, _>(entry.correlation_id.as_deref())
}

/// Writes entries, or what has changed of those that are there.
struct Log<'a>(&'a [AccessEntry]);

impl Step for Log<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        // By hand: a set of rows from arrays. A row that is there takes no number, as it would with ON CONFLICT alone: how
        // many refusals are kept is told by the numbers. The rows are numbered once the lock is held, since they come out of
        // a join with it.
        const LOG: &str = concat!(
            "WITH given AS MATERIALIZED (SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY AS new (",
            entry_columns!(),
            ", place)), \
             repeated AS (UPDATE access_log AS known SET count = given.count, last_at = given.last_at \
             FROM given WHERE known.id = given.id), \
             locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(?)) \
             INSERT INTO access_log (",
            entry_columns!(),
            ") SELECT ",
            entry_columns!(),
            " FROM locked, given WHERE NOT EXISTS (SELECT FROM access_log AS known WHERE known.id = given.id) \
             ORDER BY place ON CONFLICT DO NOTHING"
        );
        let entries: Vec<&AccessEntry> = self.0.iter().collect();
        statement::<()>(LOG)
            .array::<Binary, _>(column(&entries, |entry| &entry.id.0[..]))
            .array::<Timestamptz, PgTimestamp>(column(&entries, |entry| pg_instant(entry.first_at)))
            .array::<Timestamptz, PgTimestamp>(column(&entries, |entry| pg_instant(entry.last_at)))
            .array::<Nullable<Text>, _>(column(&entries, |entry| entry.caller.name.as_deref()))
            .array::<Nullable<Text>, _>(column(&entries, stored_address))
            .array::<Text, _>(column(&entries, |entry| &*entry.action))
            .array::<Nullable<Text>, _>(column(&entries, |entry| entry.about.as_deref()))
            .array::<Text, _>(column(&entries, |entry| entry.decision.as_str()))
            .array::<Nullable<Text>, _>(column(&entries, stored_needs))
            .array::<BigInt, _>(column(&entries, |entry| counter(entry.count)))
            .array::<Nullable<Text>, _>(column(&entries, |entry| entry.correlation_id.as_deref()))
            .bind::<BigInt, _>(ACCESS_LOG_LOCK)
            .execute(conn)
            .await
    }
}

/// A page of entries.
struct Page {
    after: u64,
    limit: usize,
}

impl Step for Page {
    type Answer = Vec<AccessLogRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<AccessLogRow>> {
        let page = access_log::table
            .filter(access_log::number.gt(i64::try_from(self.after).unwrap_or(i64::MAX)))
            .order(access_log::number)
            .limit(row_limit(self.limit))
            .select(AccessLogRow::as_select());
        load(page, conn).await
    }
}

/// A page of entries, from the newest on.
struct NewestPage {
    before: Option<u64>,
    limit: usize,
}

impl Step for NewestPage {
    type Answer = Vec<AccessLogRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<AccessLogRow>> {
        let before = self.before.and_then(|before| i64::try_from(before).ok());
        let page = access_log::table
            .filter(access_log::number.lt(before.unwrap_or(i64::MAX)))
            .order(access_log::number.desc())
            .limit(row_limit(self.limit))
            .select(AccessLogRow::as_select());
        load(page, conn).await
    }
}

/// Forgets what is old, and refusals beyond the newest entries.
struct Forget {
    before: Timestamp,
    keep: u64,
}

impl Step for Forget {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        // By hand: the first rows of two orders. Of the oldest each goes by its own age: a clock that was ahead for a while
        // has dated some in its future.
        const FORGET: &str = "DELETE FROM access_log WHERE number IN \
             (SELECT number FROM (SELECT number, last_at FROM access_log ORDER BY number LIMIT ?) AS first \
             WHERE last_at < ? \
             UNION ALL SELECT number FROM (SELECT number FROM access_log WHERE decision <> 'done' \
             AND number <= (SELECT max(number) FROM access_log) - ? ORDER BY number LIMIT ?) AS excess)";
        statement::<()>(FORGET)
            .bind::<BigInt, _>(row_limit(ACCESS_LOG_PURGE_BATCH))
            .bind::<Timestamptz, _>(pg_bound(self.before))
            .bind::<BigInt, _>(counter(self.keep))
            .bind::<BigInt, _>(row_limit(ACCESS_LOG_PURGE_BATCH))
            .execute(conn)
            .await
    }
}

#[async_trait]
impl AccessLog for PostgresStore {
    async fn log_access(&self, entries: &[AccessEntry]) -> Result<(), StoreError> {
        self.run_step(&self.access_key_slots, Log(entries)).await.map(drop)
    }

    async fn access_entries(&self, after: u64, limit: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        let page = Page { after, limit };
        records(self.run_step(&self.access_key_slots, page).await?)
    }

    async fn newest_access_entries(&self, before: Option<u64>, limit: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        let page = NewestPage { before, limit };
        records(self.run_step(&self.access_key_slots, page).await?)
    }

    async fn forget_access_entries(&self, before: Timestamp, keep: u64) -> Result<usize, StoreError> {
        let forget = Forget { before, keep };
        self.run_step(&self.access_key_slots, forget).await
    }
}
