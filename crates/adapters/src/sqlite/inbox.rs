//! The inbox: what changes it is handed to the thread that writes.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use earmark_application::{
    DeadMessage, DeadMessageAction, DeadMessagesDecided, Inbox, MessagesForgotten, REPLAYED_BYTES,
    SHOWN_DEAD_BODY_BYTES, SourceName, SourceStatus, StoreError,
};
use earmark_domain::{MessageId, Processed};
use jiff::Timestamp;

use super::builder::first_rows;
use super::error::store_error;
use super::rows::Times;
use super::sqlite_store::SqliteStore;
use super::statement::statement;
use super::store::{dead_messages as changes, forget, processed};
use crate::sql::decode::RowContext;
use crate::sql::inbox::{DeadMessageRow, DeadMessageTypes, dead_message, dead_messages, source_status};

fn read(row: DeadMessageRow<i64>) -> Result<DeadMessage, StoreError> {
    dead_message(row, |at: &RowContext<'_>, column, since| at.instant(column, since))
}

#[async_trait]
impl Inbox for SqliteStore {
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError> {
        let messages = messages.to_vec();
        self.readers
            .by_key
            .query(move |connection| processed(connection, &messages))
            .await
    }

    async fn forget(&self, before: Timestamp, after: u64) -> Result<MessagesForgotten, StoreError> {
        self.write_beside(move |connection| forget(connection, before, after))
            .await
    }

    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        let (source, messages) = (source.clone(), messages.to_vec());
        self.write_beside(move |connection| changes::bury(connection, &source, &messages))
            .await
    }

    async fn sources(&self) -> Result<Vec<SourceStatus>, StoreError> {
        // By hand: a sum of truth values.
        const SOURCES: &str =
            "SELECT source, count(*), sum(replayed) FROM dead_messages GROUP BY source ORDER BY source";
        self.readers
            .long
            .query(|connection| {
                let sources = statement::<(Text, BigInt, BigInt)>(SOURCES).load(connection);
                sources.map_err(store_error)?.into_iter().map(source_status).collect()
            })
            .await
    }

    async fn dead_messages(
        &self,
        source: &SourceName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadMessage>, StoreError> {
        // By hand: a part of a body. Of an empty one SQLite makes NULL.
        const PAGE: &str = dead_messages!(
            "length(body)",
            "coalesce(substr(body, 1, ?), x'')",
            "FROM dead_messages WHERE source = ? AND number > ? ORDER BY number"
        );
        let source = source.clone();
        self.readers
            .long
            .query(move |connection| {
                let page = statement::<DeadMessageTypes<BigInt>>(PAGE)
                    .integer(i64::try_from(SHOWN_DEAD_BODY_BYTES).unwrap_or(i64::MAX))
                    .text(source.as_str())
                    .integer(i64::try_from(after).unwrap_or(i64::MAX));
                let rows: Vec<DeadMessageRow<i64>> = first_rows(page.load_iter(connection), limit)?;
                rows.into_iter().map(read).collect()
            })
            .await
    }

    async fn decide_on_dead_messages(
        &self,
        source: &SourceName,
        numbers: Option<&[u64]>,
        after: u64,
        action: DeadMessageAction,
    ) -> Result<DeadMessagesDecided, StoreError> {
        let (source, numbers) = (source.clone(), numbers.map(<[u64]>::to_vec));
        self.write_beside(move |connection| changes::decide(connection, &source, numbers.as_deref(), after, action))
            .await
    }

    async fn replays(&self, source: &SourceName, limit: usize) -> Result<Vec<DeadMessage>, StoreError> {
        // By hand, as a page of a list.
        const REPLAYS: &str = dead_messages!(
            "length(body)",
            "body",
            "FROM dead_messages WHERE source = ? AND replayed ORDER BY number"
        );
        let source = source.clone();
        self.readers
            .by_key
            .query(move |connection| {
                let replays = statement::<DeadMessageTypes<BigInt>>(REPLAYS).text(source.as_str());
                let (mut replayed, mut bytes) = (Vec::new(), 0);
                for row in replays.load_iter(connection).map_err(store_error)?.take(limit) {
                    let message = read(row.map_err(store_error)?)?;
                    bytes += message.body.len();
                    if bytes > REPLAYED_BYTES && !replayed.is_empty() {
                        break;
                    }
                    replayed.push(message);
                }
                Ok(replayed)
            })
            .await
    }

    async fn replay_ended(&self, message: &DeadMessage, reason: Option<&str>) -> Result<(), StoreError> {
        let (message, reason) = (message.clone(), reason.map(ToOwned::to_owned));
        self.write_beside(move |connection| {
            changes::replay_ended(connection, &message, reason.as_deref()).map_err(store_error)
        })
        .await
    }
}
