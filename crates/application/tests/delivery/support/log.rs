//! A log of events, of which some may never be read.

use std::sync::Mutex;

use async_trait::async_trait;
use earmark_application::{Books, BooksId, EncodedEvent, Epoch, EventFeed, EventFilter, EventPage, StoreError};
use earmark_domain::{Sku, Subject};
use jiff::Timestamp;
use tokio::sync::Notify;

/// A log in memory, of which some events may never be read.
#[derive(Default)]
pub(crate) struct Log {
    events: Mutex<Vec<EncodedEvent>>,
    epochs: Mutex<Vec<Epoch>>,
    pub(crate) stored: Notify,
    /// How many pages were read.
    pub(crate) pages: Mutex<usize>,
    pub(crate) is_down: Mutex<bool>,
}

impl Log {
    pub(crate) fn new() -> Self {
        let log = Self::default();
        log.epochs.lock().expect("no panic").push(Epoch { number: 1, after: 0 });
        log
    }

    /// Writes an event about a product.
    pub(crate) fn write(&self, sku: &str) -> u64 {
        let mut events = self.events.lock().expect("no panic");
        let sequence = events.last().map_or(0, |last| last.sequence) + 1;
        events.push(EncodedEvent {
            sequence,
            subject: Subject::Product {
                sku: Sku::new(sku).expect("a SKU"),
                version: sequence,
            },
            order: None,
            event_type: "BatchReceived",
            occurred_at: Timestamp::UNIX_EPOCH,
            decided_on: jiff::civil::date(1970, 1, 1),
            actor: "test".to_owned(),
            correlation_id: "test".to_owned(),
            data: "{}".to_owned(),
        });
        drop(events);
        self.stored.notify_one();
        sequence
    }

    /// Loses the last events, and tells another history from there on.
    pub(crate) fn restore(&self, until: u64, epoch: u64) {
        let mut events = self.events.lock().expect("no panic");
        events.retain(|event| event.sequence <= until);
        let mut epochs = self.epochs.lock().expect("no panic");
        epochs.push(Epoch {
            number: epoch,
            after: until,
        });
    }

    pub(crate) fn books(&self) -> Books {
        let epochs = self.epochs.lock().expect("no panic");
        Books::new(BooksId::of([7; 16]), epochs.clone().into())
    }
}

#[async_trait]
impl EventFeed for Log {
    async fn events(&self, _: &EventFilter, _: u64, _: usize) -> Result<EventPage, StoreError> {
        unreachable!("deliveries read encoded events")
    }

    async fn encoded_events(
        &self,
        _: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        if *self.is_down.lock().expect("no panic") {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        *self.pages.lock().expect("no panic") += 1;
        let books = self.books();
        let events = self.events.lock().expect("no panic");
        let newest = events.last().map_or(0, |last| last.sequence);
        let page: Vec<EncodedEvent> = events
            .iter()
            .filter(|event| event.sequence > after)
            .take(limit)
            .cloned()
            .collect();
        let next = page.last().map_or(after, |last| last.sequence);
        Ok(EventPage {
            complete: next >= newest,
            events: page,
            next,
            newest,
            books,
        })
    }
}
