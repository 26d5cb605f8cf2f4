//! Every fact, encoded and decoded.

mod arbitrary;
mod facts;

use earmark_application::{Books, BooksId, EncodedEvent, Epoch};
use earmark_domain::{EVENT_TYPES, Fact, LineTerms, OrderId, ProductName, Sku, Subject};
use jiff::Timestamp;
use jiff::civil::date;

pub(crate) use self::arbitrary::fact;
pub(crate) use self::facts::facts;
use self::facts::{parts, terms};
use super::{EventJson, WireError, event_type, fact_from_json, fact_to_json};

#[test]
fn every_fact_survives_the_round_trip() {
    for fact in facts() {
        let json = fact_to_json(&fact);
        assert_eq!(fact_from_json(fact.name(), &json), Ok(fact), "{json}");
    }
}

#[test]
fn every_event_type_is_encoded() {
    let facts = facts();
    for name in EVENT_TYPES {
        assert!(facts.iter().any(|fact| fact.name() == name), "{name}");
    }
}

#[test]
fn a_fact_is_written_in_the_words_of_the_domain() {
    let fact = Fact::Allocated {
        line: LineTerms {
            split: true,
            placed_with_order: false,
            asked: Some("12 reject".parse().expect("a line")),
            ..terms("O-1", false)
        },
        allocations: parts("B-1"),
        from_backlog: false,
        promised_on: date(2026, 2, 28),
    };
    assert_eq!(
        fact_to_json(&fact),
        r#"{"order_id":"O-1","line_id":"O-1","quantity":1000000000,"split":true,"#.to_owned()
            + r#""placed_at":"2026-01-01T00:00:00.123456Z","placed_with_order":false,"asked":"12 reject","#
            + r#""allocations":[{"batch":"B-1","quantity":1},{"batch":"other","quantity":1000000000}],"#
            + r#""from_backlog":false,"promised_on":"2026-02-28"}"#
    );
}

#[test]
fn data_that_breaks_a_rule_is_refused_with_the_domains_message() {
    let refused = |event_type: &str, data: &str| match fact_from_json(event_type, data) {
        Err(WireError::Malformed { reason, .. }) => reason,
        other => format!("{other:?}"),
    };
    assert!(
        refused("BatchQuantityChanged", r#"{"reference":"B","from":-1,"to":1}"#)
            .contains("from 0 to 1000000000, is -1")
    );
    assert!(refused("ProductNamed", r#"{"name":" lamp"}"#).contains("must not begin or end with a space"));
    assert!(refused("OrderPlaced", r#"{"lines":[""]}"#).contains("must not be empty"));
    assert!(refused("OrderCancelled", "null").contains("invalid type"));
    let without_eta = r#"{"reference":"B","location":"main","ordinal":1,"quantity":1}"#;
    assert!(refused("BatchCreated", without_eta).contains("missing field `eta`"));
}

#[test]
fn an_unknown_event_type_is_an_error() {
    let unknown = fact_from_json("ProductVanished", "{}");
    assert_eq!(unknown, Err(WireError::UnknownType("ProductVanished".to_owned())));
}

pub(crate) fn event(subject: Subject, order: Option<OrderId>, fact: &Fact) -> EncodedEvent {
    EncodedEvent {
        sequence: 7,
        subject,
        order,
        event_type: event_type(fact.name()).expect("a known type"),
        occurred_at: Timestamp::from_microsecond(1_767_225_600_000_000).expect("an instant"),
        decided_on: date(2026, 1, 1),
        actor: "api".to_owned(),
        correlation_id: "r-1".to_owned(),
        data: fact_to_json(fact),
    }
}

/// The whole event that a fact is stored as: about what it is about.
pub(crate) fn event_of(fact: &Fact) -> EncodedEvent {
    let is_of_order = matches!(
        fact,
        Fact::OrderPlaced { .. }
            | Fact::OrderReplaced { .. }
            | Fact::OrderChanged { .. }
            | Fact::HoldPlaced { .. }
            | Fact::HoldConfirmed
            | Fact::HoldExpired { .. }
            | Fact::OrderCancelled
    );
    if is_of_order {
        let order = OrderId::new("O-1").expect("a name");
        return event(Subject::Order(order.clone()), Some(order), fact);
    }
    let sku = Sku::new("LAMP").expect("a name");
    let order = fact.line().map(|line| line.order.clone());
    event(Subject::Product { sku, version: 3 }, order, fact)
}

/// Books in their second epoch.
pub(crate) fn books() -> Books {
    let epochs = [Epoch { number: 1, after: 0 }, Epoch { number: 9, after: 2 }];
    Books::new(BooksId::of([7; 16]), epochs.into())
}

fn shown(event: &EncodedEvent) -> String {
    let event = EventJson::of(event, &books()).expect("its data is JSON");
    serde_json::to_string(&event).expect("JSON")
}

#[test]
fn an_event_of_a_product_has_its_sku_and_version() {
    let subject = Subject::Product {
        sku: Sku::new("LAMP").expect("a name"),
        version: 3,
    };
    let name = ProductName::new("A lamp").expect("a product name");
    assert_eq!(
        shown(&event(subject, None, &Fact::ProductNamed { name })),
        r#"{"sequence":7,"id":"07070707070707070707070707070707-9-7","type":"ProductNamed","sku":"LAMP","version":3,"#
            .to_owned()
            + r#""occurred_at":"2026-01-01T00:00:00Z","decided_on":"2026-01-01","actor":"api","correlation_id":"r-1","data":{"name":"A lamp"}}"#
    );
}

#[test]
fn an_event_of_a_whole_order_has_no_sku() {
    let order = OrderId::new("O-1").expect("a name");
    let event = event(Subject::Order(order.clone()), Some(order), &Fact::OrderCancelled);
    assert_eq!(
        shown(&event),
        r#"{"sequence":7,"id":"07070707070707070707070707070707-9-7","type":"OrderCancelled","sku":null,"version":null,"order_id":"O-1","#.to_owned()
            + r#""occurred_at":"2026-01-01T00:00:00Z","decided_on":"2026-01-01","actor":"api","correlation_id":"r-1","data":{}}"#
    );
}

#[test]
fn data_that_is_not_json_is_an_error() {
    let order = OrderId::new("O-1").expect("a name");
    for data in ["", "{", "{} {}", "lamp"] {
        let event = EncodedEvent {
            data: data.to_owned(),
            ..event(Subject::Order(order.clone()), None, &Fact::OrderCancelled)
        };
        assert!(EventJson::of(&event, &books()).is_err(), "{data}");
    }
}
