//! Delivery: the messages of one call, each chained to the one before it.
//!
//! **The chain.** The first message of a call expects the stream to end at the sequence that [`Tail`] says
//! (`Nats-Expected-Last-Sequence`); each further one expects the stream to end with the event before it
//! (`Nats-Expected-Last-Msg-Id`). The server stores a message only behind its predecessor, and so what it stores of a
//! call is a beginning of it: whatever is lost, comes late or comes twice, nothing is left out and nothing changes
//! places.
//!
//! **Why the last one alone is acknowledged.** It is stored only behind its predecessor, and so only if all are. An
//! acknowledgement costs the server and the client as much as the message does. When a call has failed, the next one has
//! each message acknowledged, so that it is told which one is refused, and why.
//!
//! **Why the first one goes by the sequence.** A server keeps the id of the last message in memory. When it starts
//! again it reads the id back, but only if the message is within the window of duplicates, two minutes by default (all
//! servers before the autumn of 2026). After a quiet night and a restart it would refuse the right id. In a cluster it
//! is worse: the id is compared where each replica stores the message, and a replica that has forgotten it would drop
//! what the others keep. The sequence is never forgotten. Within a call the predecessor is seconds old, so its id is
//! known; and it says more than a sequence does. What a sequence alone can't tell is a stream that was cut off and has
//! grown to the same length again. That takes a restart of its server, which breaks the connection: then the caller
//! asks for the end anew.
//!
//! **Why a duplicate is no success.** The server answers "duplicate" before it looks at the chain. A caller who knows
//! the end of the stream never sends what is in it; so somebody else publishes too. And the answer may be premature: a
//! server that was leader of the cluster remembers ids that it has never stored, for as long as the window is. So the
//! caller asks for the end anew, which tells what is stored.

use std::sync::Arc;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{Info, Stream};
use earmark_application::{EventId, EventMessage, LogPosition, PublishError};

use super::answers::of_publishing;
use super::last_message::{NO_EVENT, REPLAYED_AFTER, Tail, has_event};
use super::subject::subject_of;
use crate::broker::unavailable;

/// Which messages of a call the server is asked to acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// The last one: it is stored only if all before it are.
    TheLast,
    /// Each: then it is told which one is not stored.
    Each,
}

impl Acknowledged {
    /// For a call after one that went well: the last one, unless a message may be too large for the server or the stream.
    pub(super) fn usually(context: &Context, stream: &Stream<Info>, events: &[Arc<EventMessage>]) -> Self {
        /// More than a message has beside its body: its subject and headers.
        const BESIDE_BODY: usize = 2_048;

        let of_server = context.client().server_info().max_payload;
        let of_stream = usize::try_from(stream.cached_info().config.max_message_size);
        // A stream without a bound says -1.
        let largest = of_stream
            .ok()
            .filter(|size| *size > 0)
            .map_or(of_server, |size| size.min(of_server));
        let fits = |event: &Arc<EventMessage>| event.body.len() + BESIDE_BODY <= largest;
        if events.iter().all(fits) {
            Self::TheLast
        } else {
            Self::Each
        }
    }
}

/// Publishes events behind the end of the stream, and tells the new end.
///
/// # Errors
/// [`PublishError`]. Some of the events may have arrived. [`PublishError::OutOfStep`] where the last one alone is
/// acknowledged and any of them was not stored: asked for each, the server tells why.
pub(super) async fn publish(
    context: &Context,
    stream: &str,
    tail: Tail,
    events: &[Arc<EventMessage>],
    acknowledged: Acknowledged,
) -> Result<Tail, PublishError> {
    match (acknowledged, events) {
        (_, []) => Ok(tail),
        (Acknowledged::TheLast, [first @ .., last]) => last_acknowledged(context, stream, tail, first, last).await,
        (Acknowledged::Each, _) => each_acknowledged(context, stream, tail, events).await,
    }
}

async fn last_acknowledged(
    context: &Context,
    stream: &str,
    tail: Tail,
    first: &[Arc<EventMessage>],
    last: &EventMessage,
) -> Result<Tail, PublishError> {
    let client = context.client();
    let mut chain = Chain {
        stream,
        tail: &tail,
        before: None,
    };
    for event in first {
        let message = chain.next(event).outbound_message(subject_of_event(event));
        let headers = message.headers.unwrap_or_default();
        let sent = client.publish_with_headers(message.subject, headers, message.payload);
        sent.await.map_err(|error| unavailable(&error))?;
    }
    let not_stored = |error: PublishError| match error {
        PublishError::Refused { reason, .. } => PublishError::OutOfStep(reason),
        other => other,
    };
    let acknowledgement = send(context, last, chain.next(last)).await;
    let acknowledgement = acknowledgement.map_err(|error| not_stored(of_publishing(&error, 0)))?;
    let stored = acknowledgement
        .await
        .map_err(|error| not_stored(of_publishing(&error, 0)))?;
    let before_last = tail.sequence + first.len() as u64;
    check(&stored, stream, before_last)
        .map_err(|why| PublishError::OutOfStep(format!("{why} for event {}", last.id)))?;
    Ok(Tail {
        sequence: stored.sequence,
        reached: Some(last.id.position),
    })
}

async fn each_acknowledged(
    context: &Context,
    stream: &str,
    mut tail: Tail,
    events: &[Arc<EventMessage>],
) -> Result<Tail, PublishError> {
    let mut sent: Vec<PublishAckFuture> = Vec::with_capacity(events.len());
    let mut refusal = None;
    let mut chain = Chain {
        stream,
        tail: &tail,
        before: None,
    };
    for (index, event) in events.iter().enumerate() {
        match send(context, event, chain.next(event)).await {
            Ok(acknowledgement) => sent.push(acknowledgement),
            // The client knows what is too large for the server. What was sent is acknowledged all the same.
            Err(error) => {
                refusal = Some(of_publishing(&error, index));
                break;
            }
        }
    }
    for (index, acknowledgement) in sent.into_iter().enumerate() {
        let stored = acknowledgement.await.map_err(|error| of_publishing(&error, index))?;
        let id = &events[index].id;
        check(&stored, stream, tail.sequence)
            .map_err(|why| PublishError::OutOfStep(format!("{why} for event {id}")))?;
        tail = Tail {
            sequence: stored.sequence,
            reached: Some(id.position),
        };
    }
    refusal.map_or(Ok(tail), Err)
}

/// Makes messages, each of which has to come behind the one before it.
struct Chain<'c> {
    stream: &'c str,
    tail: &'c Tail,
    before: Option<&'c EventMessage>,
}

impl<'c> Chain<'c> {
    fn next(&mut self, event: &'c EventMessage) -> PublishMessage {
        match self.before.replace(event) {
            None => behind(message_of(event), self.stream, self.tail),
            Some(before) => message_of(event).expected_last_message_id(before.id.to_string()),
        }
    }
}

/// Publishes one event again, behind the end of the stream and out of its order, and tells the new end.
///
/// The message names the last event that the subscription has reached: whoever looks for the end of the stream goes on
/// behind that one.
///
/// # Errors
/// [`PublishError`].
pub(super) async fn replay(
    context: &Context,
    stream: &Stream<Info>,
    tail: Tail,
    event: &EventMessage,
    place: LogPosition,
) -> Result<Tail, PublishError> {
    let name = &stream.cached_info().config.name;
    let reached = tail.reached.map_or(place, |reached| reached.max(place));
    let reached = (reached != LogPosition::START).then_some(reached);
    let after = reached.map_or(NO_EVENT.to_owned(), |position| {
        let books = event.id.books.clone();
        EventId { books, position }.to_string()
    });
    let message = behind(message_of(event).header(REPLAYED_AFTER, after), name, &tail);
    let sent = send(context, event, message).await;
    let acknowledgement = sent.map_err(|error| of_publishing(&error, 0))?;
    let stored = acknowledgement.await.map_err(|error| of_publishing(&error, 0))?;
    if stored.duplicate {
        // An attempt before this one whose acknowledgement was lost; or an id without a message (see above).
        return if has_event(stream, stored.sequence, &event.id).await? {
            Ok(tail)
        } else {
            Err(unavailable(&format_args!(
                "it takes event {} for a duplicate, and does not have it",
                event.id
            ))
            .into())
        };
    }
    check(&stored, name, tail.sequence).map_err(PublishError::OutOfStep)?;
    Ok(Tail {
        sequence: stored.sequence,
        reached,
    })
}

async fn send(
    context: &Context,
    event: &EventMessage,
    message: PublishMessage,
) -> Result<PublishAckFuture, async_nats::jetstream::context::PublishError> {
    context.send_publish(subject_of_event(event), message).await
}

fn subject_of_event(event: &EventMessage) -> String {
    subject_of(event.event.event_type, &event.event.subject)
}

/// An event as a message, without its place.
fn message_of(event: &EventMessage) -> PublishMessage {
    let message = PublishMessage::build()
        .payload(event.body.clone().into())
        .message_id(event.id.to_string())
        .header("Content-Type", "application/json");
    match event.trace_context() {
        Some(context) => message.header("traceparent", context),
        None => message,
    }
}

/// A message that has to come behind the end of the stream.
fn behind(message: PublishMessage, stream: &str, tail: &Tail) -> PublishMessage {
    message.expected_stream(stream).expected_last_sequence(tail.sequence)
}

/// Holds an acknowledgement against the end that was supposed: the sequence of the message before it.
fn check(stored: &PublishAck, stream: &str, before: u64) -> Result<(), String> {
    if stored.duplicate {
        return Err(format!("it answers that it has message {} already", stored.sequence));
    }
    if stored.stream != stream || stored.sequence != before + 1 {
        return Err(format!(
            "it has stored message {} of stream {} where {} of {stream} was expected",
            stored.sequence,
            stored.stream,
            before + 1
        ));
    }
    Ok(())
}
