//! Processed and dead messages, as both stores keep them.

use std::sync::Arc;

use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use earmark_application::{DeadMessage, MAX_DEAD_MESSAGES, SourceName, SourceStatus, StoreError};
use earmark_domain::Processed;
use jiff::Timestamp;

use super::decode::RowContext;

/// How a processed message ended: the column `refusal`.
pub(crate) fn processed(refusal: Option<String>) -> Processed {
    refusal.map_or(Processed::Done, Processed::Refused)
}

/// The value of the column `refusal`.
pub(crate) fn refusal(processed: &Processed) -> Option<&str> {
    match processed {
        Processed::Done => None,
        Processed::Refused(reason) => Some(reason),
    }
}

/// A SELECT of dead messages. `$kept` is how many bytes of a body are kept, `$body` as much of it as is asked for, and
/// `$of` begins with the FROM clause. The columns are those of [`DeadMessageTypes`].
macro_rules! dead_messages {
    ($kept:literal, $body:literal, $of:literal) => {
        concat!(
            "SELECT number, source, message_id, correlation_id, reason, attempts, since, replayed, bytes, ",
            $kept,
            ", ",
            $body,
            " ",
            $of
        )
    };
}
pub(crate) use dead_messages;

/// The SQL types of a dead message: its number, source, id, correlation id and reason, its attempts, since when it is
/// dead, whether it is replayed, its bytes, how many of these are kept, and a part of the body. `Instant` is how the
/// database has an instant.
pub(crate) type DeadMessageTypes<Instant> = (
    BigInt,
    Text,
    Text,
    Nullable<Text>,
    Text,
    BigInt,
    Instant,
    Bool,
    BigInt,
    BigInt,
    Binary,
);

/// The same as they are read.
pub(crate) type DeadMessageRow<Instant> = (
    i64,
    String,
    String,
    Option<String>,
    String,
    i64,
    Instant,
    bool,
    i64,
    i64,
    Vec<u8>,
);

/// A dead message; `instant` reads one of a column.
pub(crate) fn dead_message<Instant>(
    row: DeadMessageRow<Instant>,
    instant: impl FnOnce(&RowContext<'_>, &str, Instant) -> Result<Timestamp, StoreError>,
) -> Result<DeadMessage, StoreError> {
    let (number, source, id, correlation_id, reason, attempts, since, replayed, bytes, kept, body) = row;
    let at = RowContext {
        table: "dead_messages",
        key: &number,
    };
    Ok(DeadMessage {
        number: at.read("number", u64::try_from(number))?,
        source: SourceName::new(&source),
        id,
        correlation_id: correlation_id.map(Arc::from),
        body,
        bytes: at.read("bytes", u64::try_from(bytes))?,
        is_whole: kept == bytes,
        reason,
        attempts: at.read("attempts", u32::try_from(attempts))?,
        since: instant(&at, "since", since)?,
        replayed,
    })
}

/// A source, with how many dead messages it has and how many of them are replayed.
pub(crate) fn source_status((name, dead, replayed): (String, i64, i64)) -> Result<SourceStatus, StoreError> {
    let at = RowContext {
        table: "dead_messages",
        key: &name,
    };
    Ok(SourceStatus {
        dead: at.read("dead", u64::try_from(dead))?,
        replayed: at.read("replayed", u64::try_from(replayed))?,
        name: SourceName::new(&name),
    })
}

/// Whether new dead messages fit beside those that their source has.
pub(crate) const fn fits(dead: u64, new: u64) -> bool {
    dead.saturating_add(new) <= MAX_DEAD_MESSAGES
}

/// How many dead messages there are at most between the first number of a source and its last one: what was decided on
/// has left gaps. As long as so many fit nobody need count.
pub(crate) const fn at_most(first: i64, last: i64) -> u64 {
    last.saturating_sub(first).saturating_add(1).unsigned_abs()
}
