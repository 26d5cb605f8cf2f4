//! Sessions.

use diesel::prelude::{Queryable, Selectable};
use diesel::sqlite::Sqlite;
use earmark_application::{Session, StoreError};

use super::super::schema::sessions;
use super::Times;
use crate::sql::sessions::{StoredSession, context};

/// A row of `sessions`. It can't be printed: it has the hashes.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct SessionRow {
    hash: Vec<u8>,
    key_hash: Option<Vec<u8>>,
    holder: String,
    roles: Option<String>,
    began_at: i64,
    ends_at: i64,
}

/// A session.
pub(in crate::sqlite) fn session(row: SessionRow) -> Result<Session, StoreError> {
    let at = context(&row.holder);
    let began_at = at.instant("began_at", row.began_at)?;
    let ends_at = at.instant("ends_at", row.ends_at)?;
    StoredSession {
        hash: row.hash,
        key_hash: row.key_hash,
        holder: row.holder,
        roles: row.roles,
        began_at,
        ends_at,
    }
    .try_into()
}
