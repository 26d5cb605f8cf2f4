//! The log of access decisions: what changes it is handed to the thread that writes.

use async_trait::async_trait;
use diesel::prelude::*;
use earmark_application::{AccessEntry, AccessLog, LoggedEntry, StoreError};
use jiff::Timestamp;

use super::builder::first_rows;
use super::error::store_error;
use super::rows::{AccessLogRow, logged_entry};
use super::schema::access_log;
use super::sqlite_store::SqliteStore;
use super::store::access_log as changes;

#[async_trait]
impl AccessLog for SqliteStore {
    async fn log_access(&self, entries: &[AccessEntry]) -> Result<(), StoreError> {
        let entries = entries.to_vec();
        self.write_beside(move |connection| {
            let mut entries = entries.iter();
            entries.try_for_each(|entry| changes::write(connection, entry).map_err(store_error))
        })
        .await
    }

    async fn access_entries(&self, after: u64, limit: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.readers
            .long
            .query(move |connection| {
                let page = access_log::table
                    .filter(access_log::number.gt(after))
                    .order(access_log::number)
                    .select(AccessLogRow::as_select());
                let rows: Vec<AccessLogRow> = first_rows(page.load_iter(connection), limit)?;
                rows.into_iter().map(logged_entry).collect()
            })
            .await
    }

    async fn newest_access_entries(&self, before: Option<u64>, limit: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        self.readers
            .long
            .query(move |connection| {
                let page = access_log::table
                    .filter(access_log::number.lt(before))
                    .order(access_log::number.desc())
                    .select(AccessLogRow::as_select());
                let rows: Vec<AccessLogRow> = first_rows(page.load_iter(connection), limit)?;
                rows.into_iter().map(logged_entry).collect()
            })
            .await
    }

    async fn forget_access_entries(&self, before: Timestamp, keep: u64) -> Result<usize, StoreError> {
        self.write_beside(move |connection| changes::forget(connection, before, keep))
            .await
    }
}
