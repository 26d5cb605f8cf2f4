//! What the service of "Architecture Patterns with Python" tells of allocations: one message on the channel
//! [`CHANNEL`] for each batch that a line has units of, when it is allocated and when it moves.

use earmark_application::EncodedEvent;
use earmark_domain::{Fact, LineKey, Part, Subject};
use serde::Serialize;

use crate::wire::{WireError, fact_from_json};

/// The channel.
pub const CHANNEL: &str = "line_allocated";

/// A message, with the names of the book.
#[derive(Serialize)]
struct LineAllocated<'a> {
    orderid: &'a str,
    sku: &'a str,
    qty: u32,
    batchref: &'a str,
}

/// The messages that an event stands for; none for most.
///
/// # Errors
/// [`WireError`]: the event's data can't be read.
pub fn messages_of(event: &EncodedEvent) -> Result<Vec<String>, WireError> {
    if !matches!(event.event_type, "Allocated" | "Reallocated") {
        return Ok(Vec::new());
    }
    match (fact_from_json(event.event_type, &event.data)?, &event.subject) {
        (Fact::Allocated { line, allocations, .. }, Subject::Product { sku, .. }) => {
            messages(&line.key, sku.as_str(), &allocations)
        }
        (Fact::Reallocated { key, to, .. }, Subject::Product { sku, .. }) => messages(&key, sku.as_str(), &to),
        _ => Ok(Vec::new()),
    }
}

fn messages(line: &LineKey, sku: &str, parts: &[Part]) -> Result<Vec<String>, WireError> {
    let message = |part: &Part| {
        let message = LineAllocated {
            orderid: line.order.as_str(),
            sku,
            qty: part.quantity.get(),
            batchref: part.batch.as_str(),
        };
        serde_json::to_string(&message).map_err(|error| WireError::Malformed {
            event_type: CHANNEL.to_owned(),
            reason: error.to_string(),
        })
    };
    parts.iter().map(message).collect()
}

#[cfg(test)]
mod tests {
    use earmark_domain::{OrderId, Sku};

    use super::*;

    fn event(event_type: &'static str, data: &str) -> EncodedEvent {
        EncodedEvent {
            sequence: 1,
            subject: Subject::Product {
                sku: Sku::new("SMALL-TABLE").unwrap(),
                version: 2,
            },
            order: Some(OrderId::new("order1").unwrap()),
            event_type,
            occurred_at: "2026-02-01T09:30:00Z".parse().unwrap(),
            decided_on: "2026-02-01".parse().unwrap(),
            actor: "shop".to_owned(),
            correlation_id: "c".to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn a_line_in_two_batches_is_two_messages() {
        let data = r#"{"order_id":"order1","line_id":"l1","quantity":10,"split":true,"placed_with_order":true,
            "placed_at":"2026-01-01T00:00:00Z",
            "allocations":[{"batch":"early","quantity":7},{"batch":"later","quantity":3}],
            "from_backlog":false,"promised_on":"2026-02-28"}"#;
        assert_eq!(
            messages_of(&event("Allocated", data)).unwrap(),
            [
                r#"{"orderid":"order1","sku":"SMALL-TABLE","qty":7,"batchref":"early"}"#,
                r#"{"orderid":"order1","sku":"SMALL-TABLE","qty":3,"batchref":"later"}"#,
            ]
        );
    }

    #[test]
    fn a_line_that_moves_is_told_with_the_batches_that_it_moves_to() {
        let data = r#"{"order_id":"order1","line_id":"l1","from":[{"batch":"early","quantity":10}],
            "to":[{"batch":"later","quantity":10}],"why":{"batch_quantity_changed":"early"},
            "promised_from":"2026-02-28","promised_to":"2026-03-01"}"#;
        assert_eq!(
            messages_of(&event("Reallocated", data)).unwrap(),
            [r#"{"orderid":"order1","sku":"SMALL-TABLE","qty":10,"batchref":"later"}"#]
        );
    }

    #[test]
    fn other_events_are_not_told_and_broken_data_is() {
        assert_eq!(messages_of(&event("StockDepleted", "{}")).unwrap(), [""; 0]);
        assert!(messages_of(&event("Allocated", "{}")).is_err());
    }
}
