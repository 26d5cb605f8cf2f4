//! The inbox: which messages were processed, and the dead ones. Each step is one statement.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_PURGE_BATCH, Inbox,
    MAX_DEAD_MESSAGES, SHOWN_DEAD_BODY_BYTES, SourceName, SourceStatus, StoreError,
};
use earmark_domain::{MessageId, Processed};
use jiff::Timestamp;

use super::error::StatementResult;
use super::rows::values::pg_instant;
use super::rows::{DeadMessageRow, DeadMessageTypes, dead_message};
use super::schema::dead_messages;
use super::session::Session;
use super::statement::{column, row_limit, statement};
use super::step::Step;
use super::store::{PostgresStore, processed};
use crate::sql::decode::counter;
use crate::sql::inbox::{source_status, surely_fits};

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
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        // By hand: ARRAY makes the list of rows once, and they are then fetched by where they lie, which their locks keep
        // them from leaving. Those that another instance forgets are left to it.
        const FORGET: &str = "DELETE FROM inbox WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM inbox WHERE processed_at < ? ORDER BY processed_at LIMIT ? FOR UPDATE SKIP LOCKED))";
        statement::<()>(FORGET)
            .bind::<Timestamptz, _>(pg_instant(self.0))
            .bind::<BigInt, _>(row_limit(INBOX_PURGE_BATCH))
            .execute(conn)
            .await
    }
}

/// The first and the last number of a source's dead messages.
struct Numbers<'a>(&'a SourceName);

impl Step for Numbers<'_> {
    type Answer = Vec<(Option<i64>, Option<i64>)>;

    async fn run(&self, conn: &Session) -> StatementResult<Self::Answer> {
        // By hand: each end is looked up, where two aggregates could read all that lies between.
        const NUMBERS: &str = "SELECT (SELECT number FROM dead_messages WHERE source = ? ORDER BY number LIMIT 1), \
             (SELECT number FROM dead_messages WHERE source = ? ORDER BY number DESC LIMIT 1)";
        statement::<(Nullable<BigInt>, Nullable<BigInt>)>(NUMBERS)
            .bind::<Text, _>(self.0.as_str())
            .bind::<Text, _>(self.0.as_str())
            .rows(conn)
            .await
    }
}

/// How many dead messages a source has.
struct Count<'a>(&'a SourceName);

impl Step for Count<'_> {
    type Answer = i64;

    async fn run(&self, conn: &Session) -> StatementResult<i64> {
        let count = dead_messages::table
            .filter(dead_messages::source.eq(self.0.as_str()))
            .count();
        let mut connection = conn.connection();
        conn.run(count.get_result(&mut connection)).await
    }
}

/// Puts messages aside.
struct Bury<'a> {
    source: &'a SourceName,
    messages: &'a [DeadMessage],
}

impl Step for Bury<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        // By hand: a set of rows from arrays, in one text for any number of them. They are numbered as they were given, and
        // written in the order of their keys: two instances that bury the same ones never wait for each other in a circle.
        const BURY: &str = "INSERT INTO dead_messages \
             (number, source, message_id, reason, attempts, since, replayed, bytes, body) OVERRIDING SYSTEM VALUE \
             SELECT numbered.* FROM (SELECT nextval('dead_messages_number_seq'), ?, new.* \
             FROM unnest(?, ?, ?, ?, ?, ?, ?) AS new OFFSET 0) \
             AS numbered (number, source, message_id, reason, attempts, since, replayed, bytes, body) \
             ORDER BY message_id COLLATE \"C\", number ON CONFLICT DO NOTHING";
        let messages: Vec<&DeadMessage> = self.messages.iter().collect();
        statement::<()>(BURY)
            .bind::<Text, _>(self.source.as_str())
            .array::<Text, _>(column(&messages, |message| message.id.as_str()))
            .array::<Text, _>(column(&messages, |message| message.reason.as_str()))
            .array::<BigInt, _>(column(&messages, |message| i64::from(message.attempts)))
            .array::<Timestamptz, PgTimestamp>(column(&messages, |message| pg_instant(message.since)))
            .array::<Bool, _>(column(&messages, |message| message.replayed))
            .array::<BigInt, _>(column(&messages, |message| counter(message.bytes)))
            .array::<Binary, _>(column(&messages, |message| message.body.as_slice()))
            .execute(conn)
            .await
    }
}

/// The sources that have dead messages.
struct Sources;

impl Step for Sources {
    type Answer = Vec<(String, i64, i64)>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<(String, i64, i64)>> {
        // By hand: a count of some rows beside a count of all.
        const SOURCES: &str = "SELECT source, count(*), count(*) FILTER (WHERE replayed) \
             FROM dead_messages GROUP BY source ORDER BY source";
        statement::<(Text, BigInt, BigInt)>(SOURCES).rows(conn).await
    }
}

/// A page of dead messages.
struct Page<'a> {
    source: &'a SourceName,
    after: u64,
    limit: usize,
}

impl Step for Page<'_> {
    type Answer = Vec<DeadMessageRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<DeadMessageRow>> {
        // By hand: a part of a body.
        const PAGE: &str = "SELECT number, source, message_id, reason, attempts, since, replayed, bytes, \
             octet_length(body)::bigint, substring(body for ?::integer) FROM dead_messages \
             WHERE source = ? AND number > ? ORDER BY number LIMIT ?";
        statement::<DeadMessageTypes>(PAGE)
            .bind::<BigInt, _>(row_limit(SHOWN_DEAD_BODY_BYTES))
            .bind::<Text, _>(self.source.as_str())
            .bind::<BigInt, _>(i64::try_from(self.after).unwrap_or(i64::MAX))
            .bind::<BigInt, _>(row_limit(self.limit))
            .rows(conn)
            .await
    }
}

/// Those that are to be tried once more.
struct Replays<'a> {
    source: &'a SourceName,
    limit: usize,
}

impl Step for Replays<'_> {
    type Answer = Vec<DeadMessageRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<DeadMessageRow>> {
        // By hand, as a page of a list.
        const REPLAYS: &str = "SELECT number, source, message_id, reason, attempts, since, replayed, bytes, \
             octet_length(body)::bigint, body FROM dead_messages WHERE source = ? AND replayed ORDER BY number LIMIT ?";
        statement::<DeadMessageTypes>(REPLAYS)
            .bind::<Text, _>(self.source.as_str())
            .bind::<BigInt, _>(row_limit(self.limit))
            .rows(conn)
            .await
    }
}

/// Decides on a number of dead messages.
struct Decide<'a> {
    source: &'a SourceName,
    /// `None`: on all.
    numbers: Option<&'a [u64]>,
    after: u64,
    action: DeadMessageAction,
}

impl Step for Decide<'_> {
    type Answer = Vec<(i64, i64, Option<i64>)>;

    async fn run(&self, conn: &Session) -> StatementResult<Self::Answer> {
        // By hand: the first rows, changed and counted in one statement.
        let text = match self.action {
            DeadMessageAction::Replay => {
                "WITH chosen AS (SELECT number FROM dead_messages WHERE source = ? AND number > ? \
                 AND (? OR number = ANY (?)) ORDER BY number LIMIT ?), \
                 decided AS (UPDATE dead_messages SET replayed = true FROM chosen \
                 WHERE dead_messages.number = chosen.number AND NOT replayed AND octet_length(body) = bytes \
                 RETURNING chosen.number) \
                 SELECT (SELECT count(*) FROM decided), count(*), max(number) FROM chosen"
            }
            DeadMessageAction::Skip => {
                "WITH chosen AS (SELECT number FROM dead_messages WHERE source = ? AND number > ? \
                 AND (? OR number = ANY (?)) ORDER BY number LIMIT ?), \
                 decided AS (DELETE FROM dead_messages USING chosen \
                 WHERE dead_messages.number = chosen.number RETURNING chosen.number) \
                 SELECT (SELECT count(*) FROM decided), count(*), max(number) FROM chosen"
            }
        };
        let named = self.numbers.unwrap_or_default().iter();
        statement::<(BigInt, BigInt, Nullable<BigInt>)>(text)
            .bind::<Text, _>(self.source.as_str())
            .bind::<BigInt, _>(i64::try_from(self.after).unwrap_or(i64::MAX))
            .bind::<Bool, _>(self.numbers.is_none())
            .array::<BigInt, i64>(named.filter_map(|number| i64::try_from(*number).ok()).collect())
            .bind::<BigInt, _>(row_limit(DEAD_MESSAGE_BATCH))
            .rows(conn)
            .await
    }
}

/// Notes how a replay ended.
struct ReplayEnded<'a> {
    message: &'a DeadMessage,
    reason: Option<&'a str>,
}

impl Step for ReplayEnded<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        let attempts = i64::from(self.message.attempts);
        let ended = dead_messages::table
            .filter(dead_messages::number.eq(counter(self.message.number)))
            .filter(dead_messages::attempts.eq(attempts));
        let mut connection = conn.connection();
        match self.reason {
            None => conn.run(diesel::delete(ended).execute(&mut connection)).await,
            Some(reason) => {
                let update = diesel::update(ended).set((
                    dead_messages::reason.eq(reason),
                    dead_messages::attempts.eq(attempts.saturating_add(1)),
                    dead_messages::replayed.eq(false),
                ));
                conn.run(update.execute(&mut connection)).await
            }
        }
    }
}

impl PostgresStore {
    async fn run_on_inbox<S: Step>(&self, step: S) -> Result<S::Answer, StoreError> {
        self.run_step(&self.inbox_slots, step).await
    }

    /// Whether so many more dead messages of a source are not too many. Two instances that ask at once may both be told
    /// so, and bury a few too many.
    async fn fits(&self, source: &SourceName, more: usize) -> Result<bool, StoreError> {
        let numbers = self.run_on_inbox(Numbers(source)).await?.into_iter().next();
        let ends = numbers.and_then(|(first, last)| first.zip(last));
        if ends.is_none_or(|(first, last)| surely_fits(first, last, more)) {
            return Ok(true);
        }
        let count = self.run_on_inbox(Count(source)).await?;
        Ok(count.unsigned_abs() + more as u64 <= MAX_DEAD_MESSAGES)
    }
}

#[async_trait]
impl Inbox for PostgresStore {
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError> {
        self.run_on_inbox(Find(messages)).await
    }

    async fn forget(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.run_on_inbox(Forget(before)).await
    }

    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        if !self.fits(source, messages.len()).await? {
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
        page.into_iter().map(dead_message).collect()
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
        replays.into_iter().map(dead_message).collect()
    }

    async fn replay_ended(&self, message: &DeadMessage, reason: Option<&str>) -> Result<(), StoreError> {
        // Another instance may have noted it before: then there is no such row.
        self.run_on_inbox(ReplayEnded { message, reason }).await.map(drop)
    }
}
