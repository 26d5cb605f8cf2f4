//! A batch of events as one body: CloudEvents 1.0 in the batch format of JSON.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use earmark_application::{EventMessage, PublishError};
use earmark_domain::Subject;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::wire::SchemaUri;

/// The media type of a batch.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// A batch. The same events give the same id and the same bytes, whoever makes it and whenever.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// The id of the first event and the place of the last one. Without a dot, which separates what is signed.
    pub(super) id: String,
    pub(super) body: Bytes,
}

/// An event with the attributes that CloudEvents knows, in the order of the specification.
#[derive(Serialize)]
struct CloudEvent<'a> {
    #[serde(serialize_with = "text")]
    id: &'a dyn Display,
    #[serde(serialize_with = "text")]
    source: &'a dyn Display,
    specversion: &'static str,
    #[serde(rename = "type", serialize_with = "text")]
    event_type: &'a dyn Display,
    datacontenttype: &'static str,
    #[serde(serialize_with = "text")]
    dataschema: &'a dyn Display,
    subject: &'a str,
    #[serde(serialize_with = "text")]
    time: &'a dyn Display,
    /// The trace that caused it (the extension of distributed tracing).
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a RawValue,
}

fn text<S: Serializer>(value: &&dyn Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl Batch {
    /// The batch of some events. `None`: there are none.
    ///
    /// # Errors
    /// An event whose body is not JSON would spoil those around it. Alone it is [`PublishError::Refused`]; among others it
    /// has to be found first, and nothing is sent: [`PublishError::NotTaken`].
    pub(super) fn of(events: &[Arc<EventMessage>]) -> Result<Option<Self>, PublishError> {
        /// What the attributes of an event take beside its body.
        const ATTRIBUTES: usize = 450;

        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Ok(None);
        };
        let mut body = Vec::with_capacity(events.iter().map(|event| event.body.len() + ATTRIBUTES).sum());
        for (index, event) in events.iter().enumerate() {
            body.push(if index == 0 { b'[' } else { b',' });
            write(event, &mut body).map_err(|why| {
                let reason = format!("the body of event {} is not JSON: {why}", event.id);
                match events {
                    [_] => PublishError::Refused { index: 0, reason },
                    _ => PublishError::NotTaken(reason),
                }
            })?;
        }
        body.push(b']');
        Ok(Some(Self {
            id: format!("{}_{}", first.id, last.id.position),
            body: body.into(),
        }))
    }
}

fn write(message: &EventMessage, body: &mut Vec<u8>) -> serde_json::Result<()> {
    let event = &message.event;
    let subject = match &event.subject {
        Subject::Product { sku, .. } => sku.as_str(),
        Subject::Order(order) => order.as_str(),
    };
    let event = CloudEvent {
        id: &message.id,
        source: &format_args!("urn:earmark:{}", message.id.books),
        specversion: "1.0",
        event_type: &format_args!("earmark.{}", event.event_type),
        datacontenttype: "application/json",
        dataschema: &SchemaUri(event.event_type),
        subject,
        time: &event.occurred_at,
        traceparent: message.trace_context(),
        data: serde_json::from_str(&message.body)?,
    };
    serde_json::to_writer(body, &event)
}
