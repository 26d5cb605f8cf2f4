//! Holds, one sentence a test: until their deadline they count, from then on they count zero.

use earmark_domain::{LineState, OnOrderShortage, OrderStatus, OrderTerms, Outcome, Refusal};

use crate::support::{
    allocate, backorder, books, cancel_line, cancel_order, confirm, confirm_some, create_batch, day, held, hold,
    place_on, precedence, reacquire, replace,
};

fn status(answer: &Result<Outcome, Refusal>) -> Option<OrderStatus> {
    match answer {
        Ok(Outcome::OrderPlaced { order, .. } | Outcome::OrderChanged { order, .. }) => Some(order.status),
        _ => None,
    }
}

mod until_its_deadline {
    use super::*;

    #[test]
    fn a_hold_takes_its_units_from_what_others_can_have() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        assert_eq!(books.available("b"), 1);
        assert!(books.run(&allocate("o2", "LAMP", 2)).is_err());
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Held));
    }

    #[test]
    fn it_can_be_confirmed_and_is_firm_for_good() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        assert_eq!(status(&books.run(&confirm("o1"))), Some(OrderStatus::Firm));
        books.pass(3_600);
        books.sweep();
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Allocated));
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 4)]);
    }

    #[test]
    fn confirming_a_firm_order_changes_nothing() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            hold("o1", "LAMP", 4, 60),
            confirm("o1"),
        ]);
        let told = books.events.len();
        assert!(matches!(
            books.run(&confirm("o1")),
            Ok(Outcome::OrderChanged { changed: false, .. })
        ));
        assert_eq!(books.events.len(), told);
    }

    #[test]
    fn what_is_not_confirmed_of_it_is_released() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            place_on("o1", &[("1", "LAMP", 5), ("2", "LAMP", 4)], held(60)),
        ]);
        books.run(&confirm_some("o1", &[("1", Some(3))])).expect("confirmed");
        assert_eq!(books.held("o1", "1"), [("b".into(), 3)]);
        assert_eq!(books.state("o1", "2"), Some(LineState::Cancelled));
        assert_eq!(books.available("b"), 6);
    }

    #[test]
    fn more_than_is_held_is_refused_and_the_hold_stays() {
        let mut books = books(&[create_batch("b", "LAMP", 9, None), hold("o1", "LAMP", 5, 60)]);
        let refused = books.run(&confirm_some("o1", &[("LAMP", Some(6))]));
        assert!(matches!(refused, Err(Refusal::ExceedsHold { .. })));
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Held));
        assert_eq!(books.available("b"), 4);
    }

    #[test]
    fn a_line_of_it_that_was_cancelled_cannot_be_confirmed() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            place_on("o1", &[("1", "LAMP", 5), ("2", "LAMP", 4)], held(60)),
            cancel_line("o1", "2"),
        ]);
        let refused = books.run(&confirm_some("o1", &[("2", None)]));
        assert!(matches!(refused, Err(Refusal::LineEnded { .. })));
        assert_eq!(books.state("o1", "1"), Some(LineState::Held));
    }

    #[test]
    fn cancelling_releases_it() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        let told = books.events.len();
        assert_eq!(status(&books.run(&cancel_order("o1"))), Some(OrderStatus::Cancelled));
        assert_eq!(books.available("b"), 5);
        assert_eq!(books.told_since(told), ["Deallocated o1", "OrderCancelled"]);
        assert!(matches!(books.run(&confirm("o1")), Err(Refusal::NotHeld(_))));
    }
}

mod from_its_deadline_on {
    use super::*;

    #[test]
    fn a_hold_counts_zero_in_every_decision_whether_or_not_anybody_swept() {
        let mut books = books(&[create_batch("b", "LAMP", 1, None), hold("o1", "LAMP", 1, 2)]);
        books.pass(2);
        books.run(&allocate("o2", "LAMP", 1)).expect("the unit is free");
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn it_cannot_be_confirmed_any_more() {
        let mut books = books(&[create_batch("b", "LAMP", 1, None), hold("o1", "LAMP", 1, 2)]);
        books.pass(2);
        assert!(matches!(books.run(&confirm("o1")), Err(Refusal::HoldExpired { .. })));
        assert_eq!(books.available("b"), 1);
        assert!(matches!(books.run(&confirm("o1")), Err(Refusal::HoldExpired { .. })));
    }

    #[test]
    fn an_instant_before_it_can() {
        let mut books = books(&[create_batch("b", "LAMP", 1, None), hold("o1", "LAMP", 1, 2)]);
        books.pass(1);
        assert_eq!(status(&books.run(&confirm("o1"))), Some(OrderStatus::Firm));
    }

    #[test]
    fn its_lines_can_be_had_anew_while_there_is_stock() {
        let mut books = books(&[create_batch("b", "LAMP", 3, None), hold("o1", "LAMP", 3, 2)]);
        books.pass(5);
        assert_eq!(status(&books.run(&reacquire("o1"))), Some(OrderStatus::Firm));
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 3)]);
    }

    #[test]
    fn where_they_cannot_the_shortages_are_named_and_the_hold_stays_expired() {
        let mut books = books(&[create_batch("b", "LAMP", 3, None), hold("o1", "LAMP", 3, 2)]);
        books.pass(5);
        books.run(&allocate("o2", "LAMP", 1)).expect("free");
        let Err(Refusal::HoldExpired { shortages, .. }) = books.run(&reacquire("o1")) else {
            panic!("short");
        };
        assert_eq!(shortages.len(), 1);
        assert_eq!(shortages[0].available.get(), 2);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn what_it_had_goes_to_those_who_wait_first() {
        let mut books = books(&[
            create_batch("b", "LAMP", 3, None),
            hold("o1", "LAMP", 3, 2),
            backorder("o2", "LAMP", 2),
        ]);
        books.pass(2);
        assert!(books.run(&allocate("o3", "LAMP", 2)).is_err());
        assert_eq!(books.held("o2", "LAMP"), [("b".into(), 2)]);
    }

    #[test]
    fn all_that_ended_by_then_is_free_before_anybody_is_served() {
        let mut books = books(&[
            create_batch("b", "LAMP", 2, None),
            hold("o1", "LAMP", 1, 2),
            hold("o2", "LAMP", 1, 2),
            backorder("first", "LAMP", 2),
            backorder("second", "LAMP", 1),
        ]);
        books.pass(2);
        books.sweep();
        assert_eq!(books.held("first", "LAMP"), [("b".into(), 2)]);
        assert_eq!(books.state("second", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn its_lines_that_waited_wait_no_more() {
        let terms = OrderTerms {
            on_shortage: OnOrderShortage::Backorder,
            ..held(2)
        };
        let mut books = books(&[
            create_batch("b", "LAMP", 1, None),
            place_on("o1", &[("LAMP", "LAMP", 2)], terms),
        ]);
        books.pass(2);
        books.run(&create_batch("c", "LAMP", 5, None)).expect("bought");
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Expired));
        assert_eq!(books.available("c"), 5);
    }

    #[test]
    fn an_order_over_several_products_ends_whole() {
        let mut books = books(&[
            create_batch("b", "LAMP", 1, None),
            create_batch("c", "DESK", 1, None),
            place_on("o1", &[("1", "LAMP", 1), ("2", "DESK", 1)], held(2)),
        ]);
        books.pass(2);
        let told = books.events.len();
        books.sweep();
        assert_eq!((books.available("b"), books.available("c")), (1, 1));
        let expired = books.told_since(told).into_iter().filter(|name| name == "HoldExpired");
        assert_eq!(expired.count(), 1);
    }
}

#[test]
fn a_line_of_a_held_order_that_waited_and_was_served_is_held_until_the_same_deadline() {
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        ..held(10)
    };
    let mut books = books(&[
        create_batch("b", "LAMP", 1, None),
        place_on("o1", &[("LAMP", "LAMP", 2)], terms),
        create_batch("c", "LAMP", 2, None),
    ]);
    assert_eq!(books.state("o1", "LAMP"), Some(LineState::Held));
    books.pass(10);
    books.sweep();
    assert_eq!(books.state("o1", "LAMP"), Some(LineState::Expired));
}

mod placed_anew {
    use super::*;

    #[test]
    fn a_shopper_is_not_blocked_by_their_own_hold() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        books
            .run(&replace("o1", &[("LAMP", "LAMP", 5)], held(60)))
            .expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 5)]);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Held));
    }

    #[test]
    fn a_refused_change_leaves_the_old_hold_as_it_was() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            hold("o1", "LAMP", 4, 60),
        ]);
        let told = books.events.len();
        let refused = books.run(&replace("o1", &[("DESK", "DESK", 2), ("LAMP", "LAMP", 6)], held(90)));
        assert!(matches!(refused, Err(Refusal::Shortages(_))));
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 4)]);
        assert_eq!(books.available("c"), 5);
        assert_eq!(books.told_since(told), ["OutOfStock o1"]);
        books.pass(60);
        books.sweep();
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn lines_it_no_longer_has_are_released_in_the_same_step() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            hold("o1", "LAMP", 4, 60),
            backorder("o2", "LAMP", 5),
        ]);
        books
            .run(&replace("o1", &[("DESK", "DESK", 2)], held(60)))
            .expect("fits");
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Cancelled));
        assert_eq!(books.held("o1", "DESK"), [("c".into(), 2)]);
        assert_eq!(books.held("o2", "LAMP"), [("b".into(), 5)]);
    }

    #[test]
    fn a_line_that_was_dropped_may_come_back() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            hold("o1", "LAMP", 4, 60),
            replace("o1", &[("DESK", "DESK", 2)], held(60)),
        ]);
        books
            .run(&replace("o1", &[("LAMP", "LAMP", 1)], held(60)))
            .expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 1)]);
        assert_eq!(books.state("o1", "DESK"), Some(LineState::Cancelled));
    }

    #[test]
    fn without_another_deadline_the_old_one_stands() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        books.pass(30);
        books
            .run(&replace("o1", &[("LAMP", "LAMP", 2)], OrderTerms::default()))
            .expect("fits");
        books.pass(30);
        books.sweep();
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn another_deadline_puts_the_end_off() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        books.pass(30);
        books
            .run(&replace("o1", &[("LAMP", "LAMP", 4)], held(60)))
            .expect("fits");
        books.pass(59);
        books.sweep();
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Held));
        books.pass(1);
        books.sweep();
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Expired));
    }

    #[test]
    fn the_same_lines_without_another_deadline_change_nothing() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 4, 60)]);
        let told = books.events.len();
        books
            .run(&replace("o1", &[("LAMP", "LAMP", 4)], OrderTerms::default()))
            .expect("unchanged");
        assert_eq!(books.events.len(), told);
    }

    #[test]
    fn an_order_that_is_firm_or_expired_cannot_be_placed_anew() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            allocate("firm", "LAMP", 1),
            hold("late", "LAMP", 1, 2),
        ]);
        let anew = |id: &str| replace(id, &[("LAMP", "LAMP", 2)], held(60));
        assert!(matches!(books.run(&anew("firm")), Err(Refusal::NotHeld(_))));
        books.pass(2);
        assert!(matches!(books.run(&anew("late")), Err(Refusal::HoldExpired { .. })));
    }

    #[test]
    fn an_order_that_is_not_there_is_placed() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None)]);
        assert!(matches!(
            books.run(&replace("o1", &[("LAMP", "LAMP", 2)], held(60))),
            Ok(Outcome::OrderPlaced { fresh: true, .. })
        ));
    }

    #[test]
    fn a_line_id_keeps_its_sku() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "DESK", 5, None),
            place_on("o1", &[("1", "LAMP", 2)], held(60)),
        ]);
        let refused = books.run(&replace("o1", &[("1", "DESK", 2)], held(60)));
        assert!(matches!(refused, Err(Refusal::LineExists(_))));
        assert_eq!(books.held("o1", "1"), [("b".into(), 2)]);
    }
}

mod in_the_order_of_service {
    use super::*;

    fn waiting(id: &str, priority: i32, required_by: Option<i8>, quantity: u32) -> earmark_domain::Command {
        let terms = OrderTerms {
            on_shortage: OnOrderShortage::Backorder,
            precedence: precedence(priority, required_by.map(day)),
            ..OrderTerms::default()
        };
        place_on(id, &[("LAMP", "LAMP", quantity)], terms)
    }

    #[test]
    fn the_higher_priority_is_served_first_then_the_earlier_day_then_who_came_first() {
        let mut books = books(&[
            create_batch("a", "LAMP", 1, None),
            allocate("sold", "LAMP", 1),
            waiting("none", 0, None, 1),
            waiting("late", 0, Some(4), 1),
            waiting("soon", 0, Some(2), 1),
            waiting("high", 1, None, 1),
            waiting("low", -1, Some(1), 1),
        ]);
        for (batch, served) in ["high", "soon", "late", "none", "low"].into_iter().enumerate() {
            books
                .run(&create_batch(&format!("b{batch}"), "LAMP", 1, None))
                .expect("bought");
            assert_eq!(books.state(served, "LAMP"), Some(LineState::Allocated), "{served}");
        }
    }

    #[test]
    fn held_lines_leave_a_batch_that_shrinks_first_then_the_lowest_priority_then_the_latest_day() {
        let firm = |id: &str, priority, required_by: Option<i8>| {
            let terms = OrderTerms {
                precedence: precedence(priority, required_by.map(day)),
                ..OrderTerms::default()
            };
            place_on(id, &[("LAMP", "LAMP", 1)], terms)
        };
        let mut books = books(&[
            create_batch("b", "LAMP", 6, None),
            place_on(
                "held",
                &[("LAMP", "LAMP", 1)],
                OrderTerms {
                    precedence: precedence(9, None),
                    ..held(60)
                },
            ),
            firm("high", 1, None),
            firm("soon", 0, Some(1)),
            firm("late", 0, Some(3)),
            firm("none", 0, None),
            firm("low", -1, Some(1)),
        ]);
        for (left, leaves) in ["held", "low", "none", "late", "soon", "high"].into_iter().enumerate() {
            let quantity = 5 - u32::try_from(left).expect("a few");
            books.run(&crate::support::count("b", quantity)).expect("counted");
            assert_eq!(books.state(leaves, "LAMP"), Some(LineState::Backordered), "{leaves}");
        }
    }
}
