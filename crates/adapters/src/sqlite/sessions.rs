//! Sessions: what changes them is handed to the thread that writes.

use async_trait::async_trait;
use diesel::prelude::*;
use earmark_application::{AccessEntry, Session, SessionHash, Sessions, StoreError};
use jiff::Timestamp;

use super::error::store_error;
use super::rows::{SessionRow, session};
use super::schema::sessions;
use super::sqlite_store::SqliteStore;
use super::store::sessions as changes;

#[async_trait]
impl Sessions for SqliteStore {
    async fn begin_session(&self, session: &Session, log: &AccessEntry) -> Result<(), StoreError> {
        let (session, log) = (session.clone(), log.clone());
        self.write_beside(move |connection| changes::begin(connection, &session, &log).map_err(store_error))
            .await
    }

    async fn session_of(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        self.readers
            .by_key
            .query(move |connection| {
                let row: Option<SessionRow> = sessions::table
                    .filter(sessions::hash.eq(hash.0.as_slice()))
                    .select(SessionRow::as_select())
                    .get_result(connection)
                    .optional()
                    .map_err(store_error)?;
                row.map(session).transpose()
            })
            .await
    }

    async fn end_session(&self, hash: SessionHash, log: &AccessEntry) -> Result<bool, StoreError> {
        let log = log.clone();
        self.write_beside(move |connection| changes::end(connection, hash, &log).map_err(store_error))
            .await
    }

    async fn all_sessions(&self, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.readers
            .long
            .query(move |connection| {
                let rows: Vec<SessionRow> = sessions::table
                    .filter(sessions::ends_at.gt(now.as_microsecond()))
                    .order((sessions::holder, sessions::began_at, sessions::hash))
                    .select(SessionRow::as_select())
                    .load(connection)
                    .map_err(store_error)?;
                rows.into_iter().map(session).collect()
            })
            .await
    }
}
