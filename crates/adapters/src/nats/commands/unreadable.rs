//! Messages that the client can't read.
//!
//! The server takes any bytes for a subject and for headers. The client ends its connection when a subject or a header
//! that it gets is not UTF-8, or when headers have another form than they should: nobody is told which message it was,
//! and what was sent behind it is lost with the connection. As nobody can acknowledge it, the server delivers it again
//! after a while, and so it would end one session after the other.
//!
//! So a session that follows a broken connection looks for such a message among those that were delivered, by the
//! question for one stored message, whose answer is JSON. It is first looked for behind the last one that was read; if
//! it is not there, an earlier delivery may have been another instance's, and all are looked at that are not
//! acknowledged. Neither the subject nor the headers are part of a command: what is found is taken as any other message
//! is, and acknowledged by its number.

use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::RawMessage;
use async_nats::jetstream::{Context, ErrorCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use earmark_application::{Clock, RECEIVED_BYTES};
use serde::{Deserialize, Serialize};

use super::super::answers::of_jetstream;
use super::super::stream::covers;
use crate::broker::{BrokerError, unavailable};

/// How long one search may take: it delays a session that has lost its connection for another reason. The next one goes
/// on with it.
const SEARCHING: Duration = Duration::from_secs(2);

/// The most messages that one search finds: they are kept in memory. Those behind them are found by a later one.
const MOST_FOUND: usize = 1_000;

/// Where a search begins, and where the next one does.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Search {
    /// The number in the stream of the last message that was read, or delivered to others before.
    pub(super) read_up_to: u64,
    /// Up to where earlier searches among all messages have come that are not acknowledged; 0: from their beginning.
    pub(super) searched_up_to: u64,
}

/// What a search has found.
#[derive(Default)]
pub(super) struct Found {
    /// Messages that the client can't read, in the order of the stream.
    pub(super) messages: Vec<Unreadable>,
    /// The numbers of those that were sent behind the last one that was read, and that the client could read. Another
    /// instance may have them.
    pub(super) unread: Vec<u64>,
    /// Up to where all messages were looked at that are not acknowledged; 0: to their end.
    pub(super) searched_up_to: u64,
    /// How many deliveries the consumer has made.
    pub(super) deliveries: u64,
}

/// A stored message that the client can't read.
pub(super) struct Unreadable {
    /// Its number in the stream.
    pub(super) sequence: u64,
    /// When it was stored, in nanoseconds since 1970.
    pub(super) stored: i128,
    /// Its headers, as they were sent.
    headers: Vec<u8>,
    /// Its body.
    pub(super) payload: Vec<u8>,
}

/// What the server tells of the consumer.
#[derive(Deserialize)]
struct ConsumerState {
    delivered: Place,
    ack_floor: Place,
    config: Filters,
}

#[derive(Deserialize)]
struct Place {
    consumer_seq: u64,
    stream_seq: u64,
}

/// Which subjects the consumer has; none: all of the stream.
#[derive(Deserialize)]
struct Filters {
    #[serde(default)]
    filter_subject: String,
    #[serde(default)]
    filter_subjects: Vec<String>,
}

/// A question that says it all by its subject.
#[derive(Serialize)]
struct Nothing {}

/// The question for the first message from a number on.
#[derive(Serialize)]
struct FirstFrom {
    seq: u64,
    next_by_subj: &'static str,
}

#[derive(Deserialize)]
struct Stored {
    message: RawMessage,
}

/// Looks for messages that the client can't read among those that the consumer was given.
///
/// # Errors
/// [`BrokerError`]: the server does not tell them.
pub(super) async fn find(
    context: &Context,
    stream: &str,
    durable: &str,
    search: Search,
    clock: &dyn Clock,
) -> Result<Found, BrokerError> {
    let state = ask(context, format!("CONSUMER.INFO.{stream}.{durable}"), &Nothing {}).await?;
    let state: ConsumerState = state.ok_or_else(|| unavailable(&"the consumer is not there"))?;
    let seeker = Seeker {
        context,
        stream,
        filters: [&[state.config.filter_subject], &state.config.filter_subjects[..]].concat(),
        clock,
        until: clock.monotonic() + SEARCHING,
    };
    let floor = state.ack_floor.stream_seq;
    let mut found = Found {
        deliveries: state.delivered.consumer_seq,
        ..Found::default()
    };
    seeker
        .look(search.read_up_to.max(floor), state.delivered.stream_seq, &mut found)
        .await?;
    if !found.messages.is_empty() {
        found.searched_up_to = search.searched_up_to;
        return Ok(found);
    }
    let stopped = seeker
        .look(search.searched_up_to.max(floor), search.read_up_to, &mut found)
        .await?;
    found.searched_up_to = stopped.unwrap_or(0);
    found.unread.clear();
    Ok(found)
}

/// Looks at stored messages, one after the other.
struct Seeker<'a> {
    context: &'a Context,
    stream: &'a str,
    filters: Vec<String>,
    clock: &'a dyn Clock,
    /// When it has to end, by the clock that only goes on.
    until: Duration,
}

impl Seeker<'_> {
    /// Looks at all messages behind `after`, up to `last`. Tells up to where it has come if it has stopped before.
    async fn look(&self, after: u64, last: u64, found: &mut Found) -> Result<Option<u64>, BrokerError> {
        let (mut at, mut bytes) = (after, 0);
        while at < last {
            if self.clock.monotonic() >= self.until || found.messages.len() >= MOST_FOUND || bytes >= RECEIVED_BYTES {
                return Ok(Some(at));
            }
            let question = FirstFrom {
                seq: at + 1,
                next_by_subj: ">",
            };
            let answer: Option<Stored> =
                ask(self.context, format!("STREAM.MSG.GET.{}", self.stream), &question).await?;
            let Some(Stored { message }) = answer.filter(|stored| stored.message.sequence <= last) else {
                break;
            };
            at = message.sequence;
            if can_be_read(&message) {
                found.unread.push(at);
            } else if is_of_the_consumer(&self.filters, &message.subject) {
                let message = Unreadable::of(&message)?;
                bytes += message.payload.len();
                found.messages.push(message);
            }
        }
        Ok(None)
    }
}

/// Asks JetStream something. `None`: there is no such thing.
async fn ask<T: for<'de> Deserialize<'de>>(
    context: &Context,
    subject: String,
    question: &(impl Serialize + Sync + ?Sized),
) -> Result<Option<T>, BrokerError> {
    match context.request(subject, question).await {
        Ok(Response::Ok(answer)) => Ok(Some(answer)),
        Ok(Response::Err { error }) => match error.error_code() {
            ErrorCode::NO_MESSAGE_FOUND | ErrorCode::CONSUMER_NOT_FOUND => Ok(None),
            _ => Err(of_jetstream(&error)),
        },
        Err(error) => Err(unavailable(&error)),
    }
}

/// Whether the client reads such a message when it is delivered. Where this says no of one that it reads, the message is
/// taken twice, under one id.
fn can_be_read(message: &RawMessage) -> bool {
    // The server writes the replacement character for bytes that are no UTF-8.
    let is_sound = |char: char| char != char::REPLACEMENT_CHARACTER && !char.is_whitespace();
    let headers_alone = RawMessage {
        payload: String::new(),
        ..message.clone()
    };
    message.subject.chars().all(is_sound) && StreamMessage::try_from(headers_alone).is_ok()
}

fn is_of_the_consumer(filters: &[String], subject: &str) -> bool {
    let mut filters = filters.iter().filter(|filter| !filter.is_empty()).peekable();
    filters.peek().is_none() || filters.any(|filter| covers(filter, subject))
}

impl Unreadable {
    fn of(message: &RawMessage) -> Result<Self, BrokerError> {
        let decoded = |text: &str| STANDARD.decode(text).map_err(|error| unavailable(&error));
        Ok(Self {
            sequence: message.sequence,
            stored: message.time.unix_timestamp_nanos(),
            headers: decoded(message.headers.as_deref().unwrap_or_default())?,
            payload: decoded(&message.payload)?,
        })
    }

    /// The value of a header, if it has one.
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut lines = self.headers.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))?;
        let value = value.trim_ascii();
        (!value.is_empty()).then_some(value)
    }
}

/// The subject to which a message is acknowledged that was delivered and not read: the server goes by its number in the
/// stream. The number of the delivery is that of none, as nobody knows it.
pub(super) fn acknowledge_to(stream: &str, durable: &str, sequence: u64) -> Subject {
    token(stream, durable, sequence, 0)
}

/// The subject to which such a message is handed back, of a consumer that has delivered so many: servers before 2.10 look
/// whether the number of the delivery is one that they have given.
pub(super) fn hand_back_to(stream: &str, durable: &str, sequence: u64, deliveries: u64) -> Subject {
    token(stream, durable, sequence, deliveries)
}

/// What the server gives with each delivery, to be answered to.
fn token(stream: &str, durable: &str, sequence: u64, delivery: u64) -> Subject {
    format!("$JS.ACK.{stream}.{durable}.1.{sequence}.{delivery}.0.0").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(subject: &str, headers: Option<&[u8]>) -> RawMessage {
        let headers = headers.map(|headers| STANDARD.encode(headers));
        serde_json::from_value(serde_json::json!({
            "subject": subject,
            "seq": 7,
            "hdrs": headers,
            "data": STANDARD.encode("{}"),
            "time": "2026-02-01T09:30:00.000000007Z",
        }))
        .expect("a message")
    }

    #[test]
    fn what_the_client_can_not_read_is_known() {
        for (subject, headers) in [
            ("commands.desk", None),
            ("commands.desk", Some(&b"NATS/1.0\r\n\r\n"[..])),
            ("commands.s\u{fc}\u{df}", Some(b"NATS/1.0\r\nDesk: 7\r\n\r\n")),
        ] {
            assert!(can_be_read(&stored(subject, headers)), "{subject} {headers:?}");
        }
        for (subject, headers) in [
            ("commands.\u{fffd}", None),
            ("commands.a\u{a0}b", None),
            ("commands", Some(&b"NATS/1.0\r\nDesk: \xff\r\n\r\n"[..])),
            ("commands", Some(b"NATS/1.0\r\nDesk\r\n\r\n")),
            ("commands", Some(b"NATS/1.0 soon\r\n\r\n")),
            ("commands", Some(b"hello\r\n\r\n")),
        ] {
            assert!(!can_be_read(&stored(subject, headers)), "{subject} {headers:?}");
        }
    }

    #[test]
    fn headers_are_found_among_any_bytes() {
        let headers = b"NATS/1.0\r\n\xff: 1\r\nNats-Msg-Id:  \xfe7 \r\nEmpty:\r\nNats-Msg-Id: 8\r\n\r\n";
        let message = Unreadable::of(&stored("a", Some(headers))).expect("it is encoded well");
        assert_eq!(message.header("Nats-Msg-Id"), Some(&b"\xfe7"[..]));
        assert_eq!((message.header("Empty"), message.header("Nats")), (None, None));
        assert_eq!((message.payload.as_slice(), message.stored % 10), (&b"{}"[..], 7));
        let without = Unreadable::of(&stored("a", None)).expect("it is encoded well");
        assert_eq!(without.header("Nats-Msg-Id"), None);
    }

    #[test]
    fn a_consumer_has_the_subjects_of_its_filters() {
        let of = |filters: &[&str], subject| {
            let filters: Vec<String> = filters.iter().map(|filter| (*filter).to_owned()).collect();
            is_of_the_consumer(&filters, subject)
        };
        assert!(of(&[""], "commands.desk") && of(&["", "commands.*"], "commands.desk"));
        assert!(!of(&["commands.shop"], "commands.desk"));
    }
}
