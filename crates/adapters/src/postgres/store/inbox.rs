//! The inbox: which messages were processed, so that a message that is delivered again is recognised.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use earmark_application::StoreError;
use earmark_domain::{InboxRecord, MessageId, Processed};

use crate::postgres::error::{StatementResult, expect_rows, store_error};
use crate::postgres::rows::values::pg_instant;
use crate::postgres::schema::dead_messages;
use crate::postgres::session::Session;
use crate::postgres::statement::{Statement, column, statement};
use crate::sql::inbox::{processed as processed_so, refusal};

/// Those of these messages that were processed before, with how each ended.
pub(in crate::postgres) async fn processed<'m, Found: Default + FromIterator<(MessageId, Processed)>>(
    conn: &Session,
    messages: impl IntoIterator<Item = &'m MessageId>,
) -> StatementResult<Found> {
    // By hand: the keys are pairs, and each is looked up in a LATERAL.
    const PROCESSED: &str = "SELECT place, refusal FROM unnest(?, ?) WITH ORDINALITY AS asked (asked_source, asked_id, place) \
         CROSS JOIN LATERAL (SELECT refusal FROM inbox \
         WHERE source = asked_source AND message_id = asked_id LIMIT 1) AS found";
    let messages: Vec<&MessageId> = messages.into_iter().collect();
    if messages.is_empty() {
        return Ok(Found::default());
    }
    let rows: Vec<(i64, Option<String>)> = statement::<(BigInt, Nullable<Text>)>(PROCESSED)
        .array::<Text, _>(column(&messages, MessageId::source))
        .array::<Text, _>(column(&messages, MessageId::id))
        .rows(conn)
        .await?;
    let found = rows.into_iter().filter_map(|(place, refusal)| {
        let message = messages.get(usize::try_from(place - 1).ok()?)?;
        Some(((*message).clone(), processed_so(refusal)))
    });
    Ok(found.collect())
}

/// Inserts processed messages, in the order of their keys. A message that is there already violates the primary key,
/// which is a conflict.
pub(super) fn insert(messages: &[InboxRecord]) -> Statement<'_> {
    // By hand: a set of rows from arrays, in one text for any number of them.
    let messages: Vec<&InboxRecord> = messages.iter().collect();
    statement(
        "INSERT INTO inbox (source, message_id, processed_at, refusal) \
         SELECT * FROM unnest(?, ?, ?, ?) AS new (source, message_id, processed_at, refusal) \
         ORDER BY source COLLATE \"C\", message_id COLLATE \"C\"",
    )
    .array::<Text, _>(column(&messages, |message| message.id.source()))
    .array::<Text, _>(column(&messages, |message| message.id.id()))
    .array::<Timestamptz, PgTimestamp>(column(&messages, |message| pg_instant(message.processed_at)))
    .array::<Nullable<Text>, _>(column(&messages, |message| refusal(&message.ended)))
}

/// Drops the dead messages whose commands are carried out now: they were buried by an instance that could not do it. One
/// that somebody else decides on at the moment stays: a replay of it finds out that it was carried out.
pub(super) async fn drop_carried_out(conn: &Session, messages: &[InboxRecord]) -> Result<(), StoreError> {
    // By hand: the keys are pairs, and each is looked up in a LATERAL. It waits for no lock. A DELETE of what is found so
    // could read the whole table instead, if it was planned while that was small.
    const FIND: &str = "SELECT number FROM unnest(?, ?) AS done (done_source, done_id) \
         CROSS JOIN LATERAL (SELECT number FROM dead_messages \
         WHERE source = done_source AND message_id = done_id AND message_id <> '' \
         LIMIT 1 FOR UPDATE SKIP LOCKED) AS found";
    let carried_out = messages.iter().filter(|message| message.ended == Processed::Done);
    let carried_out: Vec<&InboxRecord> = carried_out.collect();
    if carried_out.is_empty() {
        return Ok(());
    }
    let found = statement::<BigInt>(FIND)
        .array::<Text, _>(column(&carried_out, |message| message.id.source()))
        .array::<Text, _>(column(&carried_out, |message| message.id.id()));
    let numbers: Vec<i64> = found.rows(conn).await.map_err(store_error)?;
    if numbers.is_empty() {
        return Ok(());
    }
    let expected = numbers.len();
    let dead = dead_messages::table.filter(dead_messages::number.eq_any(numbers));
    let mut connection = conn.connection();
    let dropped = conn.run(diesel::delete(dead).execute(&mut connection)).await;
    expect_rows(dropped.map_err(store_error)?, expected)
}
