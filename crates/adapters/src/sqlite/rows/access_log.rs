//! The log of access decisions.

use diesel::prelude::{Queryable, Selectable};
use diesel::sqlite::Sqlite;
use earmark_application::{LoggedEntry, StoreError};

use super::super::schema::access_log;
use super::Times;
use crate::sql::access_log::{StoredEntry, context};

/// A row of `access_log`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = access_log, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct AccessLogRow {
    number: i64,
    id: Vec<u8>,
    first_at: i64,
    last_at: i64,
    caller: Option<String>,
    address: Option<String>,
    action: String,
    about: Option<String>,
    decision: String,
    needs: Option<String>,
    count: i64,
    correlation_id: Option<String>,
}

/// An entry.
pub(in crate::sqlite) fn logged_entry(row: AccessLogRow) -> Result<LoggedEntry, StoreError> {
    let at = context(&row.number);
    StoredEntry {
        first_at: at.instant("first_at", row.first_at)?,
        last_at: at.instant("last_at", row.last_at)?,
        number: row.number,
        id: row.id,
        caller: row.caller,
        address: row.address,
        action: row.action,
        about: row.about,
        decision: row.decision,
        needs: row.needs,
        count: row.count,
        correlation_id: row.correlation_id,
    }
    .try_into()
}
