//! A message of the stream as a command source tells it.

use std::fmt::Display;
use std::sync::Arc;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream;
use async_nats::{HeaderMap, Subject};
use earmark_application::{DeliveryId, Message, SourceError};

use super::super::stream::covers;
use super::super::subject::is_of_events;
use crate::broker::incoming::{body_of, correlation_id, message_id};

/// The header of the id of the request that a command belongs to.
pub(super) const CORRELATION_ID: &str = "Earmark-Correlation-Id";

/// The header of the subject that the answer goes to. The message's own reply subject is the server's, for
/// acknowledgements.
pub(super) const REPLY_TO: &str = "Earmark-Reply-To";

/// The longest subject that an answer goes to, in bytes: longer ones could break the line that they stand in.
const MAX_SUBJECT: usize = 1_024;

/// A message, with the subject that it is acknowledged to, and how many more there are to be delivered.
pub(super) struct Delivered {
    pub(super) message: Message,
    pub(super) acknowledge_to: Subject,
    pub(super) more: u64,
}

/// Reads a message.
///
/// Its id is the one that its sender has given it, and otherwise its place in the stream, with the time at which it was
/// stored: a stream that has lost its end gives the same places to other messages.
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
    let id = match header(NATS_MESSAGE_ID.as_ref()) {
        Some(id) => message_id(source, id)?,
        None => {
            let stored = info.published.unix_timestamp_nanos();
            message_id(source, &format!("{}@{stored}", info.stream_sequence))?
        }
    };
    Ok(Delivered {
        message: Message {
            id: Some(id),
            body: body_of(&message.payload, message.payload.len()),
            correlation_id: header(CORRELATION_ID).and_then(correlation_id),
            reply_to: header(REPLY_TO)
                .filter(|subject| can_be_answered(subject, subjects))
                .map(Arc::from),
            delivery,
        },
        acknowledge_to,
        more: info.pending,
    })
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
