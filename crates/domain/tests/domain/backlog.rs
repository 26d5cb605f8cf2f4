//! The backlog: in which order lines are served, and in which order they leave a batch. One sentence a test.

use earmark_domain::{BACKLOG_PAGE, Command, LineState, OnOrderShortage, OrderTerms};

use crate::support::{
    allocate, backorder, cancel_order, count, create_batch, day, hold_terms, place_on, precedence, shop,
};

mod serving {
    use super::*;

    #[test]
    fn new_stock_serves_the_backlog_in_order_of_first_placing() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 1, None),
            backorder("o2", "LAMP", 2),
            backorder("o1", "LAMP", 2),
        ]);
        shop.run(&create_batch("b", "LAMP", 2, None)).expect("created");
        assert_eq!(shop.state("o2", "LAMP"), Some(LineState::Allocated));
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn a_line_that_does_not_fit_is_passed_over_and_blocks_no_other() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 1, None),
            backorder("large", "LAMP", 9),
            backorder("small", "LAMP", 2),
        ]);
        shop.run(&count("a", 3)).expect("counted");
        assert_eq!(shop.state("large", "LAMP"), Some(LineState::Backordered));
        assert_eq!(shop.units_of("small", "LAMP"), [("a".into(), 2)]);
    }

    #[test]
    fn units_freed_by_a_cancellation_serve_the_backlog() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 3, None),
            allocate("o1", "LAMP", 3),
            backorder("o2", "LAMP", 2),
        ]);
        let before = shop.events.len();
        shop.run(&cancel_order("o1")).expect("cancelled");
        assert_eq!(
            shop.events_since(before),
            ["Deallocated o1", "Allocated o2", "StockReplenished", "OrderCancelled"]
        );
    }

    #[test]
    fn a_long_backlog_is_served_in_bounded_transactions_and_no_line_is_lost() {
        let mut shop = shop(&[create_batch("a", "LAMP", 1, None)]);
        let waiting = BACKLOG_PAGE * 2 + 50;
        for n in 0..waiting {
            // The lines of the first page are too large for the new stock: they are passed over, and the others are
            // served.
            let size = if n < BACKLOG_PAGE { 5_000 } else { 1 };
            shop.run(&backorder(&format!("o{n:04}"), "LAMP", size + 1))
                .expect("waits");
        }
        shop.run(&create_batch("b", "LAMP", 600, None)).expect("created");
        assert_eq!(shop.finish_work(), 2);
        let served = shop.lines.values().filter(|l| l.state == LineState::Allocated).count();
        assert_eq!(served, waiting - BACKLOG_PAGE);
    }

    #[test]
    fn a_served_line_is_not_served_twice() {
        let mut shop = shop(&[create_batch("a", "LAMP", 1, None), backorder("o1", "LAMP", 2)]);
        let (b, c) = (create_batch("b", "LAMP", 2, None), create_batch("c", "LAMP", 2, None));
        shop.run_together(&[&b, &c]);
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 2)]);
        assert_eq!(shop.available("c"), 2);
    }
}

mod the_order_of_service {
    use super::*;

    fn waiting(id: &str, priority: i32, required_by: Option<i8>, quantity: u32) -> Command {
        let terms = OrderTerms {
            on_shortage: OnOrderShortage::Backorder,
            precedence: precedence(priority, required_by.map(day)),
            ..OrderTerms::default()
        };
        place_on(id, &[("LAMP", "LAMP", quantity)], terms)
    }

    #[test]
    fn puts_the_higher_priority_first_then_the_earlier_day_then_the_line_placed_first() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 1, None),
            allocate("sold", "LAMP", 1),
            waiting("none", 0, None, 1),
            waiting("late", 0, Some(4), 1),
            waiting("soon", 0, Some(2), 1),
            waiting("high", 1, None, 1),
            waiting("low", -1, Some(1), 1),
        ]);
        for (batch, served) in ["high", "soon", "late", "none", "low"].into_iter().enumerate() {
            shop.run(&create_batch(&format!("b{batch}"), "LAMP", 1, None))
                .expect("bought");
            assert_eq!(shop.state(served, "LAMP"), Some(LineState::Allocated), "{served}");
        }
    }

    #[test]
    fn lets_held_lines_leave_a_shrinking_batch_first_then_the_lowest_priority_then_the_latest_day() {
        let firm = |id: &str, priority, required_by: Option<i8>| {
            let terms = OrderTerms {
                precedence: precedence(priority, required_by.map(day)),
                ..OrderTerms::default()
            };
            place_on(id, &[("LAMP", "LAMP", 1)], terms)
        };
        let mut shop = shop(&[
            create_batch("b", "LAMP", 6, None),
            place_on(
                "held",
                &[("LAMP", "LAMP", 1)],
                OrderTerms {
                    precedence: precedence(9, None),
                    ..hold_terms(60)
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
            shop.run(&count("b", quantity)).expect("counted");
            assert_eq!(shop.state(leaves, "LAMP"), Some(LineState::Backordered), "{leaves}");
        }
    }
}
