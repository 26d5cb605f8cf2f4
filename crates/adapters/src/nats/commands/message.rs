//! A message of the stream as a command source tells it.

use std::fmt::Display;
use std::str;
use std::sync::Arc;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream;
use async_nats::{HeaderMap, Subject};
use earmark_application::{DeliveryId, Message, SourceError};

use super::super::stream::covers;
use super::super::subject::is_of_events;
use super::unreadable::Unreadable;
use crate::broker::incoming::{body_of, correlation_id, message_id};

/// The header of the id of the request that a command belongs to.
pub(super) const CORRELATION_ID: &str = "Earmark-Correlation-Id";

/// The header of the subject that the answer goes to. The message's own reply subject is the server's, for
/// acknowledgements.
pub(super) const REPLY_TO: &str = "Earmark-Reply-To";

/// The longest subject that an answer goes to, in bytes: longer ones could break the line that they stand in.
const MAX_SUBJECT: usize = 1_024;

/// A message, with the subject that it is acknowledged to, its number in the stream, and how many more there are to be
/// delivered.
pub(super) struct Delivered {
    pub(super) message: Message,
    pub(super) acknowledge_to: Subject,
    pub(super) sequence: u64,
    pub(super) more: u64,
}

/// What a message says about itself, besides its body.
struct Told<'a> {
    /// The id that its sender has given it.
    id: Option<&'a [u8]>,
    correlation_id: Option<&'a str>,
    reply_to: Option<&'a str>,
    /// Its number in the stream.
    sequence: u64,
    /// When it was stored, in nanoseconds since 1970.
    stored: i128,
}

/// Reads a message.
///
/// # Errors
/// [`SourceError::Unfit`]: nobody can acknowledge it, or tell it from others.
pub(super) fn read(
    message: &jetstream::Message,
    source: &str,
    subjects: &[String],
    delivery: DeliveryId,
) -> Result<Delivered, SourceError> {
    let unanswerable = |why: &dyn Display| SourceError::Unfit(format!("a message can't be acknowledged: {why}"));
    let info = message.info().map_err(|error| unanswerable(&error))?;
    let acknowledge_to = message
        .reply
        .clone()
        .ok_or_else(|| unanswerable(&"it says not where"))?;
    let header = |name: &str| header(message.headers.as_ref(), name);
    let told = Told {
        id: header(NATS_MESSAGE_ID.as_ref()).map(str::as_bytes),
        correlation_id: header(CORRELATION_ID),
        reply_to: header(REPLY_TO),
        sequence: info.stream_sequence,
        stored: info.published.unix_timestamp_nanos(),
    };
    Ok(Delivered {
        message: told.message(&message.payload, source, subjects, delivery)?,
        acknowledge_to,
        sequence: info.stream_sequence,
        more: info.pending,
    })
}

/// Reads a message that the client can't read. What is not UTF-8 of its headers counts as not there, but for its id.
///
/// # Errors
/// [`SourceError::Unfit`]: nobody can tell it from others.
pub(super) fn read_unreadable(
    message: &Unreadable,
    source: &str,
    subjects: &[String],
    delivery: DeliveryId,
) -> Result<Message, SourceError> {
    let text = |name: &str| message.header(name).and_then(|value| str::from_utf8(value).ok());
    let told = Told {
        id: message.header(NATS_MESSAGE_ID.as_ref()),
        correlation_id: text(CORRELATION_ID),
        reply_to: text(REPLY_TO),
        sequence: message.sequence,
        stored: message.stored,
    };
    told.message(&message.payload, source, subjects, delivery)
}

impl Told<'_> {
    /// The message with this body.
    ///
    /// Its id is the one that its sender has given it, and otherwise its place in the stream, with the time at which it
    /// was stored: a stream that has lost its end gives the same places to other messages.
    fn message(
        &self,
        payload: &[u8],
        source: &str,
        subjects: &[String],
        delivery: DeliveryId,
    ) -> Result<Message, SourceError> {
        let place = format!("{}@{}", self.sequence, self.stored);
        let id = self.id.unwrap_or(place.as_bytes());
        Ok(Message {
            id: Some(message_id(source, id)?),
            body: body_of(payload, payload.len()),
            correlation_id: self.correlation_id.and_then(correlation_id),
            reply_to: self
                .reply_to
                .filter(|subject| can_be_answered(subject, subjects))
                .map(Arc::from),
            delivery,
        })
    }
}

/// The value of a header, if it has one.
fn header<'a>(headers: Option<&'a HeaderMap>, name: &str) -> Option<&'a str> {
    let value = headers?.get(name)?.as_str();
    (!value.is_empty()).then_some(value)
}

/// Whether an answer may go to a subject that a sender has named. The service may well publish where the sender may not:
/// it answers to no subject of the server, of the stream that commands come from, or of events.
fn can_be_answered(subject: &str, stream: &[String]) -> bool {
    let is_token = |token: &str| {
        let is_plain = |char: char| !char.is_whitespace() && !char.is_control() && !matches!(char, '*' | '>');
        !token.is_empty() && token.chars().all(is_plain)
    };
    subject.len() <= MAX_SUBJECT
        && subject.split('.').all(is_token)
        && !subject.starts_with('$')
        && !is_of_events(subject)
        && !stream.iter().any(|pattern| covers(pattern, subject))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_goes_to_no_subject_that_has_another_meaning() {
        let stream = ["commands.>".to_owned(), "commands".to_owned()];
        for good in ["_INBOX.a.b", "desk.answers", "commandsbydesk"] {
            assert!(can_be_answered(good, &stream), "{good}");
        }
        let long = "x".repeat(MAX_SUBJECT + 1);
        for bad in [
            "",
            ".",
            "a..b",
            "a.",
            "a b",
            "a\tb",
            "a.*",
            "a.>",
            "$JS.ACK.COMMANDS.earmark.1.1.1.1.1",
            "$SYS.REQ",
            "earmark.Allocated.LAMP",
            "earmark",
            "commands",
            "commands.desk.1",
            long.as_str(),
        ] {
            assert!(!can_be_answered(bad, &stream), "{bad}");
        }
    }
}
