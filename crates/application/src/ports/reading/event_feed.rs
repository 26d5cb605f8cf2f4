//! The event feed: the outbox, read with a cursor.

use async_trait::async_trait;
use earmark_domain::{OrderId, SequencedEvent, Sku, Subject};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::books::Books;
use crate::store_error::StoreError;

/// Which events a reader wants. Empty: all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only those of this product.
    pub sku: Option<Sku>,
    /// Only those that concern this order.
    pub order: Option<OrderId>,
    /// Only those of these types; empty: of every type.
    pub types: Vec<String>,
}

impl EventFilter {
    /// Whether an event passes.
    #[must_use]
    pub fn passes(&self, event: &EncodedEvent) -> bool {
        self.sku.as_ref().is_none_or(|sku| event.subject.sku() == Some(sku))
            && self
                .order
                .as_ref()
                .is_none_or(|order| event.order.as_ref() == Some(order))
            && (self.types.is_empty() || self.types.iter().any(|known| known == event.event_type))
    }
}

/// An event with its data still encoded as it is stored, for readers that pass it on. Readers that need to understand it
/// ask for [`SequencedEvent`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    /// Rises in the order of commits; may have gaps.
    pub sequence: u64,
    /// What it is about.
    pub subject: Subject,
    /// The order it concerns, if it concerns one.
    pub order: Option<OrderId>,
    /// Its type, one of [`EVENT_TYPES`](earmark_domain::EVENT_TYPES).
    pub event_type: &'static str,
    /// When it was decided.
    pub occurred_at: Timestamp,
    /// The day of the decision, by the shop's calendar.
    pub decided_on: Date,
    /// The principal that caused it.
    pub actor: String,
    /// The request or message that caused it.
    pub correlation_id: String,
    /// The event's data, in the encoding that all adapters share. The application does not look into it.
    pub data: String,
}

/// A page of events, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage<Event = SequencedEvent> {
    /// The events.
    pub events: Vec<Event>,
    /// The cursor to read on from: no event at or before it is ever added later.
    pub next: u64,
    /// Whether it reaches the newest event. Where it does not, more may follow, however few events are on it: a page
    /// looks at a bounded number of events, and a filter may pass none of them.
    pub complete: bool,
    /// The sequence of the newest event when the page was read; 0: there was none.
    pub newest: u64,
    /// The books, with every epoch that an event up to the newest is of.
    pub books: Books,
}

/// Reads events in the order of commits. An event that commits late is never skipped. Pages are bounded by `limit`, and
/// what they cost does not depend on how many events lie before the cursor; a question may be dropped at any time.
#[async_trait]
pub trait EventFeed: Send + Sync {
    /// Events after a sequence.
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError>;
    /// The same events, with their data encoded.
    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError>;
}
