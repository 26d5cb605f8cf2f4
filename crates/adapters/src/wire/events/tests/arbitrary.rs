//! Any fact that the domain could state.

use std::fmt::Debug;

use earmark_domain::{
    AskedLine, AskedOrder, Count, DeallocationReason, Fact, LineId, LineKey, LineTerms, Location, Locations,
    MAX_QUANTITY, MoveReason, OrderId, Part, Precedence, Priority, ProductName, Quantity, Receipt, Reference,
    ShortageOutcome, TermsChange, Units,
};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::collection::vec;
use proptest::option::of as option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

/// A text that `new` takes.
fn text<T: Debug>(pattern: &'static str, new: impl Fn(&str) -> Option<T>) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("not a name", move |text| new(&text))
}

/// Up to 64 characters of all kinds.
const NAME: &str = r#"[A-Z0-9"\\. ]{1,8}|\PC{1,64}"#;

fn reference() -> impl Strategy<Value = Reference> {
    text(NAME, |text| Reference::new(text).ok())
}

fn location() -> impl Strategy<Value = Location> {
    text(NAME, |text| Location::new(text).ok())
}

fn line_id() -> impl Strategy<Value = LineId> {
    text(NAME, |text| LineId::new(text).ok())
}

fn key() -> impl Strategy<Value = LineKey> {
    let order = text(NAME, |text| OrderId::new(text).ok());
    (order, line_id()).prop_map(|(order, line)| LineKey { order, line })
}

fn quantity() -> impl Strategy<Value = Quantity> {
    (1..=MAX_QUANTITY).prop_map(|units| Quantity::new(units).expect("a quantity"))
}

fn count() -> impl Strategy<Value = Count> {
    (0..=MAX_QUANTITY).prop_map(|units| Count::new(units).expect("a count"))
}

fn day() -> impl Strategy<Value = Date> {
    (1_i16..=9999, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| date(year, month, day))
}

/// An instant in the years 1 to 9999, to the microsecond.
fn instant() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800_000_000_i64..253_402_207_200_000_000)
        .prop_map(|micros| Timestamp::from_microsecond(micros).expect("an instant"))
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    vec(
        (reference(), quantity()).prop_map(|(batch, quantity)| Part { batch, quantity }),
        0..4,
    )
}

fn priority() -> impl Strategy<Value = Priority> {
    (-Priority::MOST..=Priority::MOST).prop_map(|number| Priority::new(number).expect("a priority"))
}

fn precedence() -> impl Strategy<Value = Precedence> {
    let zero = Just(Priority::default());
    (prop_oneof![zero, priority()], option(day())).prop_map(|(priority, day)| Precedence::of(priority, day))
}

fn locations() -> impl Strategy<Value = Locations> {
    vec(location(), 0..4).prop_filter_map("each once", |list| Locations::new(list).ok())
}

fn asked_line() -> impl Strategy<Value = AskedLine> {
    let words = (quantity(), select(vec!["reject", "backorder"]), option(any::<u64>()));
    words.prop_map(|(units, word, digest)| {
        let digest = digest.map_or(String::new(), |digest| format!(" {digest:016x}"));
        format!("{units} {word}{digest}").parse().expect("a line")
    })
}

fn asked_order() -> impl Strategy<Value = AskedOrder> {
    let words = (
        any::<[u64; 2]>(),
        select(vec!["split", "whole"]),
        select(vec!["reject", "backorder", "partial"]),
        0_u32..900,
        priority(),
        option(day()),
    );
    words.prop_map(|([lines, places], split, word, hold, priority, day)| {
        let day = day.map_or(String::new(), |day| format!(" {day}"));
        let terms = format!("{split} {word} {hold} {}{day}", priority.get());
        format!("{lines:016x} {places:016x} {terms}").parse().expect("an order")
    })
}

fn terms() -> impl Strategy<Value = LineTerms> {
    let one = (key(), quantity(), any::<bool>(), instant(), any::<bool>());
    let other = (option(asked_line()), precedence(), locations(), option(instant()));
    (one, other).prop_map(
        |((key, quantity, split, placed_at, placed_with_order), (asked, precedence, locations, hold_until))| {
            LineTerms {
                key,
                quantity,
                split,
                placed_at,
                placed_with_order,
                asked,
                precedence,
                locations,
                hold_until,
            }
        },
    )
}

fn why() -> impl Strategy<Value = MoveReason> {
    prop_oneof![
        reference().prop_map(MoveReason::BatchQuantityChanged),
        reference().prop_map(MoveReason::BatchEtaChanged),
        reference().prop_map(MoveReason::BatchReceived),
        reference().prop_map(MoveReason::BatchReceiptUndone),
        reference().prop_map(MoveReason::BatchCancelled),
        reference().prop_map(MoveReason::BatchOverdue),
        Just(MoveReason::Improved),
        Just(MoveReason::OrderChanged),
    ]
}

/// Any fact, each type as often as the others.
pub(crate) fn fact() -> impl Strategy<Value = Fact> {
    let product_name = text(r"\PC{1,200}", |text| ProductName::new(text).ok());
    let kept = select(vec![
        ShortageOutcome::Nothing,
        ShortageOutcome::Refused,
        ShortageOutcome::Backordered,
    ]);
    let receipt = (day(), count(), count()).prop_map(|(eta, expected, counted)| Receipt { eta, expected, counted });
    let change = (option(priority()), option(option(day())), option(locations())).prop_map(
        |(priority, required_by, locations)| TermsChange {
            priority,
            required_by,
            locations,
        },
    );
    let order = || (vec(line_id(), 0..4), precedence(), asked_order());
    Union::new([
        product_name.prop_map(|name| Fact::ProductNamed { name }).boxed(),
        (count(), count())
            .prop_map(|(from, to)| Fact::SafetyStockChanged { from, to })
            .boxed(),
        (reference(), location(), any::<u32>(), quantity(), option(day()))
            .prop_map(|(reference, location, ordinal, quantity, eta)| Fact::BatchCreated {
                reference,
                location,
                ordinal,
                quantity,
                eta,
            })
            .boxed(),
        (reference(), count(), count())
            .prop_map(|(reference, from, to)| Fact::BatchQuantityChanged { reference, from, to })
            .boxed(),
        (reference(), day(), day())
            .prop_map(|(reference, from, to)| Fact::BatchEtaChanged { reference, from, to })
            .boxed(),
        (reference(), receipt)
            .prop_map(|(reference, receipt)| Fact::BatchReceived { reference, receipt })
            .boxed(),
        (reference(), day())
            .prop_map(|(reference, eta)| Fact::BatchReceiptUndone { reference, eta })
            .boxed(),
        (reference(), day())
            .prop_map(|(reference, eta)| Fact::BatchOverdue { reference, eta })
            .boxed(),
        (reference(), count(), count())
            .prop_map(|(reference, from, to)| Fact::BatchCancelled { reference, from, to })
            .boxed(),
        Just(Fact::StockDepleted).boxed(),
        Just(Fact::StockReplenished).boxed(),
        (terms(), parts(), any::<bool>(), day())
            .prop_map(|(line, allocations, from_backlog, promised_on)| Fact::Allocated {
                line,
                allocations,
                from_backlog,
                promised_on,
            })
            .boxed(),
        (
            key(),
            parts(),
            select(&DeallocationReason::ALL[..]),
            option(quantity()),
            option(day()),
        )
            .prop_map(|(key, from, why, left, promised_on)| Fact::Deallocated {
                key,
                from,
                why,
                left,
                promised_on,
            })
            .boxed(),
        (key(), parts(), parts(), why(), day(), day())
            .prop_map(|(key, from, to, why, promised_from, promised_to)| Fact::Reallocated {
                key,
                from,
                to,
                why,
                promised_from,
                promised_to,
            })
            .boxed(),
        (terms(), any::<u64>(), kept)
            .prop_map(|(line, available, kept)| Fact::OutOfStock {
                line,
                available: Units::new(available),
                kept,
            })
            .boxed(),
        (terms(), parts(), option(why()))
            .prop_map(|(line, from, why)| Fact::Backordered { line, from, why })
            .boxed(),
        (key(), day(), day(), why())
            .prop_map(|(key, from, to, why)| Fact::PromiseChanged { key, from, to, why })
            .boxed(),
        (key(), day(), day(), day(), why())
            .prop_map(|(key, required_by, from, to, why)| Fact::PromiseBroken {
                key,
                required_by,
                from,
                to,
                why,
            })
            .boxed(),
        key().prop_map(|key| Fact::Confirmed { key }).boxed(),
        terms().prop_map(|line| Fact::LineChanged { line }).boxed(),
        (key(), parts(), option(quantity()))
            .prop_map(|(key, from, left)| Fact::Dispatched { key, from, left })
            .boxed(),
        (key(), parts(), day())
            .prop_map(|(key, to, promised_on)| Fact::DispatchUndone { key, to, promised_on })
            .boxed(),
        order()
            .prop_map(|(lines, precedence, asked)| Fact::OrderPlaced {
                lines,
                precedence,
                asked,
            })
            .boxed(),
        order()
            .prop_map(|(lines, precedence, asked)| Fact::OrderReplaced {
                lines,
                precedence,
                asked,
            })
            .boxed(),
        change.prop_map(|change| Fact::OrderChanged { change }).boxed(),
        instant().prop_map(|until| Fact::HoldPlaced { until }).boxed(),
        Just(Fact::HoldConfirmed).boxed(),
        instant().prop_map(|deadline| Fact::HoldExpired { deadline }).boxed(),
        Just(Fact::OrderCancelled).boxed(),
    ])
}
