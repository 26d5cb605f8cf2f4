//! Dead messages.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Binary, Bool, Text, Timestamptz};
use earmark_application::{DeadMessage, StoreError};

use super::values::Times;
use crate::sql::decode::RowContext;
use crate::sql::inbox::StoredDeadMessage;

/// The columns of a dead message: number, source, id, reason, attempts, since when, whether it is replayed, its bytes, how
/// many of these are kept, and a part of the body.
pub(in crate::postgres) type DeadMessageTypes = (
    BigInt,
    Text,
    Text,
    Text,
    BigInt,
    Timestamptz,
    Bool,
    BigInt,
    BigInt,
    Binary,
);

/// The same as they are read.
pub(in crate::postgres) type DeadMessageRow = (i64, String, String, String, i64, PgTimestamp, bool, i64, i64, Vec<u8>);

/// A dead message.
pub(in crate::postgres) fn dead_message(row: DeadMessageRow) -> Result<DeadMessage, StoreError> {
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
