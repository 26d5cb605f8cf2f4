//! Processed and dead messages.

use diesel::sql_types::{BigInt, Binary, Bool, Text};
use earmark_application::{DeadMessage, StoreError};
use earmark_domain::{MessageId, Processed};

use super::Times;
use crate::sql::decode::RowContext;
use crate::sql::inbox::{StoredDeadMessage, processed};

/// A message that was processed, by its source, its id and its refusal.
pub(in crate::sqlite) fn processed_message(
    (source, id, refusal): (String, String, Option<String>),
) -> Result<(MessageId, Processed), StoreError> {
    let at = RowContext {
        table: "inbox",
        key: &format_args!("{source}/{id}"),
    };
    let message = at.read("message_id", MessageId::new(&source, &id))?;
    Ok((message, processed(refusal)))
}

/// The columns of a dead message: number, source, id, reason, attempts, since when, whether it is replayed, its bytes, how
/// many of these are kept, and a part of the body.
pub(in crate::sqlite) type DeadMessageTypes = (BigInt, Text, Text, Text, BigInt, BigInt, Bool, BigInt, BigInt, Binary);

/// The same as they are read.
pub(in crate::sqlite) type DeadMessageRow = (i64, String, String, String, i64, i64, bool, i64, i64, Vec<u8>);

/// A dead message.
pub(in crate::sqlite) fn dead_message(row: DeadMessageRow) -> Result<DeadMessage, StoreError> {
    let (number, source, id, reason, attempts, since, replayed, bytes, kept, body) = row;
    let at = RowContext {
        table: "dead_messages",
        key: &number,
    };
    let since = at.instant("since", since)?;
    StoredDeadMessage {
        number,
        source,
        id,
        reason,
        attempts,
        since,
        replayed,
        bytes,
        kept,
        body,
    }
    .try_into()
}
