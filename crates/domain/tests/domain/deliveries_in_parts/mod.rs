//! Deliveries of which a part arrives, and the rest is still expected: one sentence a test.

mod steps;

use std::collections::BTreeMap;

use earmark_domain::{
    BatchView, Command, Effects, Event, Fact, LineState, MoveReason, OnOrderShortage, OrderTerms, Outcome, Part,
    Reference, Refusal, Rest,
};

use crate::support::{
    Shop, allocate, allocate_split, backorder, cancel_batch, create_batch, day, dispatch, hold, place_on, precedence,
    put_off, receive, receive_part, reference, shop, undo_receipt, units, units_counted,
};

/// The rest on the same day, under the reference that follows.
const REST: Rest = Rest {
    reference: None,
    eta: None,
};

fn rest_on(n: i8) -> Rest {
    Rest {
        eta: Some(day(n)),
        ..REST
    }
}

fn rest_named(name: &str) -> Rest {
    Rest {
        reference: Some(reference(name)),
        ..REST
    }
}

/// What the receipt of a part answers: the rest, whether anything changed, and the effects.
fn received(outcome: Result<Outcome, Refusal>) -> (BatchView, bool, Effects) {
    let Ok(Outcome::BatchReceived {
        rest: Some(rest),
        changed,
        effects,
        ..
    }) = outcome
    else {
        unreachable!("a part is received: {outcome:?}")
    };
    (rest, changed, effects)
}

/// An order of one line with a priority that waits if it does not fit.
fn prior(id: &str, quantity: u32, priority: i32, by: Option<i8>) -> Command {
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        precedence: precedence(priority, by.map(day)),
        ..OrderTerms::default()
    };
    place_on(id, &[("LAMP", "LAMP", quantity)], terms)
}

/// Follows the events, and fails if a batch has less than nothing available after any of them.
fn assert_never_overcommitted(events: &[Event]) {
    let mut batches: BTreeMap<Reference, (i64, i64)> = BTreeMap::new();
    for event in events {
        let mut commit = |parts: &[Part], sign: i64| {
            for part in parts {
                batches.get_mut(&part.batch).expect("a batch").1 += sign * i64::from(part.quantity.get());
            }
        };
        match &event.fact {
            Fact::Allocated { allocations, .. } => commit(allocations, 1),
            Fact::Reallocated { from, to, .. } => {
                commit(from, -1);
                commit(to, 1);
            }
            Fact::Backordered { from, .. } | Fact::Deallocated { from, .. } => commit(from, -1),
            Fact::BatchCreated {
                reference, quantity, ..
            } => {
                batches.insert(reference.clone(), (i64::from(quantity.get()), 0));
            }
            Fact::BatchQuantityChanged { reference, to, .. } => {
                batches.get_mut(reference).expect("a batch").0 = i64::from(to.get());
            }
            _ => {}
        }
        for (name, (quantity, committed)) in &batches {
            assert!(committed <= quantity, "{name} after {:?}", event.fact);
        }
    }
}

mod a_part_of_a_batch {
    use super::*;

    #[test]
    fn is_in_the_warehouse_and_the_rest_stays_inbound_as_a_batch_of_its_own() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(10)))]);
        let before = shop.events.len();
        let (rest, changed, _) = received(shop.run(&receive_part("b", 6, REST)));
        assert!(changed);
        let batch = &shop.batches[&reference("b")];
        assert_eq!((batch.quantity, batch.eta), (units_counted(6), None));
        assert_eq!(rest.record, shop.batches[&reference("b/2")]);
        assert_eq!(
            (rest.record.quantity, rest.record.eta),
            (units_counted(4), Some(day(10)))
        );
        assert_eq!(rest.record.location, batch.location);
        assert_eq!(
            shop.events_since(before),
            ["BatchCreated", "BatchReceived", "BatchQuantityChanged"]
        );
    }

    #[test]
    fn keeps_the_lines_that_fit_and_the_others_move_to_the_rest_with_one_event_each() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            allocate("o1", "LAMP", 4),
            allocate("o2", "LAMP", 4),
            allocate("o3", "LAMP", 2),
        ]);
        let before = shop.events.len();
        let (_, _, effects) = received(shop.run(&receive_part("b", 6, rest_on(12))));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 4)]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("b/2".into(), 4)]);
        assert_eq!(shop.units_of("o3", "LAMP"), [("b".into(), 2)]);
        assert_eq!(
            shop.events_since(before),
            [
                "BatchCreated",
                "BatchReceived",
                "PromiseChanged o1",
                "Reallocated o2",
                "PromiseChanged o3",
                "BatchQuantityChanged",
            ]
        );
        let [moved] = &effects.reallocated[..] else {
            panic!("one line moved")
        };
        assert_eq!((moved.promised_from, moved.promised_to), (day(10), day(12)));
        let of_receipt = |event: &&Event| {
            matches!(&event.fact, Fact::Reallocated { why: MoveReason::BatchReceived(batch), .. }
                if *batch == reference("b"))
        };
        assert_eq!(shop.events.iter().filter(of_receipt).count(), 1);
        assert_never_overcommitted(&shop.events);
    }

    #[test]
    fn owes_its_rest_to_its_lines_before_anyone_who_waits() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 8, Some(day(10))),
            allocate("o1", "LAMP", 4),
            allocate("o2", "LAMP", 4),
            prior("first", 4, 5, None),
        ]);
        assert_eq!(shop.state("first", "LAMP"), Some(LineState::Backordered));
        received(shop.run(&receive_part("b", 4, REST)));
        assert_eq!(shop.units_of("o2", "LAMP"), [("b/2".into(), 4)]);
        assert_eq!(shop.state("first", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn whose_rest_is_not_needed_by_its_lines_serves_who_waits_with_it() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            allocate("o1", "LAMP", 7),
            backorder("o2", "LAMP", 3),
            backorder("o3", "LAMP", 2),
        ]);
        // o1 is whole, and fits in neither part.
        let before = shop.events.len();
        received(shop.run(&receive_part("b", 5, REST)));
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 3)]);
        assert_eq!(shop.units_of("o3", "LAMP"), [("b".into(), 2)]);
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
        assert_eq!(shop.available("b/2"), 5);
        assert!(shop.events_since(before).contains(&"Backordered o1".to_owned()));
        assert_never_overcommitted(&shop.events);
    }

    #[test]
    fn sends_a_whole_line_that_fits_in_neither_part_to_another_batch() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 8, Some(day(10))),
            allocate("o1", "LAMP", 3),
            allocate("o2", "LAMP", 5),
            create_batch("c", "LAMP", 5, Some(day(20))),
        ]);
        received(shop.run(&receive_part("b", 4, REST)));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 3)]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("c".into(), 5)]);
        assert_eq!((shop.available("b"), shop.available("b/2")), (1, 4));
    }

    #[test]
    fn lets_a_line_that_may_be_split_have_units_of_both() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            allocate("o1", "LAMP", 3),
            allocate_split("o2", "LAMP", 7),
        ]);
        received(shop.run(&receive_part("b", 6, rest_on(11))));
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 3), ("b/2".into(), 4)]);
        assert_eq!(shop.promised_on("o2"), Some(day(11)));
        assert_never_overcommitted(&shop.events);
    }

    #[test]
    fn gives_the_best_of_those_that_move_the_best_stock() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 6, Some(day(10))),
            hold("held", "LAMP", 2, 600),
            allocate("o1", "LAMP", 2),
            allocate("o2", "LAMP", 2),
            create_batch("soon", "LAMP", 2, Some(day(3))),
        ]);
        received(shop.run(&receive_part("b", 2, rest_on(20))));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 2)]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("soon".into(), 2)]);
        assert_eq!(shop.units_of("held", "LAMP"), [("b/2".into(), 2)]);
    }

    #[test]
    fn breaks_the_promise_of_a_line_that_a_later_rest_can_not_keep() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 8, Some(day(10))),
            allocate("o1", "LAMP", 4),
            prior("o2", 4, -1, Some(12)),
        ]);
        let before = shop.events.len();
        received(shop.run(&receive_part("b", 4, rest_on(15))));
        let told = shop.events_since(before);
        assert!(told.contains(&"Reallocated o2".to_owned()), "{told:?}");
        assert!(told.contains(&"PromiseBroken o2".to_owned()), "{told:?}");
    }

    #[test]
    fn of_an_overdue_batch_leaves_an_overdue_rest_unless_there_is_another_day_for_it() {
        for (rest, told) in [(REST, true), (rest_on(3), false)] {
            let mut shop = shop(&[
                create_batch("b", "LAMP", 8, Some(day(-2))),
                allocate("o1", "LAMP", 4),
                allocate("o2", "LAMP", 4),
            ]);
            let before = shop.events.len();
            received(shop.run(&receive_part("b", 4, rest)));
            let events = shop.events_since(before);
            assert_eq!(events.contains(&"BatchOverdue".to_owned()), told, "{events:?}");
            assert_eq!(shop.units_of("o2", "LAMP"), [("b/2".into(), 4)]);
            assert_eq!(shop.batches[&reference("b/2")].overdue, told);
        }
    }

    #[test]
    fn tells_of_a_product_that_has_nothing_free_no_stock_that_is_owed() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(10)))]);
        for n in 0..10 {
            shop.run(&allocate(&format!("o{n}"), "LAMP", 1)).expect("allocated");
        }
        for page in [None, Some(2)] {
            let mut shop = shop.clone();
            shop.change_page = page;
            let before = shop.events.len();
            received(shop.run(&receive_part("b", 6, REST)));
            shop.finish_work();
            let told = shop.events_since(before);
            assert!(told.iter().all(|event| !event.starts_with("Stock")), "{told:?}");
        }
    }

    #[test]
    fn can_leave_while_the_rest_can_not() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 8, Some(day(10))),
            allocate("o1", "LAMP", 4),
            allocate("o2", "LAMP", 4),
            receive_part("b", 4, REST),
        ]);
        shop.run(&dispatch("o1", None)).expect("dispatched");
        assert!(matches!(
            shop.run(&dispatch("o2", None)),
            Err(Refusal::NotInWarehouse { .. })
        ));
        shop.run(&receive("b/2", None)).expect("received");
        shop.run(&dispatch("o2", None)).expect("dispatched");
    }
}

mod a_receipt_of_a_part {
    use super::*;

    #[test]
    fn changes_nothing_when_it_is_sent_again_and_tells_the_rest() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive_part("b", 6, rest_on(12)),
            put_off("b/2", day(14)),
        ]);
        let before = shop.events.len();
        let (rest, changed, _) = received(shop.run(&receive_part("b", 6, rest_on(12))));
        assert!(!changed);
        assert_eq!(rest.record.reference, reference("b/2"));
        shop.run(&receive("b", Some(6))).expect("unchanged");
        assert_eq!(shop.events.len(), before);
    }

    #[test]
    fn is_refused_for_a_batch_that_has_arrived_with_another_count_or_another_rest() {
        let already = |shop: &mut Shop, command: &Command, units| {
            let received = units_counted(units);
            let reference = reference("b");
            assert_eq!(
                shop.run(command),
                Err(Refusal::AlreadyReceived { reference, received }),
                "{command:?}"
            );
        };
        let mut parted = shop(&[create_batch("b", "LAMP", 10, Some(day(10))), receive_part("b", 6, REST)]);
        already(&mut parted, &receive_part("b", 5, REST), 6);
        already(&mut parted, &receive_part("b", 6, rest_on(12)), 6);
        already(&mut parted, &receive_part("b", 6, rest_named("other")), 6);
        already(&mut parted, &receive("b", Some(10)), 6);
        let mut whole = shop(&[create_batch("b", "LAMP", 10, Some(day(10))), receive("b", Some(6))]);
        already(&mut whole, &receive_part("b", 6, REST), 6);
        let mut here = shop(&[create_batch("b", "LAMP", 10, None)]);
        already(&mut here, &receive_part("b", 6, REST), 10);
        already(&mut here, &receive_part("b", 10, rest_named("b")), 10);
    }

    #[test]
    fn needs_something_that_is_still_to_come() {
        for arrived in [10, 12] {
            let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(10)))]);
            assert_eq!(
                shop.run(&receive_part("b", arrived, REST)),
                Err(Refusal::NoRest {
                    reference: reference("b"),
                    expected: units_counted(10),
                    arrived: units(arrived),
                })
            );
        }
    }

    #[test]
    fn can_be_undone_and_then_no_unit_is_there_twice() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            allocate("o1", "LAMP", 6),
            receive_part("b", 6, rest_on(12)),
        ]);
        shop.run(&undo_receipt("b")).expect("undone");
        let batch = &shop.batches[&reference("b")];
        assert_eq!((batch.quantity, batch.eta), (units_counted(6), Some(day(10))));
        assert_eq!(shop.batches[&reference("b/2")].quantity, units_counted(4));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 6)]);
        assert_eq!(shop.promised_on("o1"), Some(day(10)));
    }

    #[test]
    fn is_refused_for_a_batch_that_was_cancelled_or_never_was() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(10))), cancel_batch("b")]);
        assert_eq!(
            shop.run(&receive_part("b", 6, REST)),
            Err(Refusal::BatchClosed(reference("b")))
        );
        assert_eq!(
            shop.run(&receive_part("x", 6, REST)),
            Err(Refusal::UnknownBatch(reference("x")))
        );
    }
}

mod the_reference_of_a_rest {
    use super::*;

    #[test]
    fn is_the_one_that_is_given() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(10)))]);
        let (rest, ..) = received(shop.run(&receive_part("b", 6, rest_named("second"))));
        assert_eq!(rest.record.reference, reference("second"));
    }

    #[test]
    fn counts_on_when_a_rest_arrives_in_parts_itself() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(10))), receive_part("b", 4, REST)]);
        for (of, next) in [("b/2", "b/3"), ("b/3", "b/4")] {
            let (rest, ..) = received(shop.run(&receive_part(of, 1, REST)));
            assert_eq!(rest.record.reference, reference(next));
        }
        assert_eq!(shop.available("b/4"), 4);
    }

    #[test]
    fn begins_at_two_for_a_batch_whose_own_reference_only_looks_like_that_of_a_rest() {
        let mut shop = shop(&[
            create_batch("PO", "SOFA", 1, None),
            create_batch("PO/2026", "LAMP", 10, Some(day(10))),
        ]);
        let (rest, ..) = received(shop.run(&receive_part("PO/2026", 4, REST)));
        assert_eq!(rest.record.reference, reference("PO/2026/2"));
    }

    #[test]
    fn that_is_taken_is_refused_and_nothing_has_arrived() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            create_batch("b/2", "SOFA", 1, None),
            create_batch("c", "LAMP", 10, Some(day(10))),
        ]);
        let before = shop.events.len();
        for (rest, taken) in [(REST, "b/2"), (rest_named("c"), "c"), (rest_named("b"), "b")] {
            assert_eq!(
                shop.run(&receive_part("b", 6, rest)),
                Err(Refusal::RestExists {
                    reference: reference(taken),
                    of: reference("b"),
                })
            );
        }
        assert_eq!(shop.events.len(), before);
        received(shop.run(&receive_part("b", 6, rest_named("d"))));
    }

    #[test]
    fn has_to_be_given_if_the_one_that_follows_would_be_too_long() {
        let long = "b".repeat(63);
        let mut shop = shop(&[create_batch(&long, "LAMP", 10, Some(day(10)))]);
        assert_eq!(
            shop.run(&receive_part(&long, 6, REST)),
            Err(Refusal::RestUnnamed(reference(&long)))
        );
        received(shop.run(&receive_part(&long, 6, rest_named("d"))));
    }
}
