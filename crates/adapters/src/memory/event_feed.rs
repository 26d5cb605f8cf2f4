//! The event feed: pages of events, ascending.

use async_trait::async_trait;
use earmark_application::{Books, EncodedEvent, EventFeed, EventFilter, EventPage, StoreError};
use earmark_domain::SequencedEvent;

use super::memory_store::MemoryStore;
use super::tables::Tables;
use crate::wire::fact_to_json;

/// Whether the filter has an event.
fn matches(filter: &EventFilter, stored: &SequencedEvent) -> bool {
    let event = &stored.event;
    let sku = || event.product().map(|(sku, _)| sku);
    filter.sku.as_ref().is_none_or(|wanted| sku() == Some(wanted))
        && filter.order.as_ref().is_none_or(|wanted| event.order() == Some(wanted))
        && (filter.types.is_empty() || filter.types.iter().any(|name| name == event.fact.name()))
}

/// A page of the events that the filter has, each as `encode` makes it.
fn event_page<E>(
    tables: &Tables,
    books: &Books,
    filter: &EventFilter,
    after: u64,
    limit: usize,
    encode: impl Fn(&SequencedEvent) -> E,
) -> EventPage<E> {
    let looked_at = usize::try_from(after).unwrap_or(usize::MAX).min(tables.events.len());
    let unread = tables.events.iter().skip(looked_at);
    let page: Vec<&SequencedEvent> = unread.filter(|event| matches(filter, event)).take(limit).collect();
    let complete = page.len() < limit;
    let reached = if complete {
        tables.events.last()
    } else {
        page.last().copied()
    };
    let next = reached.map(|event| event.sequence);
    EventPage {
        events: page.into_iter().map(encode).collect(),
        next: next.unwrap_or(after).max(after),
        complete,
        newest: tables.events.last().map_or(0, |event| event.sequence),
        books: books.clone(),
    }
}

/// An event as a database stores it.
fn encoded(stored: &SequencedEvent) -> EncodedEvent {
    let event = &stored.event;
    EncodedEvent {
        sequence: stored.sequence,
        subject: event.subject.clone(),
        order: event.order().cloned(),
        event_type: event.fact.name(),
        occurred_at: event.occurred_at,
        decided_on: event.decided_on,
        actor: event.actor.to_string(),
        correlation_id: event.correlation_id.to_string(),
        data: fact_to_json(&event.fact),
    }
}

#[async_trait]
impl EventFeed for MemoryStore {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        Ok(event_page(
            &*self.tables()?,
            self.books(),
            filter,
            after,
            limit,
            SequencedEvent::clone,
        ))
    }

    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        Ok(event_page(
            &*self.tables()?,
            self.books(),
            filter,
            after,
            limit,
            encoded,
        ))
    }
}
