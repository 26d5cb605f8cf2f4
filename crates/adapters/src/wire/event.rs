//! The whole event, as readers outside get it.

use earmark_domain::SequencedEvent;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::encode::{Data, Text};

/// An event as HTTP, exports and message brokers show it.
#[derive(Debug, Clone, Serialize)]
pub struct EventJson<'a> {
    /// Its place in the order of all events: rises in the order of commits, may have gaps.
    pub sequence: u64,
    /// The sequence as text: what a reader recognises repeats by.
    pub id: String,
    /// What kind of event it is, one of [`EVENT_TYPES`](earmark_domain::EVENT_TYPES).
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// The product it is about; `null` for an event of a whole order.
    pub sku: Option<&'a str>,
    /// The version it raised the product to; `null` for an event of a whole order.
    pub version: Option<u64>,
    /// The order it concerns; left out where it concerns none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<&'a str>,
    /// When it was decided, in RFC 3339 and UTC.
    #[serde(serialize_with = "as_text")]
    pub occurred_at: Timestamp,
    /// Who caused it.
    pub actor: &'a str,
    /// The request or message that caused it.
    pub correlation_id: &'a str,
    /// What happened: the object of [`fact_to_json`](super::fact_to_json).
    data: Data<'a>,
}

impl<'a> From<&'a SequencedEvent> for EventJson<'a> {
    fn from(SequencedEvent { sequence, event }: &'a SequencedEvent) -> Self {
        let product = event.product();
        Self {
            sequence: *sequence,
            id: sequence.to_string(),
            event_type: event.fact.name(),
            sku: product.map(|(sku, _)| sku.as_str()),
            version: product.map(|(_, version)| version),
            order_id: event.order().map(|order| order.as_str()),
            occurred_at: event.occurred_at,
            actor: &event.actor,
            correlation_id: &event.correlation_id,
            data: Data(&event.fact),
        }
    }
}

fn as_text<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    Text(instant).serialize(serializer)
}
