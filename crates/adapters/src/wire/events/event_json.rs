//! The whole event as readers outside get it.

use earmark_application::{Books, EncodedEvent, EventId};
use earmark_domain::Subject;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::WireError;
use crate::wire::text::Text;

/// An event as HTTP, exports and message brokers show it. Its `data` is passed on as it is stored.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Event))]
pub struct EventJson<'a> {
    /// Its place in the order of all events: rises in the order of commits, may have gaps.
    #[cfg_attr(feature = "schema", schema(example = 17, minimum = 1))]
    pub sequence: u64,
    /// The same for every delivery of the event, and no other event ever has it: repeats are recognised by it. The id of
    /// the books, the epoch and the sequence.
    #[cfg_attr(
        feature = "schema",
        schema(
            value_type = String,
            pattern = "^[0-9a-f]{32}-[0-9]+-[0-9]+$",
            example = "0f8fad5bd9cb469fa16570867728950e-1-17"
        )
    )]
    pub id: Text<EventId>,
    /// The event type.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schema(example = "Allocated"))]
    pub event_type: &'static str,
    /// The product it is about; null for an event of a whole order.
    #[cfg_attr(
        feature = "schema",
        schema(example = "LAMP-RED", required, min_length = 1, max_length = 64)
    )]
    pub sku: Option<&'a str>,
    /// The version it raised the product to; null for an event of a whole order.
    #[cfg_attr(feature = "schema", schema(example = 4, required, minimum = 1))]
    pub version: Option<u64>,
    /// The order it concerns; left out where it concerns none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schema(example = "order-7", nullable = false, min_length = 1, max_length = 64)
    )]
    pub order_id: Option<&'a str>,
    /// When it was decided, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    pub occurred_at: Text<Timestamp>,
    /// The day of the decision, by the shop's calendar.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2026-02-01"))]
    pub decided_on: Text<Date>,
    /// The principal that caused it.
    #[cfg_attr(feature = "schema", schema(example = "http"))]
    pub actor: &'a str,
    /// The `x-request-id` of the request that caused it, or the id of the message.
    #[cfg_attr(feature = "schema", schema(example = "0190a1b2-0000-7000-8000-000000000000"))]
    pub correlation_id: &'a str,
    /// What happened, by type.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    data: &'a RawValue,
}

/// An event of these books as readers outside get it: one JSON object, without line ends.
///
/// # Errors
/// Why its data can't be passed on.
pub fn event_body(event: &EncodedEvent, books: &Books) -> Result<String, String> {
    let json = EventJson::of(event, books).map_err(|error| error.to_string())?;
    Ok(serde_json::to_string(&json).expect("text, numbers and lists of them are always JSON"))
}

impl<'a> EventJson<'a> {
    /// The public form of an event of these books.
    ///
    /// # Errors
    /// [`WireError`] when its data is not JSON: passed on, it would corrupt the document around it.
    pub fn of(event: &'a EncodedEvent, books: &Books) -> Result<Self, WireError> {
        let (sku, version) = match &event.subject {
            Subject::Product { sku, version } => (Some(sku.as_str()), Some(*version)),
            Subject::Order(_) => (None, None),
        };
        let data = serde_json::from_str(&event.data).map_err(|error| WireError::Malformed {
            event_type: event.event_type.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            sequence: event.sequence,
            id: Text(books.event_id(event.sequence)),
            event_type: event.event_type,
            sku,
            version,
            order_id: event.order.as_ref().map(|order| order.as_str()),
            occurred_at: Text(event.occurred_at),
            decided_on: Text(event.decided_on),
            actor: &event.actor,
            correlation_id: &event.correlation_id,
            data,
        })
    }

    /// What happened: the text of the object that [`fact_to_json`](super::fact_to_json) writes.
    #[must_use]
    pub fn data(&self) -> &'a str {
        self.data.get()
    }
}
