//! The inbox: which messages were processed, so that a message that is delivered again is recognised.

use std::collections::BTreeSet;

use diesel::sql_types::Text;
use earmark_application::StoreError;
use earmark_domain::MessageId;

use crate::postgres::error::store_error;
use crate::postgres::session::Session;
use crate::postgres::statement::{Statement, statement};

/// Those of these messages that were processed before.
pub(super) async fn processed(
    conn: &Session,
    messages: &BTreeSet<MessageId>,
) -> Result<BTreeSet<MessageId>, StoreError> {
    // By hand: the keys are pairs, and each is looked up in a LATERAL.
    const PROCESSED: &str = "SELECT source, message_id FROM unnest(?, ?) AS asked (asked_source, asked_id) \
         CROSS JOIN LATERAL (SELECT source, message_id FROM inbox \
         WHERE source = asked_source AND message_id = asked_id LIMIT 1) AS found";
    if messages.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<(String, String)> = statement::<(Text, Text)>(PROCESSED)
        .array::<Text, _>(messages.iter().map(MessageId::source).collect())
        .array::<Text, _>(messages.iter().map(MessageId::id).collect())
        .rows(conn)
        .await
        .map_err(store_error)?;
    let found: BTreeSet<(&str, &str)> = rows.iter().map(|(source, id)| (&**source, &**id)).collect();
    let asked = messages.iter();
    Ok(asked
        .filter(|message| found.contains(&(message.source(), message.id())))
        .cloned()
        .collect())
}

/// Inserts processed messages, in the order of their keys. A message that is there already violates the primary key,
/// which is a conflict.
pub(super) fn insert(messages: &[MessageId]) -> Statement<'_> {
    // By hand: a set of rows from arrays, in one text for any number of them.
    statement(
        "INSERT INTO inbox (source, message_id) SELECT * FROM unnest(?, ?) AS new (source, message_id) \
         ORDER BY source COLLATE \"C\", message_id COLLATE \"C\"",
    )
    .array::<Text, _>(messages.iter().map(MessageId::source).collect())
    .array::<Text, _>(messages.iter().map(MessageId::id).collect())
}
