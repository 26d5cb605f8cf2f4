//! Every fact, encoded and decoded.

use earmark_application::{Books, BooksId, EncodedEvent, Epoch};
use earmark_domain::{
    AskedOrder, Count, DeallocationReason, EVENT_TYPES, Fact, LineId, LineKey, LineTerms, Location, Locations,
    MAX_QUANTITY, MoveReason, OrderId, Part, Precedence, Priority, ProductName, Quantity, Receipt, Reference,
    ShortageOutcome, Sku, Subject, TermsChange, Units,
};
use jiff::Timestamp;
use jiff::civil::date;

use super::{EventJson, WireError, event_type, fact_from_json, fact_to_json};

/// Names that need escapes in JSON, or look like something else.
const AWKWARD: [&str; 5] = ["B-1", "say \"hi\"", "back\\slash/", "ランプ 💡", "null"];

fn reference(text: &str) -> Reference {
    Reference::new(text).expect("a name")
}

fn quantity(units: u32) -> Quantity {
    Quantity::new(units).expect("a quantity")
}

fn count(units: u32) -> Count {
    Count::new(units).expect("a count")
}

fn key(name: &str) -> LineKey {
    LineKey {
        order: OrderId::new(name).expect("a name"),
        line: LineId::new(name).expect("a name"),
    }
}

fn parts(name: &str) -> Vec<Part> {
    [(name, 1), ("other", MAX_QUANTITY)]
        .map(|(batch, units)| Part {
            batch: reference(batch),
            quantity: quantity(units),
        })
        .to_vec()
}

fn asked_order(flag: bool) -> AskedOrder {
    let digests = "0123456789abcdef fedcba9876543210";
    let terms = if flag {
        "split partial 900 -7 2026-03-31"
    } else {
        "whole reject 0 0"
    };
    format!("{digests} {terms}").parse().expect("an order")
}

fn terms(name: &str, flag: bool) -> LineTerms {
    LineTerms {
        key: key(name),
        quantity: quantity(MAX_QUANTITY),
        split: flag,
        placed_at: Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant"),
        placed_with_order: !flag,
        asked: flag.then(|| "1000000000 backorder 0123456789abcdef".parse().expect("a line")),
        precedence: precedence(flag),
        locations: if flag {
            Locations::new(AWKWARD.map(|name| Location::new(name).expect("a name")).to_vec()).expect("each once")
        } else {
            Locations::ANY
        },
        hold_until: flag.then(|| Timestamp::from_microsecond(1_767_225_600_000_001).expect("an instant")),
    }
}

/// A precedence that is not the default, or the default.
fn precedence(custom: bool) -> Precedence {
    if custom {
        Precedence::of(Priority::new(-7).expect("a priority"), Some(date(2026, 12, 24)))
    } else {
        Precedence::default()
    }
}

/// Every kind of fact, with every kind of value in its fields.
pub(crate) fn facts() -> Vec<Fact> {
    let until = Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant");
    let mut facts = vec![
        Fact::OrderCancelled,
        Fact::StockDepleted,
        Fact::StockReplenished,
        Fact::HoldConfirmed,
        Fact::HoldPlaced { until },
        Fact::HoldExpired { deadline: until },
    ];
    facts.extend(DeallocationReason::ALL.map(|why| Fact::Deallocated {
        key: key("o"),
        from: parts("B"),
        why,
        left: (why == DeallocationReason::Reduced).then(|| quantity(3)),
        promised_on: (why == DeallocationReason::Reduced).then(|| date(2026, 3, 4)),
    }));
    let batch = || reference("B");
    facts.extend(
        [
            MoveReason::BatchEtaChanged(batch()),
            MoveReason::BatchReceived(batch()),
            MoveReason::BatchReceiptUndone(batch()),
            MoveReason::BatchCancelled(batch()),
            MoveReason::BatchOverdue(batch()),
            MoveReason::Improved,
            MoveReason::OrderChanged,
        ]
        .map(|why| Fact::PromiseChanged {
            key: key("o"),
            from: date(2026, 1, 1),
            to: date(2026, 1, 2),
            why,
        }),
    );
    for (index, name) in AWKWARD.into_iter().enumerate() {
        let flag = index % 2 == 0;
        let why = MoveReason::BatchQuantityChanged(reference(name));
        facts.extend([
            Fact::ProductNamed {
                name: ProductName::new(name).expect("a product name"),
            },
            Fact::BatchCreated {
                reference: reference(name),
                location: Location::new(name).expect("a name"),
                ordinal: u32::MAX,
                quantity: quantity(1),
                eta: flag.then(|| date(2026, 2, 28)),
            },
            Fact::BatchQuantityChanged {
                reference: reference(name),
                from: count(MAX_QUANTITY),
                to: count(0),
            },
            Fact::Allocated {
                line: terms(name, flag),
                allocations: parts(name),
                from_backlog: flag,
                promised_on: date(2026, 2, 28),
            },
            Fact::Deallocated {
                key: key(name),
                from: if flag { parts(name) } else { Vec::new() },
                why: DeallocationReason::Cancelled,
                left: None,
                promised_on: None,
            },
            Fact::SafetyStockChanged {
                from: count(0),
                to: count(MAX_QUANTITY),
            },
            Fact::BatchEtaChanged {
                reference: reference(name),
                from: date(2026, 2, 28),
                to: date(9999, 12, 31),
            },
            Fact::BatchReceived {
                reference: reference(name),
                receipt: Receipt {
                    eta: date(2026, 2, 28),
                    expected: count(MAX_QUANTITY),
                    counted: count(0),
                },
            },
            Fact::BatchReceiptUndone {
                reference: reference(name),
                eta: date(2026, 2, 28),
            },
            Fact::BatchOverdue {
                reference: reference(name),
                eta: date(2026, 2, 28),
            },
            Fact::BatchCancelled {
                reference: reference(name),
                from: count(MAX_QUANTITY),
                to: count(0),
            },
            Fact::PromiseBroken {
                key: key(name),
                required_by: date(2026, 1, 1),
                from: date(2025, 12, 31),
                to: date(2026, 1, 2),
                why: why.clone(),
            },
            Fact::Confirmed { key: key(name) },
            Fact::LineChanged {
                line: terms(name, flag),
            },
            Fact::Dispatched {
                key: key(name),
                from: parts(name),
                left: None,
            },
            Fact::Dispatched {
                key: key(name),
                from: parts(name),
                left: Some(quantity(MAX_QUANTITY)),
            },
            Fact::DispatchUndone {
                key: key(name),
                to: parts(name),
                promised_on: date(2026, 1, 2),
            },
            Fact::Reallocated {
                key: key(name),
                from: parts(name),
                to: parts("new"),
                why: why.clone(),
                promised_from: date(2026, 1, 1),
                promised_to: date(9999, 12, 31),
            },
            Fact::OutOfStock {
                line: terms(name, flag),
                available: Units::new(u64::MAX),
                kept: [
                    ShortageOutcome::Nothing,
                    ShortageOutcome::Refused,
                    ShortageOutcome::Backordered,
                ][index % 3],
            },
            Fact::Backordered {
                line: terms(name, flag),
                from: if flag { parts(name) } else { Vec::new() },
                why: flag.then_some(why),
            },
            Fact::OrderPlaced {
                lines: AWKWARD.map(|id| LineId::new(id).expect("a name")).to_vec(),
                precedence: precedence(flag),
                asked: asked_order(flag),
            },
            Fact::OrderChanged {
                change: TermsChange {
                    priority: flag.then(|| precedence(true).priority()),
                    required_by: (index > 1).then(|| precedence(flag).required_by()),
                    locations: (index < 3).then(|| terms(name, flag).locations),
                },
            },
            Fact::OrderReplaced {
                lines: Vec::new(),
                precedence: precedence(flag),
                asked: asked_order(!flag),
            },
        ]);
    }
    facts
}

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
