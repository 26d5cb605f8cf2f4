//! A log of events to publish.

use std::sync::Arc;

use earmark_application::{Books, BooksId, EncodedEvent, Epoch, EventMessage};
use earmark_domain::{Sku, Subject};

/// The books and their events, with the sequences 1, 2, 3 …
pub(crate) struct Log {
    pub(crate) books: Books,
    pub(crate) events: Vec<Arc<EventMessage>>,
}

/// An event as it is stored: its id and its JSON.
pub(crate) type Stored = (String, String);

impl Log {
    /// So many events, of a few products.
    pub(crate) fn of(length: u64) -> Self {
        let first_epoch = [Epoch { number: 1, after: 0 }];
        let books = Books::new(BooksId::of([7; 16]), first_epoch.into());
        let events = (1..=length).map(|sequence| event(&books, sequence, 300)).collect();
        Self { books, events }
    }

    /// A log whose event at this index has a body of so many bytes.
    pub(crate) fn with_large(length: u64, index: usize, bytes: usize) -> Self {
        let mut log = Self::of(length);
        log.events[index] = event(&log.books, index as u64 + 1, bytes);
        log
    }

    /// The same log, with one event of another type and data.
    pub(crate) fn with(mut self, index: usize, event_type: &'static str, data: &str) -> Self {
        let old = &self.events[index];
        self.events[index] = Arc::new(EventMessage {
            id: old.id.clone(),
            event: EncodedEvent {
                event_type,
                data: data.to_owned(),
                ..old.event.clone()
            },
            body: old.body.clone(),
        });
        self
    }

    /// Events as they should be stored.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        stored(&self.events)
    }
}

/// Events as they should be stored.
pub(crate) fn stored(events: &[Arc<EventMessage>]) -> Vec<Stored> {
    let pair = |event: &Arc<EventMessage>| (event.id.to_string(), event.body.clone());
    events.iter().map(pair).collect()
}

fn event(books: &Books, sequence: u64, bytes: usize) -> Arc<EventMessage> {
    let sku = format!("LAMP {}", sequence % 17);
    let filling = "x".repeat(bytes);
    Arc::new(EventMessage {
        id: books.event_id(sequence),
        body: format!(r#"{{"sequence":{sequence},"type":"StockDepleted","sku":"{sku}","data":{{"x":"{filling}"}}}}"#),
        event: EncodedEvent {
            sequence,
            subject: Subject::Product {
                sku: Sku::new(sku).expect("a SKU"),
                version: sequence,
            },
            order: None,
            event_type: "StockDepleted",
            occurred_at: "2026-02-01T09:30:00Z".parse().expect("an instant"),
            decided_on: "2026-02-01".parse().expect("a day"),
            actor: "http".to_owned(),
            correlation_id: "c".to_owned(),
            data: "{}".to_owned(),
        },
    })
}
