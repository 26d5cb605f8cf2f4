//! The inbox: which messages were processed, so that a message that is delivered again is recognised.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use earmark_domain::{InboxRecord, MessageId, Processed};

use crate::postgres::error::StatementResult;
use crate::postgres::rows::values::pg_instant;
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
