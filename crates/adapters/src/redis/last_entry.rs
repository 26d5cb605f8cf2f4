//! The last entry of the stream: where the next call goes on.

use std::str::FromStr;

use earmark_application::{Books, EventId, LastPublished, PublishError};
use redis::aio::MultiplexedConnection;
use redis::streams::StreamInfoStreamReply;

use super::answers;
use super::entry_id::EntryId;
use crate::broker::unavailable;

/// Finds the id of the last entry, also of one that is there no more, and what it says of the last event.
///
/// # Errors
/// [`PublishError::Unfit`]: the stream is none of these books. [`PublishError::Unavailable`].
pub(super) async fn find(
    connection: &mut MultiplexedConnection,
    stream: &str,
    books: &Books,
) -> Result<(LastPublished, EntryId), PublishError> {
    let is_there: bool = redis::cmd("EXISTS")
        .arg(stream)
        .query_async(connection)
        .await
        .map_err(|error| answers::of(&error))?;
    if !is_there {
        return Ok((LastPublished::Nothing, EntryId::NONE));
    }
    let info: StreamInfoStreamReply = redis::cmd("XINFO")
        .arg("STREAM")
        .arg(stream)
        .query_async(connection)
        .await
        .map_err(|error| answers::of(&error))?;
    let last = EntryId::from_str(&info.last_generated_id).map_err(|error| unavailable(&error))?;
    if info.length > 0 {
        check(&info, books)?;
    }
    let place = last.place();
    let found = match (last, place.sequence) {
        // Made by a consumer that was there first.
        (EntryId::NONE, _) => LastPublished::Nothing,
        // All that it ever had was published again by a subscription that had reached nothing.
        (_, 0) => LastPublished::Emptied,
        _ => LastPublished::Event(place),
    };
    Ok((found, last))
}

/// Holds the last entry against the books.
fn check(info: &StreamInfoStreamReply, books: &Books) -> Result<(), PublishError> {
    let entry = &info.last_entry;
    let id: Option<String> = entry.get("id");
    match id.as_deref().map(EventId::from_str) {
        Some(Ok(id)) if id.books == *books.id() => Ok(()),
        Some(Ok(id)) => Err(PublishError::Unfit(format!(
            "its last event is {id}, and these are the books {}",
            books.id()
        ))),
        _ => Err(PublishError::Unfit(format!(
            "its last entry, {}, bears the id {:?}, which is not that of an event",
            entry.id,
            id.unwrap_or_default()
        ))),
    }
}
