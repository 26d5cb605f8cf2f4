//! Orders that are placed and cancelled: one sentence a test.

use earmark_domain::{LineState, OnOrderShortage, Outcome, Refusal};

use crate::support::{allocate, backorder, cancel_line, cancel_order, create_batch, place, shop, sku};

use OnOrderShortage::{Backorder, Partial, Reject};

mod placing {
    use super::*;

    #[test]
    fn an_order_is_placed_whole_or_refused_with_every_short_line_named() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 5, None),
            create_batch("b", "DESK", 5, None),
            create_batch("c", "SOFA", 5, None),
        ]);
        let lines = [("1", "LAMP", 6), ("2", "DESK", 5), ("3", "SOFA", 7)];
        let before = shop.events.len();
        let Err(Refusal::Shortages(short)) = shop.run(&place("o1", &lines, Reject, false)) else {
            panic!("short")
        };
        assert_eq!(
            short.iter().map(|s| s.key.line.as_str()).collect::<Vec<_>>(),
            ["1", "3"]
        );
        assert_eq!(shop.events_since(before), ["OutOfStock o1", "OutOfStock o1"]);
        assert!(shop.lines.is_empty() && shop.orders.is_empty());
        assert_eq!(shop.available("b"), 5);
    }

    #[test]
    fn lines_of_one_sku_are_counted_together() {
        let mut shop = shop(&[create_batch("a", "LAMP", 10, None)]);
        let lines = [("1", "LAMP", 6), ("2", "LAMP", 6)];
        let Err(Refusal::Shortages(short)) = shop.run(&place("o1", &lines, Reject, false)) else {
            panic!("short")
        };
        assert_eq!(short.len(), 1);
        assert_eq!(short[0].available.get(), 4);
    }

    #[test]
    fn with_backorder_the_lines_that_do_not_fit_wait() {
        let mut shop = shop(&[create_batch("a", "LAMP", 5, None), create_batch("b", "DESK", 1, None)]);
        let lines = [("1", "LAMP", 5), ("2", "DESK", 2)];
        shop.run(&place("o1", &lines, Backorder, false)).expect("placed");
        assert_eq!(shop.state("o1", "1"), Some(LineState::Allocated));
        assert_eq!(shop.state("o1", "2"), Some(LineState::Backordered));
    }

    #[test]
    fn with_partial_the_lines_that_do_not_fit_are_refused_and_the_others_are_allocated() {
        let mut shop = shop(&[create_batch("a", "LAMP", 5, None), create_batch("b", "DESK", 1, None)]);
        let lines = [("1", "LAMP", 5), ("2", "DESK", 2)];
        shop.run(&place("o1", &lines, Partial, false)).expect("placed");
        assert_eq!(shop.state("o1", "1"), Some(LineState::Allocated));
        assert_eq!(shop.state("o1", "2"), Some(LineState::Refused));
    }

    #[test]
    fn with_partial_an_order_without_a_line_that_fits_is_refused() {
        let mut shop = shop(&[create_batch("a", "LAMP", 1, None)]);
        assert!(matches!(
            shop.run(&place("o1", &[("1", "LAMP", 5)], Partial, false)),
            Err(Refusal::Shortages(_))
        ));
        assert!(shop.lines.is_empty());
    }

    #[test]
    fn every_unknown_sku_of_an_order_is_named() {
        let mut shop = shop(&[create_batch("a", "LAMP", 1, None)]);
        let lines = [("1", "SOFA", 1), ("2", "LAMP", 1), ("3", "DESK", 1)];
        assert_eq!(
            shop.run(&place("o1", &lines, Partial, false)),
            Err(Refusal::UnknownSku(vec![sku("DESK"), sku("SOFA")]))
        );
    }

    #[test]
    fn the_same_order_again_changes_nothing_and_other_lines_are_a_conflict() {
        let lines = [("1", "LAMP", 2), ("2", "LAMP", 3)];
        let mut shop = shop(&[create_batch("a", "LAMP", 9, None), place("o1", &lines, Reject, false)]);
        let again = shop.run(&place("o1", &[lines[1], lines[0]], Reject, false));
        assert!(matches!(again, Ok(Outcome::OrderPlaced { fresh: false, .. })));
        let part = shop.run(&place("o1", &lines[..1], Reject, false));
        assert!(matches!(part, Err(Refusal::OrderExists { .. })));
    }

    #[test]
    fn a_line_added_later_does_not_count_when_the_same_order_is_sent_again() {
        let lines = [("1", "LAMP", 2)];
        let mut shop = shop(&[
            create_batch("a", "LAMP", 9, None),
            place("o1", &lines, Reject, false),
            allocate("o1", "LAMP", 1),
        ]);
        let again = shop.run(&place("o1", &lines, Reject, false));
        let Ok(Outcome::OrderPlaced { order, fresh: false }) = again else {
            panic!("unchanged")
        };
        assert_eq!(order.lines.len(), 2);
    }
}

mod cancelling {
    use super::*;

    #[test]
    fn a_cancelled_line_frees_its_units_and_cancelling_again_changes_nothing() {
        let mut shop = shop(&[create_batch("a", "LAMP", 9, None), allocate("o1", "LAMP", 4)]);
        shop.run(&cancel_line("o1", "LAMP")).expect("cancelled");
        assert_eq!(shop.available("a"), 9);
        let before = shop.events.len();
        assert!(matches!(
            shop.run(&cancel_line("o1", "LAMP")),
            Ok(Outcome::OrderChanged { changed: false, .. })
        ));
        assert!(shop.events_since(before).is_empty());
    }

    #[test]
    fn a_cancelled_line_leaves_the_backlog_for_good() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 1, None),
            backorder("o1", "LAMP", 4),
            cancel_order("o1"),
        ]);
        shop.run(&create_batch("b", "LAMP", 9, None)).expect("created");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Cancelled));
        assert!(matches!(
            shop.run(&backorder("o1", "LAMP", 4)),
            Err(Refusal::LineEnded { .. })
        ));
        assert_eq!(shop.available("b"), 9);
    }

    #[test]
    fn cancelling_its_last_line_cancels_an_order() {
        let lines = [("1", "LAMP", 2), ("2", "LAMP", 3)];
        let mut shop = shop(&[create_batch("a", "LAMP", 9, None), place("o1", &lines, Reject, false)]);
        let before = shop.events.len();
        shop.run(&cancel_line("o1", "1")).expect("cancelled");
        shop.run(&cancel_line("o1", "2")).expect("cancelled");
        assert_eq!(
            shop.events_since(before),
            ["Deallocated o1", "Deallocated o1", "OrderCancelled"]
        );
    }

    #[test]
    fn an_unknown_order_or_line_is_refused() {
        let mut shop = shop(&[create_batch("a", "LAMP", 9, None), allocate("o1", "LAMP", 4)]);
        assert!(matches!(shop.run(&cancel_order("o2")), Err(Refusal::UnknownOrder(_))));
        assert!(matches!(
            shop.run(&cancel_line("o2", "LAMP")),
            Err(Refusal::UnknownOrder(_))
        ));
        assert!(matches!(
            shop.run(&cancel_line("o1", "DESK")),
            Err(Refusal::UnknownLine(_))
        ));
    }
}
