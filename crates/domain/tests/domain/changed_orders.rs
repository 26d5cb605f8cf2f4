//! Orders whose terms change, and lines that are added to orders: one sentence a test.

use earmark_domain::{
    Fact, LineState, MoveReason, OnOrderShortage, OrderTerms, Outcome, Promise, Refusal, ReleaseRank, TermsChange,
};

use crate::support::{
    Shop, allocate, allocate_split, backorder, cancel_line, cancel_order, change_order, confirm, count, create_at,
    create_batch, day, dispatch, dispatch_parts, hold, hold_terms, key, locations, order, place, place_on, precedence,
    put_off, replace, shop, to_day, to_locations, to_priority, undo_dispatch,
};

/// The terms of a firm order with a precedence.
fn on_precedence(priority: i32, required_by: Option<i8>) -> OrderTerms {
    OrderTerms {
        precedence: precedence(priority, required_by.map(day)),
        ..OrderTerms::default()
    }
}

/// Runs the change, and tells whether anything changed.
fn changes(shop: &mut Shop, id: &str, change: TermsChange) -> bool {
    match shop.run(&change_order(id, change)) {
        Ok(Outcome::OrderTermsChanged { changed, .. }) => changed,
        other => unreachable!("{other:?} is no change of an order"),
    }
}

fn broken_promises(shop: &Shop) -> usize {
    let facts = shop.events.iter().map(|event| &event.fact);
    facts.filter(|fact| matches!(fact, Fact::PromiseBroken { .. })).count()
}

mod a_priority {
    use super::*;

    #[test]
    fn that_rises_puts_a_waiting_line_before_the_others_and_frees_nothing_by_itself() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            allocate("o0", "LAMP", 5),
            backorder("o1", "LAMP", 5),
            backorder("o2", "LAMP", 5),
        ]);
        let before = shop.events.len();
        assert!(changes(&mut shop, "o2", to_priority(1)));
        assert_eq!(shop.events_since(before), ["OrderChanged", "LineChanged o2"]);
        assert_eq!(shop.state("o2", "LAMP"), Some(LineState::Backordered));
        shop.run(&cancel_order("o0")).expect("cancelled");
        assert_eq!(shop.state("o2", "LAMP"), Some(LineState::Allocated));
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn decides_which_line_leaves_a_batch_first() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, None),
            allocate("o1", "LAMP", 5),
            allocate("o2", "LAMP", 5),
        ]);
        assert!(changes(&mut shop, "o2", to_priority(3)));
        let rank = ReleaseRank::of(precedence(3, None), false);
        let mut allocations = shop.allocations.values();
        let of_order = allocations.find(|allocation| allocation.key == key("o2", "LAMP"));
        assert_eq!(of_order.map(|allocation| allocation.release_rank), Some(rank));
        shop.run(&count("b", 5)).expect("counted");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 5)]);
    }

    #[test]
    fn of_lines_that_were_allocated_one_by_one_is_kept_for_lines_that_are_added() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), allocate("o1", "LAMP", 1)]);
        assert!(changes(&mut shop, "o1", to_priority(7)));
        shop.run(&create_batch("c", "CHAIR", 5, None)).expect("created");
        shop.run(&allocate("o1", "CHAIR", 1)).expect("fits");
        let added = &shop.lines[&key("o1", "CHAIR")].terms;
        assert_eq!(added.precedence, precedence(7, None));
        assert!(!added.placed_with_order);
    }

    #[test]
    fn of_lines_that_were_allocated_one_by_one_leaves_them_placed_alone() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), allocate("o1", "LAMP", 2)]);
        let again = place("o1", &[("LAMP", "LAMP", 2)], OnOrderShortage::Reject, false);
        let before = shop.run(&again);
        assert!(matches!(before, Ok(Outcome::OrderPlaced { fresh: false, .. })));
        assert!(changes(&mut shop, "o1", to_priority(7)));
        assert!(matches!(
            shop.run(&again),
            Ok(Outcome::OrderPlaced { fresh: false, .. })
        ));
        assert!(matches!(
            shop.run(&allocate("o1", "LAMP", 2)),
            Ok(Outcome::LinePlaced { fresh: false, .. })
        ));
    }

    #[test]
    fn is_that_of_the_order_again_when_a_dispatch_is_undone() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            allocate("o1", "LAMP", 2),
            create_batch("c", "CHAIR", 5, None),
            allocate("o1", "CHAIR", 2),
            dispatch("o1", Some(&["LAMP"])),
        ]);
        let before = shop.events.len();
        assert!(changes(&mut shop, "o1", to_priority(7)));
        assert_eq!(shop.events_since(before), ["OrderChanged", "LineChanged o1"]);
        assert_eq!(shop.lines[&key("o1", "LAMP")].terms.precedence, precedence(0, None));
        shop.run(&undo_dispatch("o1", Some(&["LAMP"]))).expect("undone");
        assert_eq!(shop.lines[&key("o1", "LAMP")].terms.precedence, precedence(7, None));
    }
}

mod a_day {
    use super::*;

    fn promised_for_day_5(terms: OrderTerms) -> Shop {
        shop(&[
            create_batch("ship", "LAMP", 5, Some(day(5))),
            place_on("o1", &[("LAMP", "LAMP", 2)], terms),
        ])
    }

    fn promise(shop: &Shop) -> Promise {
        shop.lines[&key("o1", "LAMP")].promise
    }

    #[test]
    fn that_can_not_be_kept_breaks_the_promise_once() {
        let mut shop = promised_for_day_5(OrderTerms::default());
        let before = shop.events.len();
        assert!(changes(&mut shop, "o1", to_day(Some(day(3)))));
        assert_eq!(
            shop.events_since(before),
            ["OrderChanged", "LineChanged o1", "PromiseBroken o1"]
        );
        let told = shop.events.last().expect("an event");
        assert_eq!(
            told.fact,
            Fact::PromiseBroken {
                key: key("o1", "LAMP"),
                required_by: day(3),
                from: day(5),
                to: day(5),
                why: MoveReason::OrderChanged,
            }
        );
        assert_eq!(promise(&shop).due_by, None);
        shop.finish_work();
        assert!(changes(&mut shop, "o1", to_day(Some(day(2)))));
        assert!(changes(&mut shop, "o1", to_priority(1)));
        assert_eq!(broken_promises(&shop), 1);
    }

    #[test]
    fn that_can_be_kept_again_is_due_by_then() {
        let mut shop = promised_for_day_5(on_precedence(0, Some(3)));
        assert_eq!(promise(&shop).due_by, None);
        assert!(changes(&mut shop, "o1", to_day(Some(day(6)))));
        assert_eq!(broken_promises(&shop), 0);
        assert_eq!(promise(&shop).due_by, Some(day(6)));
        shop.run(&put_off("ship", day(7))).expect("put off");
        assert_eq!(broken_promises(&shop), 1);
    }

    #[test]
    fn that_was_told_to_be_missed_stays_so_when_only_the_priority_changes() {
        let mut shop = promised_for_day_5(on_precedence(0, Some(5)));
        shop.advance_days(6);
        assert_eq!(broken_promises(&shop), 1);
        shop.finish_work();
        assert!(changes(&mut shop, "o1", to_priority(1)));
        assert_eq!(promise(&shop).due_by, None);
        shop.pass_day();
        assert_eq!(broken_promises(&shop), 1);
    }

    #[test]
    fn can_be_taken_away() {
        let mut shop = promised_for_day_5(on_precedence(4, Some(6)));
        assert!(changes(&mut shop, "o1", to_day(None)));
        assert_eq!(shop.orders[&order("o1")].precedence, precedence(4, None));
        assert_eq!(promise(&shop).due_by, None);
        shop.run(&put_off("ship", day(7))).expect("put off");
        assert_eq!(broken_promises(&shop), 0);
    }

    #[test]
    fn that_is_missed_moves_the_line_to_better_stock_if_there_is_some() {
        let mut shop = promised_for_day_5(OrderTerms::default());
        let before = shop.events.len();
        // Nobody is told that there is better stock: no line is at risk.
        shop.run(&create_batch("b", "LAMP", 5, None)).expect("created");
        shop.finish_work();
        assert_eq!(shop.units_of("o1", "LAMP"), [("ship".into(), 2)]);
        let Ok(Outcome::OrderTermsChanged { effects, .. }) = shop.run(&change_order("o1", to_day(Some(day(3))))) else {
            panic!("changed");
        };
        assert!(effects.continues);
        shop.finish_work();
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 2)]);
        assert_eq!(
            shop.events_since(before),
            [
                "BatchCreated",
                "OrderChanged",
                "LineChanged o1",
                "PromiseBroken o1",
                "Reallocated o1"
            ]
        );
    }
}

mod locations_that_change {
    use super::*;

    #[test]
    fn move_a_line_to_other_stock_with_one_event() {
        let mut shop = shop(&[
            create_at("n", "LAMP", 5, "north"),
            create_at("s", "LAMP", 5, "south"),
            allocate("o1", "LAMP", 5),
            backorder("o2", "LAMP", 7),
            backorder("o3", "LAMP", 5),
            create_at("e", "LAMP", 5, "east"),
        ]);
        assert_eq!(shop.units_of("o1", "LAMP"), [("n".into(), 5)]);
        assert_eq!(shop.units_of("o3", "LAMP"), [("s".into(), 5)]);
        let before = shop.events.len();
        let Ok(Outcome::OrderTermsChanged { effects, .. }) = shop.run(&change_order("o1", to_locations(&["east"])))
        else {
            panic!("changed");
        };
        assert_eq!(
            shop.events_since(before),
            ["OrderChanged", "LineChanged o1", "Reallocated o1"]
        );
        assert_eq!(shop.units_of("o1", "LAMP"), [("e".into(), 5)]);
        assert_eq!(effects.reallocated.len(), 1);
        let Fact::Reallocated { why, .. } = &shop.events[before + 2].fact else {
            panic!("moved");
        };
        assert_eq!(*why, MoveReason::OrderChanged);
    }

    #[test]
    fn leave_a_line_where_it_is_if_that_is_among_them() {
        let mut shop = shop(&[
            create_at("n", "LAMP", 5, "north"),
            create_at("s", "LAMP", 5, "south"),
            allocate("o1", "LAMP", 5),
        ]);
        let before = shop.events.len();
        assert!(changes(&mut shop, "o1", to_locations(&["south", "north"])));
        assert_eq!(shop.events_since(before), ["OrderChanged", "LineChanged o1"]);
        assert_eq!(shop.units_of("o1", "LAMP"), [("n".into(), 5)]);
    }

    #[test]
    fn make_a_line_wait_if_there_is_no_stock_and_what_it_leaves_serves_the_next() {
        let mut shop = shop(&[
            create_at("n", "LAMP", 5, "north"),
            create_at("s", "LAMP", 1, "south"),
            allocate("o1", "LAMP", 5),
            backorder("o2", "LAMP", 5),
        ]);
        let before = shop.events.len();
        let Ok(Outcome::OrderTermsChanged { effects, order, .. }) =
            shop.run(&change_order("o1", to_locations(&["south"])))
        else {
            panic!("changed");
        };
        assert_eq!(
            shop.events_since(before),
            ["OrderChanged", "Backordered o1", "Allocated o2"]
        );
        assert_eq!(order.lines[0].state, LineState::Backordered);
        assert_eq!((effects.backordered.len(), effects.allocated.len()), (1, 1));
        let Fact::Backordered { why, .. } = &shop.events[before + 1].fact else {
            panic!("it waits");
        };
        assert_eq!(*why, Some(MoveReason::OrderChanged));
    }

    #[test]
    fn serve_a_line_that_waited_for_others() {
        let mut shop = shop(&[create_at("n", "LAMP", 5, "north"), create_at("s", "LAMP", 5, "south")]);
        shop.run(&allocate("o0", "LAMP", 5)).expect("fits");
        shop.run(&backorder("o1", "LAMP", 6)).expect("waits");
        assert!(changes(&mut shop, "o1", to_locations(&["north"])));
        let split = allocate_split("o2", "LAMP", 3);
        shop.run(&split).expect("fits");
        assert_eq!(shop.units_of("o2", "LAMP"), [("s".into(), 3)]);
        shop.run(&cancel_order("o0")).expect("cancelled");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
        shop.run(&create_at("e", "LAMP", 6, "east")).expect("created");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
        assert!(changes(&mut shop, "o1", to_locations(&[])));
        assert_eq!(shop.units_of("o1", "LAMP"), [("e".into(), 6)]);
    }

    #[test]
    fn move_the_line_that_is_served_first_before_the_others() {
        let mut shop = shop(&[
            create_at("n", "LAMP", 10, "north"),
            create_at("s", "LAMP", 5, "south"),
            place(
                "o1",
                &[("1", "LAMP", 5), ("2", "LAMP", 5)],
                OnOrderShortage::Reject,
                false,
            ),
        ]);
        assert!(changes(&mut shop, "o1", to_locations(&["south"])));
        assert_eq!(shop.units_of("o1", "1"), [("s".into(), 5)]);
        assert_eq!(shop.state("o1", "2"), Some(LineState::Backordered));
    }

    #[test]
    fn move_what_is_left_of_a_line_of_which_a_part_has_left() {
        let mut shop = shop(&[
            create_at("n", "LAMP", 5, "north"),
            allocate("o1", "LAMP", 5),
            dispatch_parts("o1", &[("LAMP", 2)]),
            create_at("s", "LAMP", 5, "south"),
        ]);
        assert!(changes(&mut shop, "o1", to_locations(&["south"])));
        assert_eq!(shop.units_of("o1", "LAMP"), [("s".into(), 3)]);
        assert!(changes(&mut shop, "o1", to_priority(3)));
        shop.run(&undo_dispatch("o1", None)).expect("undone");
        assert_eq!(shop.units_of("o1", "LAMP"), [("n".into(), 2), ("s".into(), 3)]);
    }

    #[test]
    fn that_are_unknown_are_refused_by_name() {
        let mut shop = shop(&[create_at("n", "LAMP", 5, "north"), allocate("o1", "LAMP", 5)]);
        let refused = shop.run(&change_order("o1", to_locations(&["nroth"])));
        assert_eq!(
            refused,
            Err(Refusal::UnknownLocation(locations(&["nroth"]).as_slice().to_vec()))
        );
    }

    #[test]
    fn keep_a_held_line_held() {
        let mut shop = shop(&[
            create_at("n", "LAMP", 5, "north"),
            create_at("s", "LAMP", 5, "south"),
            hold("o1", "LAMP", 5, 60),
        ]);
        assert!(changes(&mut shop, "o1", to_locations(&["south"])));
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Held));
        shop.run(&confirm("o1")).expect("confirmed");
        assert_eq!(shop.units_of("o1", "LAMP"), [("s".into(), 5)]);
    }
}

mod the_same_terms {
    use super::*;

    #[test]
    fn again_change_nothing() {
        let all = TermsChange {
            locations: Some(locations(&["main"])),
            required_by: Some(Some(day(9))),
            ..to_priority(2)
        };
        for mut shop in [
            shop(&[create_batch("b", "LAMP", 5, None), allocate("o1", "LAMP", 5)]),
            shop(&[create_batch("b", "LAMP", 5, None), hold("o1", "LAMP", 5, 60)]),
        ] {
            assert!(changes(&mut shop, "o1", all.clone()));
            let before = shop.clone();
            assert!(!changes(&mut shop, "o1", all.clone()));
            assert_eq!(shop.events.len(), before.events.len());
            assert_eq!((shop.products, shop.lines), (before.products, before.lines));
        }
    }

    #[test]
    fn as_those_of_an_order_without_terms_change_nothing() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), allocate("o1", "LAMP", 5)]);
        let plain = TermsChange {
            locations: Some(locations(&[])),
            required_by: Some(None),
            ..to_priority(0)
        };
        assert!(!changes(&mut shop, "o1", plain));
        assert!(shop.orders.is_empty());
    }
}

mod an_order_that_has_ended {
    use super::*;

    fn ended() -> Shop {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 50, None),
            create_batch("c", "CHAIR", 50, None),
            allocate("gone", "LAMP", 1),
            dispatch("gone", None),
            allocate("cancelled", "LAMP", 1),
            cancel_line("cancelled", "LAMP"),
            hold("expired", "LAMP", 1, 60),
        ]);
        shop.advance_clock(61);
        shop
    }

    #[test]
    fn is_not_changed_and_named_as_what_it_is() {
        let mut shop = ended();
        let mut refused = |id: &str| shop.run(&change_order(id, to_priority(1))).expect_err("ended");
        assert!(matches!(refused("gone"), Refusal::AlreadyDispatched { dispatched, .. } if dispatched.get() == 1));
        assert_eq!(refused("cancelled"), Refusal::OrderCancelled(order("cancelled")));
        assert!(matches!(refused("expired"), Refusal::HoldExpired { .. }));
        assert_eq!(refused("none"), Refusal::UnknownOrder(order("none")));
    }

    #[test]
    fn takes_no_more_lines_unless_it_has_only_left_the_building() {
        let mut shop = ended();
        // The hold on another product is not swept yet.
        assert!(matches!(
            shop.run(&allocate("expired", "CHAIR", 1)),
            Err(Refusal::HoldExpired { .. })
        ));
        shop.sweep();
        assert!(matches!(
            shop.run(&allocate("expired", "CHAIR", 1)),
            Err(Refusal::HoldExpired { .. })
        ));
        assert_eq!(
            shop.run(&allocate("cancelled", "CHAIR", 1)),
            Err(Refusal::OrderCancelled(order("cancelled")))
        );
        shop.run(&allocate("gone", "CHAIR", 1)).expect("it is added");
    }

    #[test]
    fn in_the_same_transaction_takes_no_more_lines() {
        let mut shop = shop(&[create_batch("b", "LAMP", 50, None), allocate("o1", "LAMP", 1)]);
        shop.run(&create_batch("c", "CHAIR", 5, None)).expect("created");
        let answers = shop.run_together(&[&cancel_order("o1"), &allocate("o1", "CHAIR", 1)]);
        assert_eq!(answers[1], Err(Refusal::OrderCancelled(order("o1"))));
    }
}

mod a_line_that_is_added {
    use super::*;

    #[test]
    fn has_the_precedence_of_its_order() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            place_on("o1", &[("1", "LAMP", 5)], on_precedence(5, Some(2))),
            backorder("o2", "LAMP", 5),
            backorder("o1", "LAMP", 5),
        ]);
        assert_eq!(
            shop.lines[&key("o1", "LAMP")].terms.precedence,
            precedence(5, Some(day(2)))
        );
        shop.run(&create_batch("c", "LAMP", 5, None)).expect("created");
        assert_eq!(shop.units_of("o1", "LAMP"), [("c".into(), 5)]);
        assert_eq!(shop.state("o2", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn to_a_held_order_is_held_and_expires_with_it() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            hold("o1", "LAMP", 1, 60),
            create_batch("c", "CHAIR", 5, None),
            allocate("o1", "CHAIR", 2),
        ]);
        assert_eq!(shop.state("o1", "CHAIR"), Some(LineState::Held));
        let mut confirmed = shop.clone();
        confirmed.run(&confirm("o1")).expect("confirmed");
        assert_eq!(confirmed.state("o1", "CHAIR"), Some(LineState::Allocated));
        shop.advance_clock(61);
        shop.sweep();
        assert_eq!(shop.state("o1", "CHAIR"), Some(LineState::Expired));
        assert_eq!(shop.available("c"), 5);
    }

    #[test]
    fn gets_the_new_terms_when_its_order_is_replaced() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            hold("o1", "LAMP", 1, 60),
            create_batch("c", "CHAIR", 2, None),
            allocate("o1", "CHAIR", 2),
            backorder("o1", "LAMP", 1),
        ]);
        let terms = OrderTerms {
            precedence: precedence(4, Some(day(1))),
            ..hold_terms(600)
        };
        shop.run(&replace("o1", &[("LAMP", "LAMP", 2)], terms))
            .expect("replaced");
        assert_eq!(
            shop.lines[&key("o1", "CHAIR")].terms.precedence,
            precedence(4, Some(day(1)))
        );
        shop.advance_clock(61);
        shop.sweep();
        assert_eq!(shop.state("o1", "CHAIR"), Some(LineState::Held));
        shop.run(&confirm("o1")).expect("confirmed");
    }

    #[test]
    fn together_with_its_order_has_its_terms() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None), create_batch("c", "CHAIR", 5, None)]);
        let answers = shop.run_together(&[
            &place_on("o1", &[("1", "LAMP", 1)], on_precedence(5, None)),
            &allocate("o1", "CHAIR", 1),
            &allocate("o2", "CHAIR", 1),
            &allocate("o2", "LAMP", 1),
        ]);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(shop.lines[&key("o1", "CHAIR")].terms.precedence, precedence(5, None));
    }
}
