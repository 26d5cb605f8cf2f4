//! The log as a sink for events.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use earmark_adapters::event_log::EventLog;
use earmark_application::{
    Books, BooksId, EncodedEvent, Epoch, EventId, EventMessage, LastPublished, LogPosition, Publisher,
};
use earmark_domain::{OrderId, Subject};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Keeps each record as lines: where it goes, then its fields.
#[derive(Debug, Clone, Default)]
struct Records(Arc<Mutex<Vec<String>>>);

impl Subscriber for Records {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "earmark::events" && *metadata.level() == Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().expect("nobody panicked").push(fields.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields(String);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 += &format!("{field}={value}\n");
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{field}={value:?}\n");
    }
}

fn event(sequence: u64) -> Arc<EventMessage> {
    let order = OrderId::new("order-1").expect("an order id");
    Arc::new(EventMessage {
        id: EventId {
            books: BooksId::of([0xab; 16]),
            position: LogPosition { epoch: 1, sequence },
        },
        event: EncodedEvent {
            sequence,
            subject: Subject::Order(order.clone()),
            order: Some(order),
            event_type: "OrderCancelled",
            occurred_at: "2026-02-01T09:30:00Z".parse().expect("an instant"),
            decided_on: "2026-02-01".parse().expect("a day"),
            actor: "http".to_owned(),
            correlation_id: "request-1".to_owned(),
            data: "{}".to_owned(),
        },
        body: format!(r#"{{"sequence":{sequence}}}"#),
    })
}

#[tokio::test]
async fn each_event_is_one_record_with_its_id_and_its_body() {
    let records = Records::default();
    let _default = tracing::subscriber::set_default(records.clone());
    EventLog.publish(&[event(1), event(2)]).await.expect("the log takes it");
    EventLog
        .replay(&event(1), LogPosition::START)
        .await
        .expect("the log takes it");

    let expected = [1, 2, 1].map(|sequence| {
        let id = "ab".repeat(16);
        format!("message=OrderCancelled\nid={id}-1-{sequence}\nevent={{\"sequence\":{sequence}}}\n")
    });
    assert_eq!(*records.0.lock().expect("nobody panicked"), expected);
}

#[tokio::test]
async fn nobody_asks_the_log_what_it_has() {
    let books = Books::new(BooksId::of([0xab; 16]), [Epoch { number: 1, after: 0 }].into());
    assert_eq!(EventLog.last_published(&books).await, Ok(LastPublished::Unknown));
}
