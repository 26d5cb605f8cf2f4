//! Lines whose quantity changes: one sentence a test.

use earmark_domain::{DeallocationReason, Fact, LineState, Refusal};

use crate::support::{allocate, allocate_split, backorder, cancel_line, change_quantity, create_batch, day, shop};

mod a_new_quantity {
    use super::*;

    #[test]
    fn that_is_smaller_frees_the_units_with_the_latest_date() {
        let mut shop = shop(&[
            create_batch("shelf", "LAMP", 4, None),
            create_batch("ship", "LAMP", 4, Some(day(3))),
            allocate_split("o1", "LAMP", 7),
            change_quantity("o1", "LAMP", 5),
        ]);
        assert_eq!(shop.units_of("o1", "LAMP"), [("shelf".into(), 4), ("ship".into(), 1)]);
        shop.run(&change_quantity("o1", "LAMP", 2)).expect("less");
        assert_eq!(shop.units_of("o1", "LAMP"), [("shelf".into(), 2)]);
        let reduced = shop.events.iter().filter(
            |event| matches!(&event.fact, Fact::Deallocated { why, .. } if *why == DeallocationReason::Reduced),
        );
        assert_eq!(reduced.count(), 2);
    }

    #[test]
    fn that_is_larger_takes_only_the_difference_or_is_refused() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 5)]);
        shop.run(&change_quantity("o1", "LAMP", 8)).expect("three more");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 8)]);
        let Err(Refusal::OutOfStock(shortage)) = shop.run(&change_quantity("o1", "LAMP", 10)) else {
            panic!("short");
        };
        assert_eq!((shortage.requested.get(), shortage.available.get()), (10, 9));
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 8)]);
    }

    #[test]
    fn of_a_line_that_may_not_be_split_stays_in_its_batch_if_it_fits_there() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 6, Some(day(2))),
            allocate("o1", "LAMP", 5),
            create_batch("b", "LAMP", 9, None),
        ]);
        shop.run(&change_quantity("o1", "LAMP", 6)).expect("it fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("a".into(), 6)]);
    }

    #[test]
    fn of_a_waiting_line_keeps_its_position_in_the_order_of_service() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 1, None),
            allocate("sold", "LAMP", 1),
            backorder("o1", "LAMP", 1),
            backorder("o2", "LAMP", 2),
            backorder("o3", "LAMP", 1),
            change_quantity("o2", "LAMP", 1),
            change_quantity("o2", "LAMP", 2),
            create_batch("c", "LAMP", 1, None),
        ]);
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Allocated));
        shop.run(&create_batch("d", "LAMP", 3, None)).expect("bought");
        assert_eq!(shop.units_of("o2", "LAMP"), [("d".into(), 2)]);
        assert_eq!(shop.units_of("o3", "LAMP"), [("d".into(), 1)]);
    }

    #[test]
    fn of_a_line_that_has_ended_is_refused() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 5),
            cancel_line("o1", "LAMP"),
        ]);
        assert!(matches!(
            shop.run(&change_quantity("o1", "LAMP", 6)),
            Err(Refusal::LineEnded { .. })
        ));
    }
}
