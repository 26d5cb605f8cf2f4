//! Dead messages: the steps, each one statement.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, REPLAYED_BYTES, SHOWN_DEAD_BODY_BYTES, SourceName,
};

use super::error::StatementResult;
use super::rows::values::pg_instant;
use super::schema::dead_messages;
use super::session::Session;
use super::statement::{column, row_limit, statement};
use super::step::Step;
use crate::sql::decode::counter;
use crate::sql::inbox::{DeadMessageRow, DeadMessageTypes, dead_messages};

/// The first and the last number of a source's dead messages.
pub(super) struct Numbers<'a>(pub(super) &'a SourceName);

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

/// How many dead messages a source has, and how many of these messages would be new ones.
pub(super) struct Counts<'a> {
    pub(super) source: &'a SourceName,
    pub(super) messages: &'a [DeadMessage],
}

impl Step for Counts<'_> {
    type Answer = Vec<(i64, i64)>;

    async fn run(&self, conn: &Session) -> StatementResult<Self::Answer> {
        // By hand: each id is looked up; told by a join, the whole inbox could be read.
        const COUNTS: &str = "SELECT (SELECT count(*) FROM dead_messages WHERE source = ?), (SELECT count(*) FROM \
             (SELECT DISTINCT id, CASE id WHEN '' THEN place END FROM unnest(?) WITH ORDINALITY AS given (id, place) \
             WHERE (SELECT true FROM dead_messages WHERE source = ? AND message_id = id AND message_id <> '' LIMIT 1) \
             IS NULL AND (SELECT true FROM inbox WHERE source = ? AND message_id = id AND refusal IS NULL LIMIT 1) \
             IS NULL) AS new)";
        let messages: Vec<&DeadMessage> = self.messages.iter().collect();
        statement::<(BigInt, BigInt)>(COUNTS)
            .bind::<Text, _>(self.source.as_str())
            .array::<Text, _>(column(&messages, |message| message.id.as_str()))
            .bind::<Text, _>(self.source.as_str())
            .bind::<Text, _>(self.source.as_str())
            .rows(conn)
            .await
    }
}

/// Puts messages aside.
pub(super) struct Bury<'a> {
    pub(super) source: &'a SourceName,
    pub(super) messages: &'a [DeadMessage],
}

impl Step for Bury<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        // By hand: a set of rows from arrays, in one text for any number of them. They are numbered as they were given, and
        // written in the order of their keys: two instances that bury the same ones never wait for each other in a circle.
        const BURY: &str = "INSERT INTO dead_messages \
             (number, source, message_id, correlation_id, reason, attempts, since, replayed, bytes, body) \
             OVERRIDING SYSTEM VALUE \
             SELECT numbered.* FROM (SELECT nextval('dead_messages_number_seq'), ?, new.* \
             FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) AS new (id, correlation_id, reason, attempts, since, replayed, bytes, body) \
             WHERE (SELECT true FROM inbox WHERE source = ? AND message_id = id AND refusal IS NULL LIMIT 1) IS NULL \
             OFFSET 0) \
             AS numbered (number, source, message_id, correlation_id, reason, attempts, since, replayed, bytes, body) \
             ORDER BY message_id COLLATE \"C\", number ON CONFLICT DO NOTHING";
        let messages: Vec<&DeadMessage> = self.messages.iter().collect();
        statement::<()>(BURY)
            .bind::<Text, _>(self.source.as_str())
            .array::<Text, _>(column(&messages, |message| message.id.as_str()))
            .array::<Nullable<Text>, _>(column(&messages, |message| message.correlation_id.as_deref()))
            .array::<Text, _>(column(&messages, |message| message.reason.as_str()))
            .array::<BigInt, _>(column(&messages, |message| i64::from(message.attempts)))
            .array::<Timestamptz, PgTimestamp>(column(&messages, |message| pg_instant(message.since)))
            .array::<Bool, _>(column(&messages, |message| message.replayed))
            .array::<BigInt, _>(column(&messages, |message| counter(message.bytes)))
            .array::<Binary, _>(column(&messages, |message| message.body.as_slice()))
            .bind::<Text, _>(self.source.as_str())
            .execute(conn)
            .await
    }
}

/// The sources that have dead messages.
pub(super) struct Sources;

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
pub(super) struct Page<'a> {
    pub(super) source: &'a SourceName,
    pub(super) after: u64,
    pub(super) limit: usize,
}

impl Step for Page<'_> {
    type Answer = Vec<DeadMessageRow<PgTimestamp>>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<DeadMessageRow<PgTimestamp>>> {
        // By hand: a part of a body.
        const PAGE: &str = dead_messages!(
            "octet_length(body)::bigint",
            "substring(body for ?::integer)",
            "FROM dead_messages WHERE source = ? AND number > ? ORDER BY number LIMIT ?"
        );
        statement::<DeadMessageTypes<Timestamptz>>(PAGE)
            .bind::<BigInt, _>(row_limit(SHOWN_DEAD_BODY_BYTES))
            .bind::<Text, _>(self.source.as_str())
            .bind::<BigInt, _>(i64::try_from(self.after).unwrap_or(i64::MAX))
            .bind::<BigInt, _>(row_limit(self.limit))
            .rows(conn)
            .await
    }
}

/// Those that are to be tried once more.
pub(super) struct Replays<'a> {
    pub(super) source: &'a SourceName,
    pub(super) limit: usize,
}

impl Step for Replays<'_> {
    type Answer = Vec<DeadMessageRow<PgTimestamp>>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<DeadMessageRow<PgTimestamp>>> {
        // By hand: a running sum of their bytes, which are known without the bodies.
        const REPLAYS: &str = dead_messages!(
            "octet_length(body)::bigint",
            "body",
            "FROM (SELECT *, sum(bytes) OVER (ORDER BY number) AS bytes_up_to FROM \
             (SELECT * FROM dead_messages WHERE source = ? AND replayed ORDER BY number LIMIT ?) AS first) AS summed \
             WHERE bytes_up_to <= ? OR bytes_up_to = bytes ORDER BY number"
        );
        statement::<DeadMessageTypes<Timestamptz>>(REPLAYS)
            .bind::<Text, _>(self.source.as_str())
            .bind::<BigInt, _>(row_limit(self.limit))
            .bind::<BigInt, _>(row_limit(REPLAYED_BYTES))
            .rows(conn)
            .await
    }
}

/// Decides on a number of dead messages.
pub(super) struct Decide<'a> {
    pub(super) source: &'a SourceName,
    /// `None`: on all.
    pub(super) numbers: Option<&'a [u64]>,
    pub(super) after: u64,
    pub(super) action: DeadMessageAction,
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
pub(super) struct ReplayEnded<'a> {
    pub(super) message: &'a DeadMessage,
    pub(super) reason: Option<&'a str>,
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
