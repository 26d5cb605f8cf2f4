//! Sessions.

use diesel::data_types::PgTimestamp;
use diesel::{Queryable, Selectable};
use earmark_application::{Session, StoreError};

use super::values::Times;
use crate::postgres::schema::sessions;
use crate::sql::sessions::{StoredSession, context};

/// A row of `sessions`. It can't be printed: it has the hashes.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct SessionRow {
    hash: Vec<u8>,
    key_hash: Option<Vec<u8>>,
    holder: String,
    roles: Option<String>,
    began_at: PgTimestamp,
    ends_at: PgTimestamp,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
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
}
