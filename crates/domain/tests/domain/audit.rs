//! The audit finds corrupt data: each test corrupts sound data in one place.

use earmark_domain::{Count, Fact, LineState, OrderTerms, Units};
use jiff::Timestamp;

use crate::support::{
    Shop, allocate, backorder, cancel_batch, create_batch, day, dispatch, hold, keep_back, key, place_on, precedence,
    put_off, reference, sku,
};

/// A shop with some of everything, and sound data.
fn shop() -> Shop {
    let mut shop = Shop::default();
    let needed = OrderTerms {
        precedence: precedence(3, Some(day(5))),
        ..OrderTerms::default()
    };
    for command in [
        create_batch("shelf", "LAMP", 10, None),
        create_batch("ship", "LAMP", 10, Some(day(4))),
        create_batch("gone", "LAMP", 5, Some(day(6))),
        cancel_batch("gone"),
        allocate("sent", "LAMP", 3),
        dispatch("sent", None),
        hold("held", "LAMP", 2, 60),
        allocate("rest", "LAMP", 5),
        place_on("late", &[("LAMP", "LAMP", 10)], needed),
        put_off("ship", day(8)),
        backorder("waits", "LAMP", 9),
        keep_back("LAMP", 1),
    ] {
        shop.run(&command).expect("an accepted command");
    }
    assert_eq!(shop.discrepancies(), Vec::<String>::new());
    shop
}

/// The discrepancies in a shop whose data has been corrupted.
fn found(corrupt: impl FnOnce(&mut Shop)) -> String {
    let mut shop = shop();
    corrupt(&mut shop);
    shop.discrepancies().join("\n")
}

#[track_caller]
fn finds(message: &str, corrupt: impl FnOnce(&mut Shop)) {
    let found = found(corrupt);
    assert!(found.contains(message), "{message:?} is not reported, but: {found}");
}

#[test]
fn a_promise_date_that_is_not_the_eta_of_the_batch() {
    finds("was promised for", |shop| {
        let date = shop.events.iter_mut().find_map(|event| match &mut event.fact {
            Fact::PromiseChanged { to, .. } => Some(to),
            _ => None,
        });
        *date.expect("a promise changed") = day(9);
    });
}

#[test]
fn a_batch_with_another_eta_than_its_events_say() {
    finds("batch ship is stored as", |shop| {
        shop.batches.get_mut(&reference("ship")).expect("a batch").eta = Some(day(3));
    });
}

#[test]
fn a_cancelled_batch_with_more_units_than_were_dispatched() {
    finds("batch gone was cancelled and has 2 units", |shop| {
        shop.batches.get_mut(&reference("gone")).expect("a batch").quantity = Count::new(2).expect("a count");
    });
}

#[test]
fn dispatched_units_without_a_dispatch() {
    finds("batch shelf is stored as", |shop| {
        shop.batches.get_mut(&reference("shelf")).expect("a batch").dispatched = Units::new(4);
    });
    finds("line sent/LAMP is dispatched", |shop| shop.dispatches.clear());
}

#[test]
fn a_held_line_without_a_deadline_or_with_one_its_product_does_not_know() {
    finds("line held/LAMP is held without a deadline", |shop| {
        shop.lines
            .get_mut(&key("held", "LAMP"))
            .expect("a line")
            .terms
            .hold_until = None;
    });
    finds("but the product's next expiry is later or missing", |shop| {
        shop.products.get_mut(&sku("LAMP")).expect("a product").next_expiry = Some(Timestamp::MAX);
    });
    finds("has a deadline", |shop| {
        shop.lines
            .get_mut(&key("rest", "LAMP"))
            .expect("a line")
            .terms
            .hold_until = Some(Timestamp::MAX);
    });
}

#[test]
fn a_held_line_that_is_stored_as_allocated() {
    finds("line held/LAMP is stored as", |shop| {
        let line = shop.lines.get_mut(&key("held", "LAMP")).expect("a line");
        (line.state, line.terms.hold_until) = (LineState::Allocated, None);
    });
}

#[test]
fn a_precedence_that_no_event_gave() {
    finds("line waits/LAMP is stored as", |shop| {
        shop.lines
            .get_mut(&key("waits", "LAMP"))
            .expect("a line")
            .terms
            .precedence = precedence(9, None);
    });
}

#[test]
fn a_safety_stock_or_depletion_that_no_event_records() {
    finds("the safety stock is 1, the events say 0", |shop| {
        shop.events
            .retain(|event| !matches!(event.fact, Fact::SafetyStockChanged { .. }));
    });
    finds("whether the product is depleted", |shop| {
        let product = shop.products.get_mut(&sku("LAMP")).expect("a product");
        product.depleted = !product.depleted;
    });
}
