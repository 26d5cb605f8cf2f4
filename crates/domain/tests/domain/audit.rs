//! The audit bites: books that can't be true, each forged in one place, are found.

use earmark_domain::{Count, Fact, LineState, OrderTerms, Units};
use jiff::Timestamp;

use crate::support::{
    Books, allocate, backorder, cancel_batch, create_batch, day, dispatch, hold, keep_back, key, place_on, precedence,
    put_off, reference, sku,
};

/// Books with a bit of everything in them, which are sound.
fn books() -> Books {
    let mut books = Books::default();
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
        books.run(&command).expect("the story so far");
    }
    assert_eq!(books.discrepancies(), Vec::<String>::new());
    books
}

/// What is found once something has been forged.
fn found(forge: impl FnOnce(&mut Books)) -> String {
    let mut books = books();
    forge(&mut books);
    books.discrepancies().join("\n")
}

#[track_caller]
fn finds(told: &str, forge: impl FnOnce(&mut Books)) {
    let found = found(forge);
    assert!(found.contains(told), "{told:?} is not told, but: {found}");
}

#[test]
fn a_date_that_a_line_was_told_and_that_its_batch_did_not_have() {
    finds("was promised for", |books| {
        let told = books.events.iter_mut().find_map(|event| match &mut event.fact {
            Fact::PromiseChanged { to, .. } => Some(to),
            _ => None,
        });
        *told.expect("a promise changed") = day(9);
    });
}

#[test]
fn a_batch_that_arrives_on_another_day_than_was_told() {
    finds("batch Reference(ship) is stored as", |books| {
        books.batches.get_mut(&reference("ship")).expect("a batch").eta = Some(day(3));
    });
}

#[test]
fn a_cancelled_batch_that_holds_more_than_has_left_it() {
    finds("batch gone was cancelled and has 2 units", |books| {
        books.batches.get_mut(&reference("gone")).expect("a batch").quantity = Count::new(2).expect("a count");
    });
}

#[test]
fn units_that_are_said_to_have_left_and_did_not() {
    finds(
        "batch shelf says 4 units are dispatched, its dispatches say 3",
        |books| {
            books.batches.get_mut(&reference("shelf")).expect("a batch").dispatched = Units::new(4);
        },
    );
    finds("line sent/LAMP is dispatched", |books| books.dispatches.clear());
}

#[test]
fn a_line_that_is_held_without_a_deadline_or_beyond_what_its_product_knows() {
    finds("line held/LAMP is held without a deadline", |books| {
        books
            .lines
            .get_mut(&key("held", "LAMP"))
            .expect("a line")
            .terms
            .hold_until = None;
    });
    finds("but the product's next expiry is later or missing", |books| {
        books.products.get_mut(&sku("LAMP")).expect("a product").next_expiry = Some(Timestamp::MAX);
    });
    finds("has a deadline", |books| {
        books
            .lines
            .get_mut(&key("rest", "LAMP"))
            .expect("a line")
            .terms
            .hold_until = Some(Timestamp::MAX);
    });
}

#[test]
fn a_held_line_that_passes_for_allocated() {
    finds("line LineKey", |books| {
        let line = books.lines.get_mut(&key("held", "LAMP")).expect("a line");
        (line.state, line.terms.hold_until) = (LineState::Allocated, None);
    });
}

#[test]
fn a_place_in_the_queue_that_nobody_gave() {
    finds("line LineKey", |books| {
        books
            .lines
            .get_mut(&key("waits", "LAMP"))
            .expect("a line")
            .terms
            .precedence = precedence(9, None);
    });
}

#[test]
fn stock_that_is_kept_back_or_has_run_out_unknown_to_the_events() {
    finds("the safety stock is 1, the events say 0", |books| {
        books
            .events
            .retain(|event| !matches!(event.fact, Fact::SafetyStockChanged { .. }));
    });
    finds("whether the product is depleted", |books| {
        let product = books.products.get_mut(&sku("LAMP")).expect("a product");
        product.depleted = !product.depleted;
    });
}
