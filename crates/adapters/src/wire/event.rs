//! The whole event, as readers outside get it.

use earmark_application::EncodedEvent;
use earmark_domain::{EVENT_TYPES, Subject};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::decode::WireError;
use super::encode::Text;

/// An event as HTTP, exports and message brokers show it. What happened is shown as it was written down.
#[derive(Debug, Clone, Serialize)]
pub struct EventJson<'a> {
    /// Its place in the order of all events: rises in the order of commits, may have gaps.
    pub sequence: u64,
    /// The sequence as text: what a reader recognises repeats by.
    id: Text<u64>,
    /// What kind of event it is, one of [`EVENT_TYPES`].
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
    pub occurred_at: Text<Timestamp>,
    /// Who caused it.
    pub actor: &'a str,
    /// The request or message that caused it.
    pub correlation_id: &'a str,
    /// What happened: the object of [`fact_to_json`](super::fact_to_json).
    data: &'a RawValue,
}

impl<'a> EventJson<'a> {
    /// An event as it is shown.
    ///
    /// # Errors
    /// [`WireError`] when its data is not even JSON: shown as it is, it would make nonsense of all that is shown with
    /// it.
    pub fn of(event: &'a EncodedEvent) -> Result<Self, WireError> {
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
            id: Text(event.sequence),
            event_type: event.event_type,
            sku,
            version,
            order_id: event.order.as_ref().map(|order| order.as_str()),
            occurred_at: Text(event.occurred_at),
            actor: &event.actor,
            correlation_id: &event.correlation_id,
            data,
        })
    }

    /// What happened, as the text of a JSON object.
    #[must_use]
    pub fn data(&self) -> &'a str {
        self.data.get()
    }
}

/// The event type of this name.
///
/// # Errors
/// [`WireError::UnknownType`] when no event bears it.
pub fn event_type(name: &str) -> Result<&'static str, WireError> {
    let known = EVENT_TYPES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| WireError::UnknownType(name.to_owned()))
}
