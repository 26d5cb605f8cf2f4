//! The rules of the shop, one sentence a test.

use earmark_domain::{BACKLOG_PAGE, Command, LineState, OnOrderShortage, Outcome, ProductName, PutProduct, Refusal};

use crate::support::{
    Books, allocate, allocate_split, backorder, books, cancel_line, cancel_order, count, create_batch, day, key, place,
    sku,
};

use OnOrderShortage::{Backorder, Partial, Reject};

mod preference {
    use super::*;

    #[test]
    fn stock_in_the_warehouse_goes_before_stock_on_its_way() {
        let mut books = books(&[
            create_batch("ship", "LAMP", 10, Some(day(1))),
            create_batch("shelf", "LAMP", 10, None),
        ]);
        books.run(&allocate("o1", "LAMP", 3)).expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("shelf".into(), 3)]);
    }

    #[test]
    fn the_earliest_eta_goes_first() {
        let mut books = books(&[
            create_batch("late", "LAMP", 10, Some(day(9))),
            create_batch("early", "LAMP", 10, Some(day(2))),
            create_batch("overdue", "LAMP", 1, Some(day(-3))),
        ]);
        books.run(&allocate("o1", "LAMP", 1)).expect("fits");
        books.run(&allocate("o2", "LAMP", 1)).expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("overdue".into(), 1)]);
        assert_eq!(books.held("o2", "LAMP"), [("early".into(), 1)]);
    }

    #[test]
    fn ties_go_to_the_batch_created_first() {
        let mut books = books(&[create_batch("z", "LAMP", 10, None), create_batch("a", "LAMP", 10, None)]);
        books.run(&allocate("o1", "LAMP", 1)).expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("z".into(), 1)]);
    }
}

mod allocate_a_line {
    use super::*;

    #[test]
    fn a_batch_that_cannot_take_the_line_whole_is_passed_over() {
        let mut books = books(&[
            create_batch("small", "LAMP", 4, None),
            create_batch("big", "LAMP", 10, None),
        ]);
        books.run(&allocate("o1", "LAMP", 5)).expect("fits");
        books.run(&allocate("o2", "LAMP", 4)).expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("big".into(), 5)]);
        assert_eq!(books.held("o2", "LAMP"), [("small".into(), 4)]);
    }

    #[test]
    fn a_line_that_may_be_split_is_spread_in_preference_order() {
        let mut books = books(&[
            create_batch("b-shelf", "LAMP", 4, None),
            create_batch("a-ship", "LAMP", 10, Some(day(3))),
        ]);
        let Ok(Outcome::LinePlaced { line, .. }) = books.run(&allocate_split("o1", "LAMP", 6)) else {
            panic!("placed");
        };
        let parts: Vec<_> = line
            .allocations
            .iter()
            .map(|p| (p.batch.as_str(), p.quantity.get()))
            .collect();
        assert_eq!(parts, [("b-shelf", 4), ("a-ship", 2)]);
        assert_eq!(line.promised_on, Some(day(3)));
    }

    #[test]
    fn a_line_is_wholly_allocated_or_not_at_all() {
        let mut books = books(&[create_batch("b", "LAMP", 4, None)]);
        assert!(books.run(&allocate_split("o1", "LAMP", 5)).is_err());
        assert_eq!(books.available("b"), 4);
        assert_eq!(books.state("o1", "LAMP"), None);
    }

    #[test]
    fn a_shortage_names_what_is_available_and_the_largest_batch() {
        let mut books = books(&[create_batch("a", "LAMP", 4, None), create_batch("b", "LAMP", 3, None)]);
        let Err(Refusal::OutOfStock(shortage)) = books.run(&allocate("o1", "LAMP", 5)) else {
            panic!("short");
        };
        assert_eq!((shortage.available.get(), shortage.largest_batch.get()), (7, 4));
    }

    #[test]
    fn a_refused_line_leaves_nothing_but_its_out_of_stock_event() {
        let mut books = books(&[create_batch("b", "LAMP", 4, None)]);
        let told = books.events.len();
        assert!(books.run(&allocate("o1", "LAMP", 5)).is_err());
        assert_eq!(books.told_since(told), ["OutOfStock o1"]);
        assert!(books.lines.is_empty());
    }

    #[test]
    fn an_unknown_sku_is_refused_as_unknown_and_never_as_out_of_stock() {
        let mut books = Books::default();
        assert_eq!(
            books.run(&allocate("o1", "LAMP", 1)),
            Err(Refusal::UnknownSku(vec![sku("LAMP")]))
        );
        assert!(books.events.is_empty());
    }

    #[test]
    fn a_product_that_has_only_a_name_is_known_and_out_of_stock() {
        let mut books = books(&[Command::PutProduct(PutProduct {
            sku: sku("LAMP"),
            name: Some(ProductName::new("Lamp, red").expect("a name")),
            safety_stock: None,
        })]);
        assert!(matches!(
            books.run(&allocate("o1", "LAMP", 1)),
            Err(Refusal::OutOfStock(_))
        ));
    }

    #[test]
    fn the_same_line_again_changes_nothing_and_answers_as_it_did() {
        let mut books = books(&[create_batch("b", "LAMP", 4, None), allocate("o1", "LAMP", 3)]);
        let told = books.events.len();
        let Ok(Outcome::LinePlaced { line, fresh: false }) = books.run(&allocate("o1", "LAMP", 3)) else {
            panic!("unchanged");
        };
        assert_eq!(line.state, LineState::Allocated);
        assert!(books.told_since(told).is_empty());
        assert_eq!(books.available("b"), 1);
    }

    #[test]
    fn the_same_line_with_another_quantity_or_sku_is_a_conflict() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            create_batch("c", "DESK", 9, None),
            allocate("o1", "LAMP", 3),
        ]);
        assert_eq!(
            books.run(&allocate("o1", "LAMP", 2)),
            Err(Refusal::LineExists(key("o1", "LAMP")))
        );
        let other = place("o1", &[("LAMP", "DESK", 3)], Reject, false);
        assert!(matches!(books.run(&other), Err(Refusal::OrderExists(_))));
        let Command::Allocate(mut swapped) = allocate("o1", "DESK", 3) else {
            unreachable!()
        };
        swapped.line.key = key("o1", "LAMP");
        assert_eq!(
            books.run(&Command::Allocate(swapped)),
            Err(Refusal::LineExists(key("o1", "LAMP")))
        );
    }

    #[test]
    fn a_line_that_may_wait_joins_the_backlog_with_two_events() {
        let mut books = books(&[create_batch("b", "LAMP", 4, None)]);
        let told = books.events.len();
        books.run(&backorder("o1", "LAMP", 5)).expect("waits");
        assert_eq!(books.told_since(told), ["OutOfStock o1", "Backordered o1"]);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn commands_of_one_transaction_see_each_other() {
        let mut books = books(&[create_batch("b", "LAMP", 5, None)]);
        let (first, second) = (allocate("o1", "LAMP", 3), allocate("o2", "LAMP", 3));
        let third = allocate("o3", "LAMP", 2);
        let outcomes = books.run_together(&[&first, &second, &third]);
        assert!(outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok());
    }
}

mod batches {
    use super::*;

    #[test]
    fn the_same_batch_again_is_unchanged_even_after_it_was_counted() {
        let mut books = books(&[create_batch("b", "LAMP", 4, None), count("b", 2)]);
        let again = books.run(&create_batch("b", "LAMP", 4, None));
        assert!(matches!(again, Ok(Outcome::BatchCreated { fresh: false, .. })));
        assert_eq!(books.available("b"), 2);
    }

    #[test]
    fn a_reference_with_other_content_is_a_conflict() {
        let mut books = books(&[create_batch("b", "LAMP", 4, None)]);
        for other in [
            create_batch("b", "LAMP", 5, None),
            create_batch("b", "DESK", 4, None),
            create_batch("b", "LAMP", 4, Some(day(1))),
        ] {
            assert!(matches!(books.run(&other), Err(Refusal::BatchExists(_))));
        }
    }

    #[test]
    fn an_unknown_batch_cannot_be_counted() {
        assert!(matches!(
            Books::default().run(&count("b", 1)),
            Err(Refusal::UnknownBatch(_))
        ));
    }

    #[test]
    fn counting_what_was_counted_changes_nothing() {
        let mut books = books(&[create_batch("b", "LAMP", 4, None)]);
        let told = books.events.len();
        assert!(matches!(
            books.run(&count("b", 4)),
            Ok(Outcome::BatchChanged { changed: false, .. })
        ));
        assert!(books.told_since(told).is_empty());
    }

    #[test]
    fn counting_down_to_what_is_allocated_releases_nothing() {
        let mut books = books(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 5)]);
        let told = books.events.len();
        books.run(&count("b", 5)).expect("allowed");
        assert_eq!(books.told_since(told), ["BatchQuantityChanged", "StockDepleted"]);
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 5)]);
    }

    #[test]
    fn a_batch_can_be_counted_down_to_nothing() {
        let mut books = books(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 5)]);
        books.run(&count("b", 0)).expect("allowed");
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn the_latest_line_moves_to_other_stock_when_a_batch_shrinks() {
        let mut books = books(&[
            create_batch("B1", "LAMP", 50, None),
            allocate("o1", "LAMP", 20),
            allocate("o2", "LAMP", 20),
            create_batch("B2", "LAMP", 50, Some(day(7))),
        ]);
        let told = books.events.len();
        let Ok(Outcome::BatchChanged { effects, .. }) = books.run(&count("B1", 25)) else {
            panic!("counted")
        };
        assert_eq!(books.told_since(told), ["BatchQuantityChanged", "Reallocated o2"]);
        assert_eq!(effects.reallocated.len(), 1);
        assert_eq!(
            (effects.reallocated[0].promised_from, effects.reallocated[0].promised_to),
            (day(0), day(7))
        );
        assert_eq!(books.held("o1", "LAMP"), [("B1".into(), 20)]);
        assert_eq!(books.held("o2", "LAMP"), [("B2".into(), 20)]);
        assert_eq!((books.available("B1"), books.available("B2")), (5, 30));
    }

    #[test]
    fn no_more_is_released_than_needed_what_still_fits_is_put_back() {
        // In release order: o3 (5), o2 (20), o1 (20). To lose 20 of 45, o3 and o2 are chosen; o3 fits back.
        let mut books = books(&[
            create_batch("B1", "LAMP", 45, None),
            allocate("o1", "LAMP", 20),
            allocate("o2", "LAMP", 20),
            allocate("o3", "LAMP", 5),
        ]);
        let told = books.events.len();
        books.run(&count("B1", 25)).expect("counted");
        assert_eq!(books.told_since(told), ["BatchQuantityChanged", "Backordered o2"]);
        assert_eq!(books.held("o3", "LAMP"), [("B1".into(), 5)]);
    }

    #[test]
    fn a_line_released_into_the_backlog_keeps_the_time_it_was_first_placed() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            allocate("first", "LAMP", 5),
            backorder("second", "LAMP", 5),
            count("b", 1),
        ]);
        assert_eq!(books.state("first", "LAMP"), Some(LineState::Backordered));
        books.run(&create_batch("c", "LAMP", 5, None)).expect("created");
        assert_eq!(books.state("first", "LAMP"), Some(LineState::Allocated));
        assert_eq!(books.state("second", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn what_a_count_leaves_free_serves_a_smaller_line_that_waits() {
        let mut books = books(&[
            create_batch("b", "LAMP", 10, None),
            allocate("o1", "LAMP", 10),
            backorder("o2", "LAMP", 3),
        ]);
        books.run(&count("b", 4)).expect("counted");
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Backordered));
        assert_eq!(books.held("o2", "LAMP"), [("b".into(), 3)]);
    }

    #[test]
    fn a_split_line_is_released_whole_and_placed_anew() {
        let mut books = books(&[
            create_batch("a", "LAMP", 4, None),
            create_batch("b", "LAMP", 4, Some(day(1))),
            allocate_split("o1", "LAMP", 6),
            create_batch("c", "LAMP", 4, Some(day(2))),
        ]);
        let told = books.events.len();
        books.run(&count("a", 1)).expect("counted");
        assert_eq!(books.told_since(told), ["BatchQuantityChanged", "Reallocated o1"]);
        assert_eq!(
            books.held("o1", "LAMP"),
            [("a".into(), 1), ("b".into(), 4), ("c".into(), 1)]
        );
    }
}

mod backlog {
    use super::*;

    #[test]
    fn new_stock_serves_the_backlog_in_order_of_first_placing() {
        let mut books = books(&[
            create_batch("a", "LAMP", 1, None),
            backorder("o2", "LAMP", 2),
            backorder("o1", "LAMP", 2),
        ]);
        books.run(&create_batch("b", "LAMP", 2, None)).expect("created");
        assert_eq!(books.state("o2", "LAMP"), Some(LineState::Allocated));
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn a_line_that_does_not_fit_is_passed_over_and_blocks_nobody() {
        let mut books = books(&[
            create_batch("a", "LAMP", 1, None),
            backorder("large", "LAMP", 9),
            backorder("small", "LAMP", 2),
        ]);
        books.run(&count("a", 3)).expect("counted");
        assert_eq!(books.state("large", "LAMP"), Some(LineState::Backordered));
        assert_eq!(books.held("small", "LAMP"), [("a".into(), 2)]);
    }

    #[test]
    fn what_a_cancellation_frees_serves_the_backlog() {
        let mut books = books(&[
            create_batch("a", "LAMP", 3, None),
            allocate("o1", "LAMP", 3),
            backorder("o2", "LAMP", 2),
        ]);
        let told = books.events.len();
        books.run(&cancel_order("o1")).expect("cancelled");
        assert_eq!(
            books.told_since(told),
            ["Deallocated o1", "Allocated o2", "StockReplenished", "OrderCancelled"]
        );
    }

    #[test]
    fn a_long_backlog_is_served_in_bounded_steps_and_nothing_is_lost_between_them() {
        let mut books = books(&[create_batch("a", "LAMP", 1, None)]);
        let waiting = BACKLOG_PAGE * 2 + 50;
        for n in 0..waiting {
            // The first page is too large for the new stock: it is passed over, and the others get theirs.
            let size = if n < BACKLOG_PAGE { 5_000 } else { 1 };
            books
                .run(&backorder(&format!("o{n:04}"), "LAMP", size + 1))
                .expect("waits");
        }
        books.run(&create_batch("b", "LAMP", 600, None)).expect("created");
        let mut steps = 0;
        while books.products[&sku("LAMP")].resume_after.is_some() {
            books.run(&Command::ServeBacklog(sku("LAMP"))).expect("served");
            steps += 1;
        }
        assert_eq!(steps, 2);
        let served = books.lines.values().filter(|l| l.state == LineState::Allocated).count();
        assert_eq!(served, waiting - BACKLOG_PAGE);
    }

    #[test]
    fn a_served_line_is_not_served_again() {
        let mut books = books(&[create_batch("a", "LAMP", 1, None), backorder("o1", "LAMP", 2)]);
        let (b, c) = (create_batch("b", "LAMP", 2, None), create_batch("c", "LAMP", 2, None));
        books.run_together(&[&b, &c]);
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 2)]);
        assert_eq!(books.available("c"), 2);
    }
}

mod orders {
    use super::*;

    #[test]
    fn an_order_is_placed_whole_or_refused_with_every_short_line_named() {
        let mut books = books(&[
            create_batch("a", "LAMP", 5, None),
            create_batch("b", "DESK", 5, None),
            create_batch("c", "SOFA", 5, None),
        ]);
        let lines = [("1", "LAMP", 6), ("2", "DESK", 5), ("3", "SOFA", 7)];
        let told = books.events.len();
        let Err(Refusal::Shortages(short)) = books.run(&place("o1", &lines, Reject, false)) else {
            panic!("short")
        };
        assert_eq!(
            short.iter().map(|s| s.key.line.as_str()).collect::<Vec<_>>(),
            ["1", "3"]
        );
        assert_eq!(books.told_since(told), ["OutOfStock o1", "OutOfStock o1"]);
        assert!(books.lines.is_empty() && books.orders.is_empty());
        assert_eq!(books.available("b"), 5);
    }

    #[test]
    fn lines_of_one_sku_are_counted_together() {
        let mut books = books(&[create_batch("a", "LAMP", 10, None)]);
        let lines = [("1", "LAMP", 6), ("2", "LAMP", 6)];
        let Err(Refusal::Shortages(short)) = books.run(&place("o1", &lines, Reject, false)) else {
            panic!("short")
        };
        assert_eq!(short.len(), 1);
        assert_eq!(short[0].available.get(), 4);
    }

    #[test]
    fn with_backorder_what_does_not_fit_waits() {
        let mut books = books(&[create_batch("a", "LAMP", 5, None), create_batch("b", "DESK", 1, None)]);
        let lines = [("1", "LAMP", 5), ("2", "DESK", 2)];
        books.run(&place("o1", &lines, Backorder, false)).expect("placed");
        assert_eq!(books.state("o1", "1"), Some(LineState::Allocated));
        assert_eq!(books.state("o1", "2"), Some(LineState::Backordered));
    }

    #[test]
    fn with_partial_what_does_not_fit_is_refused_and_the_rest_is_allocated() {
        let mut books = books(&[create_batch("a", "LAMP", 5, None), create_batch("b", "DESK", 1, None)]);
        let lines = [("1", "LAMP", 5), ("2", "DESK", 2)];
        books.run(&place("o1", &lines, Partial, false)).expect("placed");
        assert_eq!(books.state("o1", "1"), Some(LineState::Allocated));
        assert_eq!(books.state("o1", "2"), Some(LineState::Refused));
    }

    #[test]
    fn with_partial_an_order_of_which_nothing_fits_is_refused() {
        let mut books = books(&[create_batch("a", "LAMP", 1, None)]);
        assert!(matches!(
            books.run(&place("o1", &[("1", "LAMP", 5)], Partial, false)),
            Err(Refusal::Shortages(_))
        ));
        assert!(books.lines.is_empty());
    }

    #[test]
    fn every_unknown_sku_of_an_order_is_named() {
        let mut books = books(&[create_batch("a", "LAMP", 1, None)]);
        let lines = [("1", "SOFA", 1), ("2", "LAMP", 1), ("3", "DESK", 1)];
        assert_eq!(
            books.run(&place("o1", &lines, Partial, false)),
            Err(Refusal::UnknownSku(vec![sku("DESK"), sku("SOFA")]))
        );
    }

    #[test]
    fn the_same_order_again_changes_nothing_and_other_lines_are_a_conflict() {
        let lines = [("1", "LAMP", 2), ("2", "LAMP", 3)];
        let mut books = books(&[create_batch("a", "LAMP", 9, None), place("o1", &lines, Reject, false)]);
        let again = books.run(&place("o1", &[lines[1], lines[0]], Reject, false));
        assert!(matches!(again, Ok(Outcome::OrderPlaced { fresh: false, .. })));
        let part = books.run(&place("o1", &lines[..1], Reject, false));
        assert!(matches!(part, Err(Refusal::OrderExists(_))));
    }

    #[test]
    fn a_line_added_to_an_order_does_not_change_what_it_was_placed_with() {
        let lines = [("1", "LAMP", 2)];
        let mut books = books(&[
            create_batch("a", "LAMP", 9, None),
            place("o1", &lines, Reject, false),
            allocate("o1", "LAMP", 1),
        ]);
        let again = books.run(&place("o1", &lines, Reject, false));
        let Ok(Outcome::OrderPlaced { order, fresh: false }) = again else {
            panic!("unchanged")
        };
        assert_eq!(order.lines.len(), 2);
    }
}

mod cancelling {
    use super::*;

    #[test]
    fn a_cancelled_line_frees_its_stock_and_cancelling_again_changes_nothing() {
        let mut books = books(&[create_batch("a", "LAMP", 9, None), allocate("o1", "LAMP", 4)]);
        books.run(&cancel_line("o1", "LAMP")).expect("cancelled");
        assert_eq!(books.available("a"), 9);
        let told = books.events.len();
        assert!(matches!(
            books.run(&cancel_line("o1", "LAMP")),
            Ok(Outcome::OrderChanged { changed: false, .. })
        ));
        assert!(books.told_since(told).is_empty());
    }

    #[test]
    fn a_cancelled_line_leaves_the_backlog_and_never_comes_back() {
        let mut books = books(&[
            create_batch("a", "LAMP", 1, None),
            backorder("o1", "LAMP", 4),
            cancel_order("o1"),
        ]);
        books.run(&create_batch("b", "LAMP", 9, None)).expect("created");
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Cancelled));
        assert!(matches!(
            books.run(&backorder("o1", "LAMP", 4)),
            Ok(Outcome::LinePlaced { fresh: false, .. })
        ));
        assert_eq!(books.available("b"), 9);
    }

    #[test]
    fn an_order_is_cancelled_with_its_last_line() {
        let lines = [("1", "LAMP", 2), ("2", "LAMP", 3)];
        let mut books = books(&[create_batch("a", "LAMP", 9, None), place("o1", &lines, Reject, false)]);
        let told = books.events.len();
        books.run(&cancel_line("o1", "1")).expect("cancelled");
        books.run(&cancel_line("o1", "2")).expect("cancelled");
        assert_eq!(
            books.told_since(told),
            ["Deallocated o1", "Deallocated o1", "OrderCancelled"]
        );
    }

    #[test]
    fn an_unknown_order_or_line_is_refused() {
        let mut books = books(&[create_batch("a", "LAMP", 9, None), allocate("o1", "LAMP", 4)]);
        assert!(matches!(books.run(&cancel_order("o2")), Err(Refusal::UnknownOrder(_))));
        assert!(matches!(
            books.run(&cancel_line("o2", "LAMP")),
            Err(Refusal::UnknownOrder(_))
        ));
        assert!(matches!(
            books.run(&cancel_line("o1", "DESK")),
            Err(Refusal::UnknownLine(_))
        ));
    }
}
