//! Appending: the entries of one call in one step of the server, behind the entry that they have to follow.
//!
//! Rising ids alone keep the order: an entry whose id is not higher than the last one is refused. They do not prevent a
//! gap. A server that has lost its end (it starts again with an older copy of its data, or a replica takes its place)
//! would take whatever comes next, and what it has lost could never be added, as ids only rise. So a script holds the
//! last id against the one that the caller knows, and appends all entries of the call or none. A relay that has lost
//! its lease, and one that sends a call again, are told that the stream has gone on, and change nothing.
//!
//! A script that fails leaves what it has written. The server refuses writes for want of memory or of permission at the
//! first entry; whether the user may publish to the book's channel is asked before that, so that no entry is there whose
//! messages are not told. Servers before Redis 7 have no such question: there the entries stay, and the call fails.

use std::sync::LazyLock;

use earmark_application::{EventMessage, PublishError};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};

use super::address::RedisAddress;
use super::answers;
use super::entry_id::EntryId;
use super::line_allocated::CHANNEL;

/// Answers nil, or the last id if it is another than the expected one.
static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("append.lua")));

/// An event that becomes an entry.
pub(super) struct Entry<'a> {
    /// Its id.
    pub(super) id: EntryId,
    /// The event.
    pub(super) event: &'a EventMessage,
    /// What the book's channel gets.
    pub(super) messages: Vec<String>,
}

/// Appends entries behind the last one, and tells the new last one.
///
/// # Errors
/// [`PublishError`]. None of them is in the stream, unless it is unavailable, when nobody knows, or the server is older
/// than Redis 7 and the user may not publish to the channel.
pub(super) async fn append(
    connection: &mut MultiplexedConnection,
    address: &RedisAddress,
    last: EntryId,
    entries: &[Entry<'_>],
) -> Result<EntryId, PublishError> {
    let Some(newest) = entries.last() else {
        return Ok(last);
    };
    let mut call = APPEND.key(&address.stream);
    call.arg(last.to_string()).arg(address.max_length).arg(CHANNEL);
    for Entry { id, event, messages } in entries {
        call.arg(id.to_string())
            .arg(event.id.to_string())
            .arg(event.event.event_type)
            .arg(&event.body)
            .arg(event.trace_context().unwrap_or_default())
            .arg(messages.len());
        for message in messages {
            call.arg(message);
        }
    }
    let answer: Result<Option<String>, RedisError> = call.invoke_async(connection).await;
    match answer {
        Ok(None) => Ok(newest.id),
        Ok(Some(other)) => Err(PublishError::OutOfStep(format!(
            "its last entry is {other} and not {last}"
        ))),
        Err(error) => Err(answers::of(&error).into()),
    }
}
