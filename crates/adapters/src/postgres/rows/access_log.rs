//! The log of access decisions.

use diesel::data_types::PgTimestamp;
use diesel::{Queryable, Selectable};
use earmark_application::{LoggedEntry, StoreError};

use super::values::Times;
use crate::postgres::schema::access_log;
use crate::sql::access_log::{StoredEntry, context};

/// A row of `access_log`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = access_log, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct AccessLogRow {
    number: i64,
    id: Vec<u8>,
    first_at: PgTimestamp,
    last_at: PgTimestamp,
    caller: Option<String>,
    address: Option<String>,
    action: String,
    about: Option<String>,
    decision: String,
    needs: Option<String>,
    count: i64,
    correlation_id: Option<String>,
}

impl TryFrom<AccessLogRow> for LoggedEntry {
    type Error = StoreError;

    fn try_from(row: AccessLogRow) -> Result<Self, StoreError> {
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
}
