//! Events within bounds.

use std::sync::Arc;

use async_trait::async_trait;
use earmark_domain::{OrderId, Sku};

use crate::access::Bounds;
use crate::ports::{EncodedEvent, EventFeed, EventFilter, EventPage};
use crate::store_error::StoreError;

/// The highest number that a store counts to: no event is behind it.
const NOTHING_IS_BEHIND: u64 = i64::MAX.unsigned_abs();

/// Whether what an event is about is within bounds. An event about a whole order may name products that are not: who is
/// bounded to products is not told of it. What an event about stock tells names no order.
pub(super) fn tells_within(bounds: &Bounds, sku: Option<&Sku>, order: Option<&OrderId>) -> bool {
    let knows_sku = sku.map_or(bounds.skus.is_empty(), |sku| bounds.has_sku(sku));
    knows_sku && order.is_none_or(|order| bounds.has_order(order))
}

/// The events within bounds. A page looks at as many events as any other, and shows fewer.
pub(super) struct BoundedEvents {
    events: Arc<dyn EventFeed>,
    bounds: Arc<Bounds>,
}

impl BoundedEvents {
    pub(super) fn new(events: Arc<dyn EventFeed>, bounds: Arc<Bounds>) -> Self {
        Self { events, bounds }
    }

    /// Whether a filter lets pass only what is beyond the bounds.
    fn is_about_nothing(&self, filter: &EventFilter) -> bool {
        let sku = filter.sku.as_ref().is_some_and(|sku| !self.bounds.has_sku(sku));
        let order = filter.order.as_ref().is_some_and(|order| !self.bounds.has_order(order));
        sku || order
    }
}

#[async_trait]
impl EventFeed for BoundedEvents {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        if self.is_about_nothing(filter) {
            let none = EventFilter::default();
            let page = self.events.events(&none, NOTHING_IS_BEHIND, 1).await?;
            return Ok(none_after(after, page));
        }
        let mut read_after = after;
        loop {
            let mut page = self.events.events(filter, read_after, limit).await?;
            page.events.retain(|event| {
                let sku = event.event.subject.sku();
                tells_within(&self.bounds, sku, event.event.order())
            });
            if !goes_on(filter, &page, read_after) {
                return Ok(page);
            }
            read_after = page.next;
        }
    }

    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        if self.is_about_nothing(filter) {
            let none = EventFilter::default();
            let page = self.events.encoded_events(&none, NOTHING_IS_BEHIND, 1).await?;
            return Ok(none_after(after, page));
        }
        let mut read_after = after;
        loop {
            let mut page = self.events.encoded_events(filter, read_after, limit).await?;
            page.events
                .retain(|event| tells_within(&self.bounds, event.subject.sku(), event.order.as_ref()));
            if !goes_on(filter, &page, read_after) {
                return Ok(page);
            }
            read_after = page.next;
        }
    }
}

/// The page of a product or an order of which there are no events: where it ends does not tell that there are.
fn none_after<Event>(after: u64, mut page: EventPage<Event>) -> EventPage<Event> {
    page.events.clear();
    page.next = page.newest.max(after);
    page.complete = true;
    page
}

/// Whether the events of one order are read on: an order of which nothing is told ends as one that is not there. Its events
/// are few.
const fn goes_on<Event>(filter: &EventFilter, page: &EventPage<Event>, after: u64) -> bool {
    filter.order.is_some() && page.events.is_empty() && !page.complete && page.next > after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_to_who_knows_all_that_it_may_name() {
        let of = |orders: &[&str], skus: &[&str]| {
            let prefixes = |texts: &[&str]| {
                let read = texts.iter().map(|text| text.parse().expect("a prefix"));
                crate::access::Prefixes::new(read).expect("a few")
            };
            Bounds {
                orders: prefixes(orders),
                skus: prefixes(skus),
            }
        };
        let (lamp, order) = (Sku::new("LAMP").expect("a SKU"), OrderId::new("A-1").expect("an id"));
        let told = |bounds: &Bounds| {
            let events = [(Some(&lamp), None), (Some(&lamp), Some(&order)), (None, Some(&order))];
            events.map(|(sku, order)| tells_within(bounds, sku, order))
        };
        assert_eq!(told(&of(&[], &[])), [true, true, true]);
        assert_eq!(told(&of(&["A-"], &[])), [true, true, true]);
        assert_eq!(told(&of(&["B-"], &[])), [true, false, false]);
        assert_eq!(told(&of(&[], &["LAMP"])), [true, true, false]);
        assert_eq!(told(&of(&[], &["TABLE"])), [false, false, false]);
        assert_eq!(told(&of(&["B-"], &["LAMP"])), [true, false, false]);
    }
}
