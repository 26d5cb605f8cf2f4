//! The last message of the stream: where the next call goes on.

use std::str::FromStr;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Info, LastRawMessageErrorKind, RawMessageErrorKind, Stream};
use earmark_application::{Books, EventId, LastPublished, LogPosition, PublishError};

use crate::broker::unavailable;

/// The header of an event that is published again, out of its order: the id of the last event that the subscription had
/// reached, or [`NO_EVENT`].
pub(super) const REPLAYED_AFTER: &str = "Earmark-Replayed-After";

/// The subscription had reached no event.
pub(super) const NO_EVENT: &str = "none";

/// The end of the stream, behind which the next message has to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    /// The stream's own number of its last message; 0: it never had one.
    pub(super) sequence: u64,
    /// The place behind the last event that was published in its order, or that which the subscription had reached at the
    /// last replay, if the stream tells one.
    pub(super) reached: Option<LogPosition>,
}

/// Finds the end of the stream, and what it says of the last event.
///
/// The leader of the stream is asked, and no replica, which may be behind.
///
/// # Errors
/// [`PublishError::Unfit`]: the last message is none of these books. [`PublishError::Unavailable`].
pub(super) async fn find(stream: &Stream<Info>, books: &Books) -> Result<(LastPublished, Tail), PublishError> {
    let state = &stream.cached_info().state;
    let mut tail = Tail {
        sequence: state.last_sequence,
        reached: None,
    };
    if state.last_sequence == 0 {
        return Ok((LastPublished::Nothing, tail));
    }
    if state.messages == 0 {
        return Ok((LastPublished::Emptied, tail));
    }
    let last = match stream.get_last_raw_message_by_subject(">").await {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
            let reached = last_before(stream, books).await?;
            return Ok((reached.map_or(LastPublished::Unknown, LastPublished::AtLeast), tail));
        }
        Err(error) => return Err(unavailable(&error).into()),
    };
    tail.reached = reached(&last, books)?;
    let place = tail.reached.map_or(LastPublished::Emptied, LastPublished::Event);
    Ok((place, tail))
}

/// The place that the last message tells that is there, where the one that the stream counts as its last is not: somebody
/// has deleted it, or the server had no room for it, and counted it all the same (2.9). Nobody knows which event it was.
async fn last_before(stream: &Stream<Info>, books: &Books) -> Result<Option<LogPosition>, PublishError> {
    /// So many are looked for one by one: it takes some tenths of a second.
    const MOST: u64 = 256;

    let state = &stream.cached_info().state;
    let missing = (state.last_sequence + 1 - state.first_sequence).saturating_sub(state.messages);
    let earliest = state.last_sequence.saturating_sub(missing.min(MOST)).max(1);
    for sequence in (earliest..state.last_sequence).rev() {
        match stream.get_raw_message(sequence).await {
            Ok(message) => return reached(&message, books),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
            Err(error) => return Err(unavailable(&error).into()),
        }
    }
    Ok(None)
}

/// The place that the last message tells: its own, or the one that it names if it is a replay.
fn reached(message: &StreamMessage, books: &Books) -> Result<Option<LogPosition>, PublishError> {
    let header = |name: &str| message.headers.get(name).map(|value| value.as_str());
    let read = |id: &str| read_id(id, message.sequence, books);
    let own = read(header(NATS_MESSAGE_ID.as_ref()).unwrap_or_default())?;
    match header(REPLAYED_AFTER) {
        Some(NO_EVENT) => Ok(None),
        Some(after) => read(after).map(|id| Some(id.position)),
        None => Ok(Some(own.position)),
    }
}

fn read_id(id: &str, sequence: u64, books: &Books) -> Result<EventId, PublishError> {
    match EventId::from_str(id) {
        Ok(id) if id.books == *books.id() => Ok(id),
        Ok(other) => Err(PublishError::Unfit(format!(
            "its last event is {other}, and these are the books {}",
            books.id()
        ))),
        Err(_) => Err(PublishError::Unfit(format!(
            "its last message, {sequence}, bears the id {id:?}, which is not that of an event"
        ))),
    }
}

/// Whether a message of the stream is this event.
///
/// # Errors
/// [`PublishError::Unavailable`].
pub(super) async fn has_event(stream: &Stream<Info>, sequence: u64, id: &EventId) -> Result<bool, PublishError> {
    let message = stream
        .get_raw_message(sequence)
        .await
        .map_err(|error| unavailable(&error))?;
    let found = message.headers.get(NATS_MESSAGE_ID);
    Ok(found.is_some_and(|found| found.as_str() == id.to_string()))
}
