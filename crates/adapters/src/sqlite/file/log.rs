//! The length of the log, and copying it into the file.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};

use super::super::statement::statement;

/// How long the log is, in pages, and how many of them are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sqlite) struct LogLength {
    /// Pages in the log.
    pub(in crate::sqlite) log: i64,
    /// Pages of it that are in the file.
    pub(in crate::sqlite) copied: i64,
}

/// Reads the length and copies nothing: from SQLite 3.51 on.
pub(in crate::sqlite) fn length(connection: &mut SqliteConnection) -> QueryResult<LogLength> {
    checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)")
}

/// Copies what no reader keeps from being copied, without waiting for any connection.
pub(in crate::sqlite) fn copy(connection: &mut SqliteConnection) -> QueryResult<LogLength> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

// By hand, as every PRAGMA: the builder has none.
fn checkpoint(connection: &mut SqliteConnection, pragma: &'static str) -> QueryResult<LogLength> {
    let (_, log, copied): (i64, i64, i64) = statement::<(BigInt, BigInt, BigInt)>(pragma).get_result(connection)?;
    Ok(LogLength { log, copied })
}
