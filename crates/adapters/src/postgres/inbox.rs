//! The inbox: which messages were processed, and the port with the dead ones. Each step is one statement.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Timestamptz};
use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_PURGE_BATCH, Inbox,
    MessagesForgotten, SourceName, SourceStatus, StoreError,
};
use earmark_domain::{MessageId, Processed};
use jiff::Timestamp;

use super::dead_messages::{Bury, Counts, Decide, Numbers, Page, ReplayEnded, Replays, Sources};
use super::error::StatementResult;
use super::rows::values::{Times, pg_instant};
use super::session::Session;
use super::statement::{row_limit, statement};
use super::step::Step;
use super::store::{PostgresStore, processed};
use crate::sql::decode::RowContext;
use crate::sql::inbox::{DeadMessageRow, at_most, dead_message, fits, source_status};

/// Looks for processed messages.
struct Find<'a>(&'a [MessageId]);

impl Step for Find<'_> {
    type Answer = HashMap<MessageId, Processed>;

    async fn run(&self, conn: &Session) -> StatementResult<HashMap<MessageId, Processed>> {
        processed(conn, self.0).await
    }
}

/// Forgets processed messages.
struct Forget(Timestamp);

impl Step for Forget {
    type Answer = Vec<i64>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<i64>> {
        // By hand: ARRAY makes the list of rows once, and they are then fetched by where they lie, which their locks keep
        // them from leaving. Those that another instance forgets are left to it. A message that was buried while it was
        // carried out is known as such no longer than its row in the inbox stands, so the dead one goes with that.
        const FORGET: &str = "WITH forgotten AS (DELETE FROM inbox WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM inbox WHERE processed_at < ? ORDER BY processed_at LIMIT ? FOR UPDATE SKIP LOCKED)) \
             RETURNING source, message_id, refusal), \
             carried_out AS (DELETE FROM dead_messages WHERE ctid = ANY (ARRAY( \
             SELECT found.ctid FROM forgotten CROSS JOIN LATERAL (SELECT dead.ctid FROM dead_messages AS dead \
             WHERE dead.source = forgotten.source AND dead.message_id = forgotten.message_id \
             AND dead.message_id <> '' LIMIT 1) AS found WHERE forgotten.refusal IS NULL))) \
             SELECT count(*) FROM forgotten";
        statement::<BigInt>(FORGET)
            .bind::<Timestamptz, _>(pg_instant(self.0))
            .bind::<BigInt, _>(row_limit(INBOX_PURGE_BATCH))
            .rows(conn)
            .await
    }
}

fn read(row: DeadMessageRow<PgTimestamp>) -> Result<DeadMessage, StoreError> {
    dead_message(row, |at: &RowContext<'_>, column, since| at.instant(column, since))
}

impl PostgresStore {
    async fn run_on_inbox<S: Step>(&self, step: S) -> Result<S::Answer, StoreError> {
        self.run_step(&self.inbox_slots, step).await
    }

    /// Whether those of these messages that would be new are not too many. Two instances that ask at once may both be
    /// told so, and bury a few too many.
    async fn have_room(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        let numbers = self.run_on_inbox(Numbers(source)).await?.into_iter().next();
        let ends = numbers.and_then(|(first, last)| first.zip(last));
        let most = ends.map_or(0, |(first, last)| at_most(first, last));
        if fits(most, messages.len() as u64) {
            return Ok(true);
        }
        let counts = self.run_on_inbox(Counts { source, messages }).await?.into_iter().next();
        Ok(counts.is_none_or(|(dead, new)| fits(dead.unsigned_abs(), new.unsigned_abs())))
    }
}

#[async_trait]
impl Inbox for PostgresStore {
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError> {
        self.run_on_inbox(Find(messages)).await
    }

    async fn forget(&self, before: Timestamp, after: u64) -> Result<MessagesForgotten, StoreError> {
        // They are found by their age, so there is nothing to pass over.
        let forgotten = self.run_on_inbox(Forget(before)).await?;
        let messages = forgotten.into_iter().map(i64::unsigned_abs).sum();
        Ok(MessagesForgotten {
            messages,
            next: (messages >= INBOX_PURGE_BATCH as u64).then_some(after),
        })
    }

    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        if !self.have_room(source, messages).await? {
            return Ok(false);
        }
        self.run_on_inbox(Bury { source, messages }).await?;
        Ok(true)
    }

    async fn sources(&self) -> Result<Vec<SourceStatus>, StoreError> {
        let sources = self.run_on_inbox(Sources).await?;
        sources.into_iter().map(source_status).collect()
    }

    async fn dead_messages(
        &self,
        source: &SourceName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadMessage>, StoreError> {
        let page = self.run_on_inbox(Page { source, after, limit }).await?;
        page.into_iter().map(read).collect()
    }

    async fn decide_on_dead_messages(
        &self,
        source: &SourceName,
        numbers: Option<&[u64]>,
        after: u64,
        action: DeadMessageAction,
    ) -> Result<DeadMessagesDecided, StoreError> {
        let decide = Decide {
            source,
            numbers,
            after,
            action,
        };
        let decided = self.run_on_inbox(decide).await?.into_iter().next();
        let (messages, chosen, last) = decided.unwrap_or_default();
        let is_cut = chosen == row_limit(DEAD_MESSAGE_BATCH);
        Ok(DeadMessagesDecided {
            messages: messages.unsigned_abs(),
            next: last.filter(|_| is_cut).map(i64::unsigned_abs),
        })
    }

    async fn replays(&self, source: &SourceName, limit: usize) -> Result<Vec<DeadMessage>, StoreError> {
        let replays = self.run_on_inbox(Replays { source, limit }).await?;
        replays.into_iter().map(read).collect()
    }

    async fn replay_ended(&self, message: &DeadMessage, reason: Option<&str>) -> Result<(), StoreError> {
        // Another instance may have noted it before: then there is no such row.
        self.run_on_inbox(ReplayEnded { message, reason }).await.map(drop)
    }
}
