//! Holds: they count until their deadline, and from then on they count zero. One sentence a test.

use earmark_domain::{
    BACKLOG_PAGE, Command, ConfirmOrder, LineState, OnOrderShortage, OrderStatus, OrderTerms, Outcome, Refusal, Term,
};

use crate::support::{
    Shop, allocate, backorder, cancel_line, cancel_order, confirm, confirm_some, count, create_batch, day, dispatch,
    hold, hold_terms, place_on, precedence, reacquire, replace, shop, sku,
};

fn status(answer: &Result<Outcome, Refusal>) -> Option<OrderStatus> {
    match answer {
        Ok(
            Outcome::OrderPlaced { order, .. }
            | Outcome::OrderChanged { order, .. }
            | Outcome::OrderDispatched { order, .. },
        ) => Some(order.status),
        _ => None,
    }
}

mod until_its_deadline {
    use super::*;

    #[test]
    fn a_hold_makes_its_units_unavailable_to_other_orders() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        assert_eq!(shop.available("b"), 1);
        assert!(shop.run(&allocate("o2", "LAMP", 2)).is_err());
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Held));
    }

    #[test]
    fn it_can_be_confirmed_and_stays_firm() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        assert_eq!(status(&shop.run(&confirm("o1"))), Some(OrderStatus::Firm));
        shop.advance_clock(3_600);
        shop.sweep();
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Allocated));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 4)]);
    }

    #[test]
    fn confirming_a_firm_order_changes_nothing() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            hold("o1", "LAMP", 4, 60),
            confirm("o1"),
        ]);
        let before = shop.events.len();
        assert!(matches!(
            shop.run(&confirm("o1")),
            Ok(Outcome::OrderChanged { changed: false, .. })
        ));
        assert_eq!(shop.events.len(), before);
    }

    #[test]
    fn units_that_are_not_confirmed_are_released() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            place_on("o1", &[("1", "LAMP", 5), ("2", "LAMP", 4)], hold_terms(60)),
        ]);
        shop.run(&confirm_some("o1", &[("1", Some(3))])).expect("confirmed");
        assert_eq!(shop.units_of("o1", "1"), [("b".into(), 3)]);
        assert_eq!(shop.state("o1", "2"), Some(LineState::Cancelled));
        assert_eq!(shop.available("b"), 6);
    }

    #[test]
    fn confirming_more_than_is_held_is_refused_and_the_hold_stays() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), hold("o1", "LAMP", 5, 60)]);
        let refused = shop.run(&confirm_some("o1", &[("LAMP", Some(6))]));
        assert!(matches!(refused, Err(Refusal::ExceedsHold { .. })));
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Held));
        assert_eq!(shop.available("b"), 4);
    }

    #[test]
    fn a_cancelled_line_of_it_cannot_be_confirmed() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            place_on("o1", &[("1", "LAMP", 5), ("2", "LAMP", 4)], hold_terms(60)),
            cancel_line("o1", "2"),
        ]);
        let refused = shop.run(&confirm_some("o1", &[("2", None)]));
        assert!(matches!(refused, Err(Refusal::LineEnded { .. })));
        assert_eq!(shop.state("o1", "1"), Some(LineState::Held));
    }

    #[test]
    fn cancelling_releases_it() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        let before = shop.events.len();
        assert_eq!(status(&shop.run(&cancel_order("o1"))), Some(OrderStatus::Cancelled));
        assert_eq!(shop.available("b"), 5);
        assert_eq!(shop.events_since(before), ["Deallocated o1", "OrderCancelled"]);
        assert!(matches!(shop.run(&confirm("o1")), Err(Refusal::NotHeld(_))));
    }
}

mod from_its_deadline_on {
    use super::*;

    #[test]
    fn a_hold_counts_zero_in_every_decision_even_before_the_sweep() {
        let mut shop = shop(&[create_batch("b", "LAMP", 1, None), hold("o1", "LAMP", 1, 2)]);
        shop.advance_clock(2);
        shop.run(&allocate("o2", "LAMP", 1)).expect("the unit is free");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn it_cannot_be_confirmed() {
        let mut shop = shop(&[create_batch("b", "LAMP", 1, None), hold("o1", "LAMP", 1, 2)]);
        shop.advance_clock(2);
        assert!(matches!(shop.run(&confirm("o1")), Err(Refusal::HoldExpired { .. })));
        assert_eq!(shop.available("b"), 1);
        assert!(matches!(shop.run(&confirm("o1")), Err(Refusal::HoldExpired { .. })));
    }

    #[test]
    fn a_moment_before_the_deadline_it_can_be_confirmed() {
        let mut shop = shop(&[create_batch("b", "LAMP", 1, None), hold("o1", "LAMP", 1, 2)]);
        shop.advance_clock(1);
        assert_eq!(status(&shop.run(&confirm("o1"))), Some(OrderStatus::Firm));
    }

    #[test]
    fn its_lines_can_be_reacquired_while_there_is_stock() {
        let mut shop = shop(&[create_batch("b", "LAMP", 3, None), hold("o1", "LAMP", 3, 2)]);
        shop.advance_clock(5);
        assert_eq!(status(&shop.run(&reacquire("o1"))), Some(OrderStatus::Firm));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 3)]);
    }

    #[test]
    fn a_failed_reacquire_names_the_shortages_and_the_hold_stays_expired() {
        let mut shop = shop(&[create_batch("b", "LAMP", 3, None), hold("o1", "LAMP", 3, 2)]);
        shop.advance_clock(5);
        shop.run(&allocate("o2", "LAMP", 1)).expect("free");
        let Err(Refusal::HoldExpired { shortages, .. }) = shop.run(&reacquire("o1")) else {
            panic!("short");
        };
        assert_eq!(shortages.len(), 1);
        assert_eq!(shortages[0].available.get(), 2);
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn its_units_go_to_the_backlog_first() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 3, None),
            hold("o1", "LAMP", 3, 2),
            backorder("o2", "LAMP", 2),
        ]);
        shop.advance_clock(2);
        assert!(shop.run(&allocate("o3", "LAMP", 2)).is_err());
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 2)]);
    }

    #[test]
    fn all_due_holds_are_ended_before_the_backlog_is_served() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 2, None),
            hold("o1", "LAMP", 1, 2),
            hold("o2", "LAMP", 1, 2),
            backorder("first", "LAMP", 2),
            backorder("second", "LAMP", 1),
        ]);
        shop.advance_clock(2);
        shop.sweep();
        assert_eq!(shop.units_of("first", "LAMP"), [("b".into(), 2)]);
        assert_eq!(shop.state("second", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn its_waiting_lines_leave_the_backlog() {
        let terms = OrderTerms {
            on_shortage: OnOrderShortage::Backorder,
            ..hold_terms(2)
        };
        let mut shop = shop(&[
            create_batch("b", "LAMP", 1, None),
            place_on("o1", &[("LAMP", "LAMP", 2)], terms),
        ]);
        shop.advance_clock(2);
        shop.run(&create_batch("c", "LAMP", 5, None)).expect("bought");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
        assert_eq!(shop.available("c"), 5);
    }

    #[test]
    fn an_order_over_several_products_expires_as_a_whole() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 1, None),
            create_batch("c", "DESK", 1, None),
            place_on("o1", &[("1", "LAMP", 1), ("2", "DESK", 1)], hold_terms(2)),
        ]);
        shop.advance_clock(2);
        let before = shop.events.len();
        shop.sweep();
        assert_eq!((shop.available("b"), shop.available("c")), (1, 1));
        let expired = shop
            .events_since(before)
            .into_iter()
            .filter(|name| name == "HoldExpired");
        assert_eq!(expired.count(), 1);
    }
}

#[test]
fn a_waiting_line_of_a_held_order_is_held_until_the_same_deadline_once_it_is_served() {
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        ..hold_terms(10)
    };
    let mut shop = shop(&[
        create_batch("b", "LAMP", 1, None),
        place_on("o1", &[("LAMP", "LAMP", 2)], terms),
        create_batch("c", "LAMP", 2, None),
    ]);
    assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Held));
    shop.advance_clock(10);
    shop.sweep();
    assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
}

mod decided_line_by_line {
    use super::*;

    /// An order whose hold has expired, and one line of which was allocated again.
    fn mixed() -> Shop {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            create_batch("c", "DESK", 9, None),
            place_on("o1", &[("LAMP", "LAMP", 2), ("DESK", "DESK", 1)], hold_terms(60)),
        ]);
        shop.advance_clock(60);
        shop.sweep();
        let Command::ConfirmOrder(confirm) = confirm_some("o1", &[("DESK", None)]) else {
            unreachable!("a confirmation");
        };
        let one_line = Command::ConfirmOrder(ConfirmOrder {
            reacquire: true,
            ..confirm
        });
        shop.run(&one_line).expect("one line is allocated again");
        shop
    }

    #[test]
    fn an_order_with_an_expired_line_is_not_confirmed_by_its_firm_one() {
        let mut shop = mixed();
        assert!(matches!(shop.run(&confirm("o1")), Err(Refusal::HoldExpired { .. })));
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn a_firm_line_is_confirmed_already_and_its_order_is_not() {
        let mut shop = mixed();
        let answer = shop.run(&confirm_some("o1", &[("DESK", None)]));
        assert!(matches!(answer, Ok(Outcome::OrderChanged { changed: false, .. })));
        assert_eq!(status(&answer), Some(OrderStatus::Expired));
    }

    #[test]
    fn what_has_expired_is_reacquired_beside_what_is_firm() {
        let mut shop = mixed();
        assert_eq!(status(&shop.run(&reacquire("o1"))), Some(OrderStatus::Firm));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 2)]);
        assert_eq!(shop.units_of("o1", "DESK"), [("c".into(), 1)]);
    }

    #[test]
    fn an_order_of_which_all_has_left_is_dispatched() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            place_on("o1", &[("1", "LAMP", 2), ("2", "LAMP", 3)], OrderTerms::default()),
        ]);
        assert_eq!(
            status(&shop.run(&dispatch("o1", Some(&["1"])))),
            Some(OrderStatus::Firm),
            "one line is still here"
        );
        assert_eq!(
            status(&shop.run(&dispatch("o1", Some(&["2"])))),
            Some(OrderStatus::Dispatched)
        );
    }
}

mod placed_again {
    use super::*;

    #[test]
    fn an_expired_order_is_not_answered_as_if_it_were_placed() {
        let order = hold("o1", "LAMP", 4, 60);
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), order.clone()]);
        shop.advance_clock(60);
        assert!(matches!(shop.run(&order), Err(Refusal::HoldExpired { .. })));
    }

    #[test]
    fn a_cancelled_order_is_not_answered_as_if_it_were_placed() {
        let order = hold("o1", "LAMP", 4, 60);
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), order.clone(), cancel_order("o1")]);
        assert!(matches!(shop.run(&order), Err(Refusal::OrderCancelled(_))));
        let replacement = replace("o1", &[("LAMP", "LAMP", 4)], hold_terms(60));
        assert!(matches!(shop.run(&replacement), Err(Refusal::OrderCancelled(_))));
    }

    #[test]
    fn every_term_that_differs_is_named() {
        let lines = [("1", "LAMP", 2)];
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            place_on("o1", &lines, OrderTerms::default()),
        ]);
        let other = OrderTerms {
            split: true,
            precedence: precedence(3, Some(day(9))),
            ..hold_terms(60)
        };
        let Err(Refusal::OrderExists { differs, .. }) = shop.run(&place_on("o1", &[("1", "LAMP", 3)], other)) else {
            panic!("it differs");
        };
        assert_eq!(
            differs,
            [
                Term::Lines,
                Term::Split,
                Term::HoldSeconds,
                Term::Priority,
                Term::RequiredBy
            ]
        );
    }
}

mod replaced {
    use super::*;

    #[test]
    fn a_held_order_takes_other_terms_of_the_same_lines() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 2, None),
            create_batch("c", "LAMP", 4, None),
            hold("o1", "LAMP", 4, 60),
        ]);
        assert_eq!(shop.units_of("o1", "LAMP"), [("c".into(), 4)]);
        let split = OrderTerms {
            split: true,
            ..OrderTerms::default()
        };
        shop.run(&replace("o1", &[("LAMP", "LAMP", 4)], split))
            .expect("it fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 2), ("c".into(), 2)]);
    }

    #[test]
    fn a_held_order_can_use_its_own_units_for_its_new_lines() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        shop.run(&replace("o1", &[("LAMP", "LAMP", 5)], hold_terms(60)))
            .expect("it fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 5)]);
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Held));
    }

    #[test]
    fn a_refused_replacement_leaves_the_hold_unchanged() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            hold("o1", "LAMP", 4, 60),
        ]);
        let before = shop.events.len();
        let refused = shop.run(&replace(
            "o1",
            &[("DESK", "DESK", 2), ("LAMP", "LAMP", 6)],
            hold_terms(90),
        ));
        assert!(matches!(refused, Err(Refusal::Shortages(_))));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 4)]);
        assert_eq!(shop.available("c"), 5);
        assert_eq!(shop.events_since(before), ["OutOfStock o1"]);
        shop.advance_clock(60);
        shop.sweep();
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn lines_it_no_longer_has_are_released_in_the_same_transaction() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            hold("o1", "LAMP", 4, 60),
            backorder("o2", "LAMP", 5),
        ]);
        shop.run(&replace("o1", &[("DESK", "DESK", 2)], hold_terms(60)))
            .expect("it fits");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Cancelled));
        assert_eq!(shop.units_of("o1", "DESK"), [("c".into(), 2)]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 5)]);
    }

    #[test]
    fn a_dropped_line_may_be_placed_again() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            hold("o1", "LAMP", 4, 60),
            replace("o1", &[("DESK", "DESK", 2)], hold_terms(60)),
        ]);
        shop.run(&replace("o1", &[("LAMP", "LAMP", 1)], hold_terms(60)))
            .expect("it fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 1)]);
        assert_eq!(shop.state("o1", "DESK"), Some(LineState::Cancelled));
    }

    #[test]
    fn without_a_new_deadline_the_old_one_remains() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        shop.advance_clock(30);
        shop.run(&replace("o1", &[("LAMP", "LAMP", 2)], OrderTerms::default()))
            .expect("it fits");
        shop.advance_clock(30);
        shop.sweep();
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn a_new_deadline_replaces_the_old_one() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        shop.advance_clock(30);
        shop.run(&replace("o1", &[("LAMP", "LAMP", 4)], hold_terms(60)))
            .expect("it fits");
        shop.advance_clock(59);
        shop.sweep();
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Held));
        shop.advance_clock(1);
        shop.sweep();
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn the_same_lines_without_a_new_deadline_change_no_line_and_nothing_the_second_time() {
        let same = replace("o1", &[("LAMP", "LAMP", 4)], OrderTerms::default());
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        let lines = shop.lines.clone();
        // What is asked for is another thing, and is told.
        shop.run(&same).expect("no other lines");
        assert_eq!(shop.lines, lines);
        let before = shop.events.len();
        shop.run(&same).expect("unchanged");
        assert_eq!(shop.events.len(), before);
    }

    #[test]
    fn a_firm_or_expired_order_cannot_be_replaced() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            allocate("firm", "LAMP", 1),
            hold("late", "LAMP", 1, 2),
        ]);
        let replacement = |id: &str| replace(id, &[("LAMP", "LAMP", 2)], hold_terms(60));
        assert!(matches!(shop.run(&replacement("firm")), Err(Refusal::NotHeld(_))));
        shop.advance_clock(2);
        assert!(matches!(
            shop.run(&replacement("late")),
            Err(Refusal::HoldExpired { .. })
        ));
    }

    #[test]
    fn replacing_an_order_that_does_not_exist_places_it() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None)]);
        assert!(matches!(
            shop.run(&replace("o1", &[("LAMP", "LAMP", 2)], hold_terms(60))),
            Ok(Outcome::OrderPlaced { fresh: true, .. })
        ));
    }

    #[test]
    fn a_line_id_keeps_its_sku() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            place_on("o1", &[("1", "LAMP", 2)], hold_terms(60)),
        ]);
        let refused = shop.run(&replace("o1", &[("1", "DESK", 2)], hold_terms(60)));
        assert!(matches!(refused, Err(Refusal::LineExists { .. })));
        assert_eq!(shop.units_of("o1", "1"), [("b".into(), 2)]);
    }
}

mod a_condition_on_a_version {
    use super::*;

    /// A shop in which a hold has a deadline in two seconds, with the versions of the batch's product and of the order.
    fn seen() -> (Shop, u64, u64) {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 2)]);
        let (product, order) = (shop.products[&sku("LAMP")].version, order_version(&mut shop));
        (shop, product, order)
    }

    fn order_version(shop: &mut Shop) -> u64 {
        let refused = shop.run_on(0, &cancel_order("o1"));
        let Err(Refusal::StaleVersion { version }) = refused else {
            unreachable!("no order has version 0: {refused:?}");
        };
        version
    }

    fn is_stale(answer: &Result<Outcome, Refusal>) -> bool {
        matches!(answer, Err(Refusal::StaleVersion { .. }))
    }

    #[test]
    fn is_met_although_a_hold_on_the_product_has_ended_since() {
        let (mut shop, version, _) = seen();
        shop.advance_clock(2);
        let counted = shop.run_on(version, &count("b", 6));
        assert!(counted.is_ok(), "{counted:?}");
    }

    #[test]
    fn is_met_although_what_ended_holds_freed_serves_who_waits_in_many_pages() {
        let waiting = 2 * u32::try_from(BACKLOG_PAGE).expect("a small number") + 10;
        let mut shop = shop(&[
            create_batch("b", "LAMP", waiting, None),
            hold("o1", "LAMP", waiting, 10_000),
        ]);
        for number in 0..waiting {
            shop.run(&backorder(&format!("w{number:05}"), "LAMP", 1))
                .expect("it waits");
        }
        let version = shop.products[&sku("LAMP")].version;
        shop.advance_clock(10_000);
        shop.sweep();
        shop.finish_work();
        assert!(shop.products[&sku("LAMP")].version > version + u64::from(waiting));
        let counted = shop.run_on(version, &count("b", waiting + 1));
        assert!(counted.is_ok(), "{counted:?}");
    }

    #[test]
    fn is_met_between_two_holds_that_end() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            hold("o1", "LAMP", 1, 2),
            hold("o2", "LAMP", 1, 4),
        ]);
        shop.advance_clock(2);
        shop.sweep();
        let between = shop.products[&sku("LAMP")].version;
        shop.advance_clock(2);
        shop.sweep();
        assert!(shop.run_on(between, &count("b", 6)).is_ok());
    }

    #[test]
    fn is_stale_when_anything_else_has_happened_to_the_product() {
        let (before, between, after) = (0, 1, 2);
        for at in [before, between, after] {
            let (mut shop, version, _) = seen();
            let other = allocate("o2", "LAMP", 1);
            if at == before {
                shop.run(&other).expect("it fits");
            }
            shop.advance_clock(2);
            shop.sweep();
            if at == between {
                shop.run(&other).expect("it fits");
                shop.run(&hold("o3", "LAMP", 1, 2)).expect("it fits");
                shop.advance_clock(2);
                shop.sweep();
            }
            if at == after {
                shop.run(&other).expect("it fits");
            }
            assert!(is_stale(&shop.run_on(version, &count("b", 6))), "{at}");
        }
    }

    #[test]
    fn is_met_although_the_hold_of_the_order_itself_has_ended() {
        let (mut shop, _, version) = seen();
        shop.advance_clock(2);
        shop.sweep();
        assert_ne!(order_version(&mut shop), version);
        assert_eq!(status(&shop.run_on(version, &reacquire("o1"))), Some(OrderStatus::Firm));
        assert!(
            is_stale(&shop.run_on(version, &cancel_order("o1"))),
            "it was changed since"
        );
    }
}
