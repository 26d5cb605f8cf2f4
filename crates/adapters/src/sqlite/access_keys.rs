//! Access keys: what changes them is handed to the thread that writes.

use async_trait::async_trait;
use diesel::dsl::{exists, select};
use diesel::prelude::*;
use earmark_application::{AccessEntry, AccessKey, KeyHash, KeyName, Keys, StoreError};
use jiff::Timestamp;

use super::error::store_error;
use super::rows::{AccessKeyRow, access_key};
use super::schema::access_keys;
use super::sqlite_store::SqliteStore;
use super::store::access_keys as changes;

#[async_trait]
impl Keys for SqliteStore {
    async fn add_key(&self, key: &AccessKey, log: &AccessEntry) -> Result<bool, StoreError> {
        let (key, log) = (key.clone(), log.clone());
        self.write_beside(move |connection| changes::add(connection, &key, &log).map_err(store_error))
            .await
    }

    async fn rotate_key(
        &self,
        name: &KeyName,
        hash: KeyHash,
        expires_at: Option<Timestamp>,
        log: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let (name, log) = (name.clone(), log.clone());
        self.write_beside(move |connection| {
            changes::rotate(connection, &name, hash, expires_at, &log).map_err(store_error)
        })
        .await
    }

    async fn revoke_key(&self, name: &KeyName, now: Timestamp, log: &AccessEntry) -> Result<bool, StoreError> {
        let (name, log) = (name.clone(), log.clone());
        self.write_beside(move |connection| changes::revoke(connection, &name, now, &log).map_err(store_error))
            .await
    }

    async fn all_keys(&self) -> Result<Vec<AccessKey>, StoreError> {
        self.readers
            .long
            .query(|connection| {
                let rows: Vec<AccessKeyRow> = access_keys::table
                    .order(access_keys::name)
                    .select(AccessKeyRow::as_select())
                    .load(connection)
                    .map_err(store_error)?;
                rows.into_iter().map(access_key).collect()
            })
            .await
    }

    async fn key_of(&self, hash: KeyHash) -> Result<Option<AccessKey>, StoreError> {
        self.readers
            .by_key
            .query(move |connection| {
                let row: Option<AccessKeyRow> = access_keys::table
                    .filter(access_keys::hash.eq(hash.0.as_slice()))
                    .select(AccessKeyRow::as_select())
                    .get_result(connection)
                    .optional()
                    .map_err(store_error)?;
                row.map(access_key).transpose()
            })
            .await
    }

    async fn has_keys(&self) -> Result<bool, StoreError> {
        self.readers
            .by_key
            .query(|connection| {
                select(exists(access_keys::table.select(access_keys::name)))
                    .get_result(connection)
                    .map_err(store_error)
            })
            .await
    }

    async fn note_key_used(&self, hash: KeyHash, now: Timestamp) -> Result<(), StoreError> {
        self.write_beside(move |connection| changes::note_used(connection, hash, now).map_err(store_error))
            .await
    }
}
