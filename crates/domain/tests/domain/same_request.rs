//! The same request is the same for ever, and any difference is named: one sentence a test.

use earmark_domain::{Command, OnOrderShortage, OnShortage, OrderStatus, OrderTerms, Outcome, Refusal, Term};

use crate::support::{
    Shop, allocate, cancel_line, change_quantity, confirm, confirm_some, create_batch, day, dispatch, dispatch_parts,
    hold_terms, place_on, precedence, replace, shop,
};

fn two_lines(terms: OrderTerms) -> Command {
    place_on("o1", &[("1", "LAMP", 4), ("2", "LAMP", 6)], terms)
}

fn status_of(shop: &mut Shop, command: &Command) -> OrderStatus {
    let events = shop.events.len();
    match shop.run(command) {
        Ok(Outcome::OrderPlaced { order, fresh: false }) => {
            assert_eq!(shop.events.len(), events, "it changes nothing");
            order.status
        }
        other => unreachable!("{other:?}"),
    }
}

fn differences(shop: &mut Shop, command: &Command) -> Vec<Term> {
    match shop.run(command) {
        Err(Refusal::OrderExists { differs, .. } | Refusal::LineExists { differs, .. }) => differs,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn an_order_is_known_after_its_lines_were_changed_confirmed_in_part_and_dispatched() {
    let placed = two_lines(hold_terms(60));
    let mut shop = shop(&[create_batch("b", "LAMP", 50, None), placed.clone()]);
    for (command, status) in [
        (change_quantity("o1", "1", 5), OrderStatus::Held),
        (confirm_some("o1", &[("1", Some(3))]), OrderStatus::Firm),
        (dispatch_parts("o1", &[("1", 2)]), OrderStatus::Firm),
        (dispatch("o1", None), OrderStatus::Dispatched),
    ] {
        shop.run(&command).expect("done");
        assert_eq!(status_of(&mut shop, &placed), status, "after {command:?}");
    }
}

#[test]
fn an_order_is_known_whatever_the_order_of_its_lines() {
    let mut shop = shop(&[create_batch("b", "LAMP", 50, None), two_lines(OrderTerms::default())]);
    let turned = place_on("o1", &[("2", "LAMP", 6), ("1", "LAMP", 4)], OrderTerms::default());
    assert_eq!(status_of(&mut shop, &turned), OrderStatus::Firm);
}

#[test]
fn an_order_that_stands_as_another_asks_is_still_not_what_that_asks() {
    let mut shop = shop(&[
        create_batch("b", "LAMP", 50, None),
        two_lines(OrderTerms::default()),
        change_quantity("o1", "1", 5),
    ]);
    let as_it_stands = place_on("o1", &[("1", "LAMP", 5), ("2", "LAMP", 6)], OrderTerms::default());
    assert_eq!(differences(&mut shop, &as_it_stands), [Term::Lines]);
}

#[test]
fn each_term_of_an_order_that_differs_is_named() {
    let placed = OrderTerms {
        precedence: precedence(1, Some(day(9))),
        ..hold_terms(60)
    };
    let mut shop = shop(&[create_batch("b", "LAMP", 50, None), two_lines(placed)]);
    for (terms, differs) in [
        (
            hold_terms(61),
            &[Term::HoldSeconds, Term::Priority, Term::RequiredBy][..],
        ),
        (
            OrderTerms {
                hold_for: None,
                ..placed
            },
            &[Term::HoldSeconds],
        ),
        (
            OrderTerms {
                on_shortage: OnOrderShortage::Backorder,
                split: true,
                ..placed
            },
            &[Term::Split, Term::OnShortage],
        ),
    ] {
        assert_eq!(differences(&mut shop, &two_lines(terms)), differs);
    }
}

#[test]
fn an_order_that_was_replaced_is_known_by_what_replaced_it() {
    let replaced = replace("o1", &[("1", "LAMP", 7)], OrderTerms::default());
    let placed = place_on("o1", &[("1", "LAMP", 7)], OrderTerms::default());
    let mut shop = shop(&[
        create_batch("b", "LAMP", 50, None),
        place_on("o1", &[("1", "LAMP", 4)], hold_terms(60)),
        replaced.clone(),
        confirm("o1"),
    ]);
    assert_eq!(status_of(&mut shop, &replaced), OrderStatus::Firm);
    assert_eq!(status_of(&mut shop, &placed), OrderStatus::Firm);
}

#[test]
fn a_line_is_known_after_it_was_changed_and_dispatched() {
    let placed = allocate("o1", "LAMP", 4);
    let mut shop = shop(&[create_batch("b", "LAMP", 50, None), placed.clone()]);
    for command in [
        change_quantity("o1", "LAMP", 9),
        dispatch_parts("o1", &[("LAMP", 5)]),
        dispatch("o1", None),
    ] {
        shop.run(&command).expect("done");
        let answer = shop.run(&placed);
        assert!(
            matches!(answer, Ok(Outcome::LinePlaced { fresh: false, .. })),
            "{answer:?}"
        );
    }
    assert_eq!(differences(&mut shop, &allocate("o1", "LAMP", 9)), [Term::Quantity]);
}

#[test]
fn a_line_that_was_to_be_refused_is_not_one_that_was_to_wait() {
    let Command::Allocate(mut waits) = allocate("o1", "LAMP", 4) else {
        unreachable!("it allocates")
    };
    waits.on_shortage = OnShortage::Backorder;
    let mut shop = shop(&[create_batch("b", "LAMP", 50, None), allocate("o1", "LAMP", 4)]);
    assert_eq!(differences(&mut shop, &Command::Allocate(waits)), [Term::OnShortage]);
}

#[test]
fn a_line_that_ended_is_not_answered_as_if_it_were_placed() {
    let placed = allocate("o1", "LAMP", 4);
    let mut shop = shop(&[
        create_batch("b", "LAMP", 50, None),
        placed.clone(),
        cancel_line("o1", "LAMP"),
    ]);
    assert!(matches!(shop.run(&placed), Err(Refusal::LineEnded { .. })));
}
