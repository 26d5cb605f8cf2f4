//! Dispatching lines: one sentence a test.

use earmark_domain::{Hindrance, LeftBehind, LineState, OrderStatus, OrderTerms, Outcome, Refusal};

use crate::support::{
    Shop, allocate, allocate_split, backorder, cancel_line, cancel_order, change_quantity, count, create_batch, day,
    dispatch, dispatch_parts, dispatch_whole, hold, key, place_on, receive, reference, shop, undo_dispatch, units,
};

mod a_dispatch {
    use super::*;

    #[test]
    fn takes_the_units_out_of_the_batch_and_cancelling_does_not_bring_them_back() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 100, None),
            place_on("o1", &[("1", "LAMP", 4), ("2", "LAMP", 6)], OrderTerms::default()),
            dispatch("o1", Some(&["1"])),
        ]);
        for _ in 0..2 {
            shop.run(&cancel_order("o1")).expect("cancelled");
            let batch = &shop.batches[&reference("b")];
            assert_eq!((batch.dispatched.get(), shop.available("b")), (4, 96));
        }
        assert_eq!(shop.state("o1", "1"), Some(LineState::Dispatched));
    }

    #[test]
    fn of_all_lines_leaves_nothing_to_cancel() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 4),
            dispatch("o1", None),
        ]);
        assert!(matches!(
            shop.run(&cancel_order("o1")),
            Err(Refusal::AlreadyDispatched { .. })
        ));
        assert!(matches!(
            shop.run(&cancel_line("o1", "LAMP")),
            Err(Refusal::AlreadyDispatched { .. })
        ));
        assert!(matches!(
            shop.run(&change_quantity("o1", "LAMP", 5)),
            Err(Refusal::AlreadyDispatched { .. })
        ));
    }

    #[test]
    fn that_is_undone_restores_the_allocation_and_frees_no_units() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 100, None),
            allocate("o2", "LAMP", 10),
            dispatch("o2", None),
            undo_dispatch("o2", None),
        ]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 10)]);
        assert_eq!(shop.available("b"), 90);
        let before = shop.events.len();
        shop.run(&undo_dispatch("o2", None)).expect("unchanged");
        assert_eq!(shop.events.len(), before);
    }

    #[test]
    fn needs_stock_in_the_warehouse() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(-1))), allocate("o1", "LAMP", 4)]);
        assert!(matches!(
            shop.run(&dispatch("o1", None)),
            Err(Refusal::NotInWarehouse { .. })
        ));
        shop.run(&receive("b", None)).expect("received");
        shop.run(&dispatch("o1", None)).expect("leaves");
    }

    #[test]
    fn needs_a_firm_order() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), hold("o1", "LAMP", 4, 60)]);
        assert!(matches!(shop.run(&dispatch("o1", None)), Err(Refusal::NotFirm(_))));
    }

    #[test]
    fn needs_lines_with_units() {
        let mut shop = shop(&[create_batch("b", "LAMP", 2, None), backorder("o1", "LAMP", 4)]);
        assert!(matches!(shop.run(&dispatch("o1", None)), Err(Refusal::NotAllocated(_))));
    }

    #[test]
    fn is_the_least_its_batch_can_be_counted_to() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 4),
            dispatch("o1", None),
        ]);
        assert!(matches!(shop.run(&count("b", 3)), Err(Refusal::BelowDispatched { .. })));
        shop.run(&count("b", 4)).expect("exactly what has left");
    }
}

mod a_dispatch_of_a_part {
    use super::*;

    /// Ten units in one batch, of which four have left.
    fn four_of_ten() -> Shop {
        shop(&[
            create_batch("b", "LAMP", 12, None),
            allocate("o1", "LAMP", 10),
            dispatch_parts("o1", &[("LAMP", 4)]),
        ])
    }

    fn order_of(outcome: Outcome) -> earmark_domain::OrderView {
        match outcome {
            Outcome::OrderDispatched { order, .. } | Outcome::OrderChanged { order, .. } => order,
            other => unreachable!("{other:?} shows no order"),
        }
    }

    fn left_behind(outcome: Outcome) -> Vec<LeftBehind> {
        match outcome {
            Outcome::OrderDispatched { left_behind, .. } => left_behind,
            other => unreachable!("{other:?} is of no dispatch"),
        }
    }

    #[test]
    fn leaves_the_rest_allocated_and_the_line_open() {
        let mut shop = four_of_ten();
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Allocated));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 6)]);
        assert_eq!(
            (shop.available("b"), shop.batches[&reference("b")].dispatched.get()),
            (2, 4)
        );
        let order = order_of(shop.run(&dispatch_parts("o1", &[("LAMP", 4)])).expect("again"));
        let [line] = order.lines.as_slice() else {
            unreachable!("one line")
        };
        let left: Vec<_> = line
            .dispatches
            .iter()
            .map(|part| (part.batch.as_str(), part.quantity.get()))
            .collect();
        assert_eq!((line.quantity, left.as_slice()), (units(10), &[("b", 4)][..]));
        assert_eq!(order.status, OrderStatus::Firm);
    }

    #[test]
    fn names_how_much_has_left_in_all_so_that_it_changes_nothing_when_it_is_sent_again() {
        let mut shop = four_of_ten();
        let before = shop.events.len();
        shop.run(&dispatch_parts("o1", &[("LAMP", 4)])).expect("unchanged");
        assert_eq!(shop.events.len(), before);
        shop.run(&dispatch_parts("o1", &[("LAMP", 7)]))
            .expect("three more leave");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 3)]);
        let order = order_of(shop.run(&dispatch("o1", None)).expect("the rest leaves"));
        assert_eq!(order.status, OrderStatus::Dispatched);
        let left: Vec<u32> = order.lines[0]
            .dispatches
            .iter()
            .map(|part| part.quantity.get())
            .collect();
        assert_eq!((left, order.lines[0].quantity), (vec![4, 3, 3], units(10)));
    }

    #[test]
    fn is_neither_more_than_the_line_has_nor_less_than_has_left() {
        let mut shop = four_of_ten();
        assert!(matches!(
            shop.run(&dispatch_parts("o1", &[("LAMP", 11)])),
            Err(Refusal::ExceedsLine { quantity, .. }) if quantity == units(10)
        ));
        assert!(matches!(
            shop.run(&dispatch_parts("o1", &[("LAMP", 3)])),
            Err(Refusal::AlreadyDispatched { dispatched, .. }) if dispatched.get() == 4
        ));
    }

    #[test]
    fn takes_what_is_here_of_a_line_that_is_split_and_names_what_is_not() {
        let mut shop = shop(&[
            create_batch("here", "LAMP", 4, None),
            create_batch("ship", "LAMP", 9, Some(day(3))),
            allocate_split("o1", "LAMP", 10),
        ]);
        let expected = [LeftBehind {
            key: key("o1", "LAMP"),
            quantity: units(6),
            why: Hindrance::NotInWarehouse(reference("ship")),
        }];
        for _ in 0..2 {
            assert_eq!(
                left_behind(shop.run(&dispatch("o1", None)).expect("four leave")),
                expected
            );
            assert_eq!(shop.units_of("o1", "LAMP"), [("ship".into(), 6)]);
        }
        shop.run(&receive("ship", None)).expect("received");
        assert!(left_behind(shop.run(&dispatch("o1", None)).expect("all has left")).is_empty());
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Dispatched));
    }

    #[test]
    fn of_an_order_takes_the_lines_that_can_leave_and_names_the_others() {
        let mut shop = shop(&[
            create_batch("here", "LAMP", 4, None),
            create_batch("ship", "SOFA", 9, Some(day(3))),
            place_on("o1", &[("1", "LAMP", 4), ("2", "SOFA", 2)], OrderTerms::default()),
            backorder("o1", "LAMP", 5),
        ]);
        assert!(matches!(shop.run(&dispatch_whole("o1")), Err(Refusal::NotAllocated(_))));
        let behind = left_behind(shop.run(&dispatch("o1", None)).expect("one line leaves"));
        let behind: Vec<_> = behind
            .iter()
            .map(|left| (left.key.line.as_str(), left.quantity.get()))
            .collect();
        assert_eq!(behind, [("2", 2), ("LAMP", 5)]);
        assert_eq!(shop.state("o1", "1"), Some(LineState::Dispatched));
    }

    #[test]
    fn takes_nothing_if_all_is_to_leave_or_nothing() {
        let mut shop = shop(&[
            create_batch("here", "LAMP", 4, None),
            create_batch("ship", "LAMP", 9, Some(day(3))),
            allocate_split("o1", "LAMP", 10),
        ]);
        let before = shop.events.len();
        assert!(matches!(
            shop.run(&dispatch_whole("o1")),
            Err(Refusal::NotInWarehouse { batch, .. }) if batch == reference("ship")
        ));
        assert_eq!(shop.events.len(), before);
    }

    #[test]
    fn stays_when_the_rest_is_cancelled() {
        for end in [
            cancel_line("o1", "LAMP"),
            cancel_order("o1"),
            change_quantity("o1", "LAMP", 4),
        ] {
            let mut shop = four_of_ten();
            let order = order_of(shop.run(&end).expect("the rest is cancelled"));
            assert_eq!(
                (order.status, order.lines[0].quantity),
                (OrderStatus::Dispatched, units(4))
            );
            assert_eq!(shop.available("b"), 8);
            assert!(matches!(
                shop.run(&cancel_order("o1")),
                Err(Refusal::AlreadyDispatched { .. })
            ));
        }
    }

    #[test]
    fn counts_when_the_quantity_of_the_line_changes() {
        let mut shop = four_of_ten();
        assert!(matches!(
            shop.run(&change_quantity("o1", "LAMP", 3)),
            Err(Refusal::AlreadyDispatched { .. })
        ));
        shop.run(&change_quantity("o1", "LAMP", 5)).expect("one is left");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 1)]);
        shop.run(&change_quantity("o1", "LAMP", 12)).expect("eight are left");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 8)]);
        let Err(Refusal::OutOfStock(short)) = shop.run(&change_quantity("o1", "LAMP", 13)) else {
            unreachable!("the batch has twelve")
        };
        assert_eq!((short.requested, short.available.get()), (units(13), 12));
    }

    #[test]
    fn leaves_a_rest_that_waits_when_its_batch_shrinks_and_is_served_again() {
        let mut shop = four_of_ten();
        shop.run(&count("b", 5)).expect("counted");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
        assert!(matches!(
            shop.run(&undo_dispatch("o1", None)),
            Err(Refusal::NotAllocated(_))
        ));
        // Six are enough: four have left.
        shop.run(&create_batch("more", "LAMP", 6, None)).expect("created");
        assert_eq!(shop.units_of("o1", "LAMP"), [("more".into(), 6)]);
        shop.run(&dispatch("o1", None)).expect("the rest leaves");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Dispatched));
    }

    #[test]
    fn that_waited_and_is_cancelled_is_all_that_was_wanted_and_can_come_back() {
        let mut shop = four_of_ten();
        for command in [count("b", 5), cancel_line("o1", "LAMP"), undo_dispatch("o1", None)] {
            shop.run(&command).expect("done");
        }
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 4)]);
        assert_eq!(shop.promised_on("o1"), Some(day(0)));
    }

    #[test]
    fn that_is_undone_brings_back_all_that_left_in_whatever_parts() {
        let mut shop = shop(&[
            create_batch("here", "LAMP", 4, None),
            create_batch("near", "LAMP", 9, None),
            allocate_split("o1", "LAMP", 10),
            dispatch_parts("o1", &[("LAMP", 3)]),
            dispatch_parts("o1", &[("LAMP", 7)]),
            undo_dispatch("o1", None),
        ]);
        assert_eq!(shop.units_of("o1", "LAMP"), [("here".into(), 4), ("near".into(), 6)]);
        assert!(shop.dispatches.is_empty());
        shop.run(&dispatch("o1", None)).expect("leaves again");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Dispatched));
    }
}
