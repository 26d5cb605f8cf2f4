//! Events to tell, and the publishers that tell them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use earmark_adapters::webhook::{AllowedHosts, Resolver, WebhookPublisher, WebhookSettings, Webhooks};
use earmark_application::{BooksId, EncodedEvent, EventId, EventMessage, LogPosition};
use earmark_domain::{OrderId, Sku, Subject};

use crate::outside::{Names, QuickClock};

/// A secret with 24 bytes.
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The event with this sequence: of a product, but every third of an order.
pub(crate) fn event(sequence: u64) -> Arc<EventMessage> {
    let order = OrderId::new(format!("order-{sequence}")).expect("an order id");
    let (subject, event_type) = if sequence.is_multiple_of(3) {
        (Subject::Order(order.clone()), "OrderCancelled")
    } else {
        let sku = Sku::new("LAMP-\"RED\" \u{fc}").expect("a SKU");
        (Subject::Product { sku, version: sequence }, "Allocated")
    };
    let id = EventId {
        books: BooksId::of([0xab; 16]),
        position: LogPosition { epoch: 1, sequence },
    };
    // The members stand as the sender has put them, blanks included.
    let body = format!(r#"{{"sequence":{sequence},  "id":"{id}","type":"{event_type}","data":{{"quantity":1.50}}}}"#);
    Arc::new(EventMessage {
        id,
        event: EncodedEvent {
            sequence,
            subject,
            order: Some(order),
            event_type,
            occurred_at: "2026-02-01T09:30:00.123456Z".parse().expect("an instant"),
            decided_on: "2026-02-01".parse().expect("a day"),
            actor: "http".to_owned(),
            correlation_id: "request-1".to_owned(),
            data: r#"{"quantity":1.50}"#.to_owned(),
        },
        body,
    })
}

/// The events with these sequences.
pub(crate) fn events(sequences: std::ops::RangeInclusive<u64>) -> Vec<Arc<EventMessage>> {
    sequences.map(event).collect()
}

/// What a service needs for webhooks that may go to these hosts.
pub(crate) fn settings(allowed: &[&str]) -> WebhookSettings {
    WebhookSettings {
        allowed: AllowedHosts::parse(allowed.iter().copied()).expect("hosts"),
        authorities: None,
        under_way: NonZeroUsize::new(8).expect("more than none"),
    }
}

/// Webhooks with a clock and a resolver.
pub(crate) fn webhooks_with(
    clock: QuickClock,
    resolver: impl Resolver + 'static,
    settings: WebhookSettings,
) -> Webhooks {
    Webhooks::new(Arc::new(clock), Arc::new(resolver), settings)
}

/// A webhook at a URL on this machine.
pub(crate) fn webhook(url: &str) -> WebhookPublisher {
    let webhooks = webhooks_with(QuickClock::default(), Names::none(), settings(&["127.0.0.1"]));
    webhooks.publisher(url, &[SECRET]).expect("a webhook")
}
