//! Dispatching lines: one sentence a test.

use earmark_domain::{LineState, OrderTerms, Refusal};

use crate::support::{
    allocate, backorder, cancel_line, cancel_order, change_quantity, count, create_batch, day, dispatch, hold,
    place_on, receive, reference, shop, undo_dispatch,
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
            Err(Refusal::AlreadyDispatched(_))
        ));
        assert!(matches!(
            shop.run(&cancel_line("o1", "LAMP")),
            Err(Refusal::AlreadyDispatched(_))
        ));
        assert!(matches!(
            shop.run(&change_quantity("o1", "LAMP", 5)),
            Err(Refusal::AlreadyDispatched(_))
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
