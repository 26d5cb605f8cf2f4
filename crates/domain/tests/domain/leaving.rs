//! Lines that leave the building, and lines that want more or less: one sentence a test.

use earmark_domain::{DeallocationReason, Fact, LineState, OrderTerms, Refusal};

use crate::support::{
    allocate, allocate_split, backorder, books, cancel_line, count, create_batch, day, dispatch, hold, place_on,
    receive, reference, undo_dispatch, want,
};

mod dispatch_of_a_line {
    use super::*;

    #[test]
    fn takes_its_units_out_of_the_batch_and_cancelling_brings_none_back() {
        let mut books = books(&[
            create_batch("b", "LAMP", 100, None),
            place_on("o1", &[("1", "LAMP", 4), ("2", "LAMP", 6)], OrderTerms::default()),
            dispatch("o1", Some(&["1"])),
        ]);
        for _ in 0..2 {
            books.run(&crate::support::cancel_order("o1")).expect("cancelled");
            let batch = &books.batches[&reference("b")];
            assert_eq!((batch.dispatched.get(), books.available("b")), (4, 96));
        }
        assert_eq!(books.state("o1", "1"), Some(LineState::Dispatched));
    }

    #[test]
    fn that_was_all_there_was_leaves_nothing_to_cancel() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 4),
            dispatch("o1", None),
        ]);
        assert!(matches!(
            books.run(&crate::support::cancel_order("o1")),
            Err(Refusal::AlreadyDispatched(_))
        ));
        assert!(matches!(
            books.run(&cancel_line("o1", "LAMP")),
            Err(Refusal::AlreadyDispatched(_))
        ));
        assert!(matches!(
            books.run(&want("o1", "LAMP", 5)),
            Err(Refusal::AlreadyDispatched(_))
        ));
    }

    #[test]
    fn undone_restores_the_allocation_and_not_free_stock() {
        let mut books = books(&[
            create_batch("b", "LAMP", 100, None),
            allocate("o2", "LAMP", 10),
            dispatch("o2", None),
            undo_dispatch("o2", None),
        ]);
        assert_eq!(books.held("o2", "LAMP"), [("b".into(), 10)]);
        assert_eq!(books.available("b"), 90);
        let told = books.events.len();
        books.run(&undo_dispatch("o2", None)).expect("unchanged");
        assert_eq!(books.events.len(), told);
    }

    #[test]
    fn is_only_for_stock_in_the_warehouse() {
        let mut books = books(&[create_batch("b", "LAMP", 9, Some(day(-1))), allocate("o1", "LAMP", 4)]);
        assert!(matches!(
            books.run(&dispatch("o1", None)),
            Err(Refusal::NotInWarehouse { .. })
        ));
        books.run(&receive("b", None)).expect("received");
        books.run(&dispatch("o1", None)).expect("leaves");
    }

    #[test]
    fn is_only_for_firm_orders() {
        let mut books = books(&[create_batch("b", "LAMP", 9, None), hold("o1", "LAMP", 4, 60)]);
        assert!(matches!(books.run(&dispatch("o1", None)), Err(Refusal::NotFirm(_))));
    }

    #[test]
    fn is_only_for_lines_that_have_units() {
        let mut books = books(&[create_batch("b", "LAMP", 2, None), backorder("o1", "LAMP", 4)]);
        assert!(matches!(
            books.run(&dispatch("o1", None)),
            Err(Refusal::NotAllocated(_))
        ));
    }

    #[test]
    fn bounds_what_its_batch_can_be_counted_to() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 4),
            dispatch("o1", None),
        ]);
        assert!(matches!(
            books.run(&count("b", 3)),
            Err(Refusal::BelowDispatched { .. })
        ));
        books.run(&count("b", 4)).expect("exactly what has left");
    }
}

mod another_quantity {
    use super::*;

    #[test]
    fn that_is_smaller_frees_the_part_with_the_latest_date() {
        let mut books = books(&[
            create_batch("shelf", "LAMP", 4, None),
            create_batch("ship", "LAMP", 4, Some(day(3))),
            allocate_split("o1", "LAMP", 7),
            want("o1", "LAMP", 5),
        ]);
        assert_eq!(books.held("o1", "LAMP"), [("shelf".into(), 4), ("ship".into(), 1)]);
        books.run(&want("o1", "LAMP", 2)).expect("less");
        assert_eq!(books.held("o1", "LAMP"), [("shelf".into(), 2)]);
        let reduced = books.events.iter().filter(
            |event| matches!(&event.fact, Fact::Deallocated { why, .. } if *why == DeallocationReason::Reduced),
        );
        assert_eq!(reduced.count(), 2);
    }

    #[test]
    fn that_is_larger_takes_only_the_difference_or_is_refused() {
        let mut books = books(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 5)]);
        books.run(&want("o1", "LAMP", 8)).expect("three more");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 8)]);
        let Err(Refusal::OutOfStock(shortage)) = books.run(&want("o1", "LAMP", 10)) else {
            panic!("short");
        };
        assert_eq!((shortage.requested.get(), shortage.available.get()), (2, 1));
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 8)]);
    }

    #[test]
    fn of_a_line_that_may_not_be_split_stays_in_its_batch() {
        let mut books = books(&[
            create_batch("a", "LAMP", 5, None),
            allocate("o1", "LAMP", 5),
            create_batch("b", "LAMP", 9, None),
        ]);
        assert!(matches!(books.run(&want("o1", "LAMP", 6)), Err(Refusal::OutOfStock(_))));
    }

    #[test]
    fn of_a_line_that_waits_keeps_its_place_in_the_queue() {
        let mut books = books(&[
            create_batch("b", "LAMP", 1, None),
            allocate("sold", "LAMP", 1),
            backorder("o1", "LAMP", 1),
            backorder("o2", "LAMP", 2),
            backorder("o3", "LAMP", 1),
            want("o2", "LAMP", 1),
            want("o2", "LAMP", 2),
            create_batch("c", "LAMP", 1, None),
        ]);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Allocated));
        books.run(&create_batch("d", "LAMP", 3, None)).expect("bought");
        assert_eq!(books.held("o2", "LAMP"), [("d".into(), 2)]);
        assert_eq!(books.held("o3", "LAMP"), [("d".into(), 1)]);
    }

    #[test]
    fn of_a_line_that_has_ended_is_refused() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 5),
            cancel_line("o1", "LAMP"),
        ]);
        assert!(matches!(
            books.run(&want("o1", "LAMP", 6)),
            Err(Refusal::LineEnded { .. })
        ));
    }
}
