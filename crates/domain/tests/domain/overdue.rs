//! Overdue stock is not stock in the warehouse. One sentence a test.

use earmark_domain::{Allocate, Command, LineState, Outcome, Promising, Refusal, Units, availability};

use crate::support::{
    Shop, allocate, backorder, cancel_batch, change_quantity, count, create_batch, day, key, quote, shop,
};

fn without_grace(order: &str, quantity: u32) -> Command {
    let Command::Allocate(allocate) = allocate(order, "LAMP", quantity) else {
        unreachable!("an allocation")
    };
    Command::Allocate(Allocate {
        without_grace: true,
        ..allocate
    })
}

fn promise_of_quote(shop: &mut Shop, quantity: u32) -> Option<jiff::civil::Date> {
    let Ok(Outcome::Quoted { lines }) = shop.run(&quote(&[("1", "LAMP", quantity)], false)) else {
        unreachable!("the SKU is known")
    };
    lines[0].promised_on
}

#[test]
fn within_the_grace_it_is_promised_for_tomorrow_and_is_not_available_now() {
    let mut shop = shop(&[create_batch("ship", "LAMP", 9, Some(day(-7)))]);
    assert_eq!(promise_of_quote(&mut shop, 2), Some(day(1)));
    shop.run(&allocate("o1", "LAMP", 2)).expect("within the grace");
    assert_eq!(shop.promised_on("o1"), Some(day(1)));
    let now = available(&shop);
    assert_eq!(now, (0, 7));
}

fn available(shop: &Shop) -> (u64, u64) {
    let batches = shop.batches.values();
    let found = availability(
        batches,
        earmark_domain::Count::ZERO,
        None,
        Units::ZERO,
        Promising::default(),
        shop.today(),
    );
    let last = found.timeline.last().map_or(0, |last| last.available.get());
    (found.available_now.get(), last)
}

#[test]
fn beyond_the_grace_it_is_not_offered_to_new_lines_and_quote_and_availability_say_the_same() {
    let mut shop = shop(&[create_batch("ship", "LAMP", 9, Some(day(-8)))]);
    assert!(matches!(
        shop.run(&allocate("o1", "LAMP", 2)),
        Err(Refusal::OutOfStock(_))
    ));
    assert_eq!(promise_of_quote(&mut shop, 2), None);
    assert_eq!(available(&shop), (0, 0));
}

#[test]
fn beyond_the_grace_no_line_gets_more_of_it_not_even_one_that_is_in_it() {
    let mut shop = shop(&[create_batch("ship", "LAMP", 9, Some(day(2))), allocate("o1", "LAMP", 2)]);
    shop.advance_days(20);
    assert!(matches!(
        shop.run(&change_quantity("o1", "LAMP", 3)),
        Err(Refusal::OutOfStock(_))
    ));
    assert_eq!(shop.units_of("o1", "LAMP"), [("ship".into(), 2)]);
}

#[test]
fn a_line_that_loses_its_units_goes_to_timely_stock_although_later_stock_comes_first_by_date() {
    let mut shop = shop(&[
        create_batch("late", "LAMP", 2, Some(day(-8))),
        create_batch("less late", "LAMP", 2, Some(day(-7))),
        create_batch("shelf", "LAMP", 2, None),
        allocate("o1", "LAMP", 2),
        count("shelf", 1),
    ]);
    assert_eq!(shop.units_of("o1", "LAMP"), [("less late".into(), 2)]);
    shop.run(&count("less late", 0)).expect("counted");
    assert_eq!(shop.units_of("o1", "LAMP"), [("late".into(), 2)], "rather than none");
}

#[test]
fn a_line_that_loses_its_units_goes_to_stock_beyond_the_grace_last_of_all() {
    let mut shop = shop(&[
        create_batch("lost", "LAMP", 4, None),
        allocate("o1", "LAMP", 2),
        allocate("o2", "LAMP", 2),
        create_batch("late", "LAMP", 2, Some(day(-30))),
        create_batch("ship", "LAMP", 2, Some(day(30))),
    ]);
    shop.run(&cancel_batch("lost")).expect("cancelled");
    assert_eq!(shop.units_of("o1", "LAMP"), [("ship".into(), 2)]);
    assert_eq!(shop.units_of("o2", "LAMP"), [("late".into(), 2)]);
    assert_eq!(shop.promised_on("o2"), Some(day(1)));
}

#[test]
fn who_waits_is_not_served_from_stock_beyond_the_grace() {
    let mut shop = shop(&[
        create_batch("late", "LAMP", 2, Some(day(-30))),
        backorder("o1", "LAMP", 2),
    ]);
    shop.run(&count("late", 5)).expect("counted");
    assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
}

#[test]
fn a_line_on_an_overdue_batch_keeps_its_promise_and_is_at_risk() {
    let mut shop = shop(&[create_batch("ship", "LAMP", 9, Some(day(2))), allocate("o1", "LAMP", 2)]);
    let at_risk = |shop: &Shop| {
        let line = &shop.lines[&key("o1", "LAMP")];
        line.is_at_risk([Some(day(2))], shop.today())
    };
    assert!(!at_risk(&shop));
    shop.advance_days(20);
    assert_eq!(shop.promised_on("o1"), Some(day(2)));
    assert!(at_risk(&shop));
}

#[test]
fn the_books_calls_know_no_grace() {
    let mut shop = shop(&[create_batch("ship", "LAMP", 9, Some(day(-100)))]);
    shop.run(&without_grace("o1", 2)).expect("offered whatever its date");
    assert_eq!(shop.units_of("o1", "LAMP"), [("ship".into(), 2)]);
}
