//! Facts with every kind of value in their fields, and what is built from them.

use earmark_domain::{
    AskedOrder, Count, DeallocationReason, Fact, LineId, LineKey, LineTerms, Location, Locations, MAX_QUANTITY,
    MoveReason, OrderId, Part, Precedence, Priority, ProductName, Quantity, Receipt, Reference, ShortageOutcome,
    TermsChange, Units,
};
use jiff::Timestamp;
use jiff::civil::date;

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

pub(super) fn parts(name: &str) -> Vec<Part> {
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

pub(super) fn terms(name: &str, flag: bool) -> LineTerms {
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
