//! Allocating lines: which batches are tried first, and what a line gets. One sentence a test.

use earmark_domain::{
    Command, LineState, Location, Locations, OnOrderShortage, Outcome, ProductName, PutProduct, Refusal, Term,
};

use crate::support::{
    Shop, allocate, allocate_split, backorder, cancel_line, create_batch, day, key, place, shop, sku,
};

mod preference {
    use super::*;

    #[test]
    fn stock_in_the_warehouse_is_used_before_inbound_stock() {
        let mut shop = shop(&[
            create_batch("ship", "LAMP", 10, Some(day(1))),
            create_batch("shelf", "LAMP", 10, None),
        ]);
        shop.run(&allocate("o1", "LAMP", 3)).expect("fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("shelf".into(), 3)]);
    }

    #[test]
    fn the_earliest_eta_is_used_first() {
        let mut shop = shop(&[
            create_batch("late", "LAMP", 10, Some(day(9))),
            create_batch("early", "LAMP", 10, Some(day(2))),
            create_batch("overdue", "LAMP", 1, Some(day(-3))),
        ]);
        shop.run(&allocate("o1", "LAMP", 1)).expect("fits");
        shop.run(&allocate("o2", "LAMP", 1)).expect("fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("overdue".into(), 1)]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("early".into(), 1)]);
    }

    #[test]
    fn among_equal_dates_the_batch_created_first_is_used_first() {
        let mut shop = shop(&[create_batch("z", "LAMP", 10, None), create_batch("a", "LAMP", 10, None)]);
        shop.run(&allocate("o1", "LAMP", 1)).expect("fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("z".into(), 1)]);
    }
}

mod a_line {
    use super::*;

    #[test]
    fn a_batch_that_cannot_take_it_whole_is_passed_over() {
        let mut shop = shop(&[
            create_batch("small", "LAMP", 4, None),
            create_batch("big", "LAMP", 10, None),
        ]);
        shop.run(&allocate("o1", "LAMP", 5)).expect("fits");
        shop.run(&allocate("o2", "LAMP", 4)).expect("fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("big".into(), 5)]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("small".into(), 4)]);
    }

    #[test]
    fn if_it_may_be_split_it_is_spread_in_preference_order() {
        let mut shop = shop(&[
            create_batch("b-shelf", "LAMP", 4, None),
            create_batch("a-ship", "LAMP", 10, Some(day(3))),
        ]);
        let Ok(Outcome::LinePlaced { line, .. }) = shop.run(&allocate_split("o1", "LAMP", 6)) else {
            panic!("placed");
        };
        let parts: Vec<_> = line
            .allocations
            .iter()
            .map(|p| (p.batch.as_str(), p.quantity.get()))
            .collect();
        assert_eq!(parts, [("b-shelf", 4), ("a-ship", 2)]);
        assert_eq!(line.promise.on, Some(day(3)));
    }

    #[test]
    fn it_gets_all_of_its_units_or_none() {
        let mut shop = shop(&[create_batch("b", "LAMP", 4, None)]);
        assert!(shop.run(&allocate_split("o1", "LAMP", 5)).is_err());
        assert_eq!(shop.available("b"), 4);
        assert_eq!(shop.state("o1", "LAMP"), None);
    }

    #[test]
    fn a_shortage_names_the_available_units_and_the_largest_batch() {
        let mut shop = shop(&[create_batch("a", "LAMP", 4, None), create_batch("b", "LAMP", 3, None)]);
        let Err(Refusal::OutOfStock(shortage)) = shop.run(&allocate("o1", "LAMP", 5)) else {
            panic!("short");
        };
        assert_eq!((shortage.available.get(), shortage.largest_batch.get()), (7, 4));
    }

    #[test]
    fn a_refused_line_is_not_stored_and_has_an_out_of_stock_event() {
        let mut shop = shop(&[create_batch("b", "LAMP", 4, None)]);
        let before = shop.events.len();
        assert!(shop.run(&allocate("o1", "LAMP", 5)).is_err());
        assert_eq!(shop.events_since(before), ["OutOfStock o1"]);
        assert!(shop.lines.is_empty());
    }

    #[test]
    fn an_unknown_sku_is_refused_as_unknown_and_not_as_out_of_stock() {
        let mut shop = Shop::default();
        assert_eq!(
            shop.run(&allocate("o1", "LAMP", 1)),
            Err(Refusal::UnknownSku(vec![sku("LAMP")]))
        );
        assert!(shop.events.is_empty());
    }

    #[test]
    fn a_product_that_has_only_a_name_is_known_and_out_of_stock() {
        let mut shop = shop(&[Command::PutProduct(PutProduct {
            sku: sku("LAMP"),
            name: Some(ProductName::new("Lamp, red").expect("a name")),
            safety_stock: None,
        })]);
        assert!(matches!(
            shop.run(&allocate("o1", "LAMP", 1)),
            Err(Refusal::OutOfStock(_))
        ));
    }

    #[test]
    fn the_same_line_again_changes_nothing_and_has_the_same_outcome() {
        let mut shop = shop(&[create_batch("b", "LAMP", 4, None), allocate("o1", "LAMP", 3)]);
        let before = shop.events.len();
        let Ok(Outcome::LinePlaced { line, fresh: false }) = shop.run(&allocate("o1", "LAMP", 3)) else {
            panic!("unchanged");
        };
        assert_eq!(line.state, LineState::Allocated);
        assert!(shop.events_since(before).is_empty());
        assert_eq!(shop.available("b"), 1);
    }

    #[test]
    fn a_line_that_was_cancelled_is_not_answered_as_if_it_were_placed() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 3),
            cancel_line("o1", "LAMP"),
        ]);
        let before = shop.events.len();
        assert_eq!(
            shop.run(&allocate("o1", "LAMP", 3)),
            Err(Refusal::LineEnded {
                key: key("o1", "LAMP"),
                state: LineState::Cancelled,
            })
        );
        assert_eq!(shop.events.len(), before);
    }

    #[test]
    fn the_same_line_on_other_terms_is_a_conflict_that_names_them() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 3)]);
        let Command::Allocate(mut other) = allocate("o1", "LAMP", 3) else {
            unreachable!()
        };
        other.split = true;
        other.locations = Locations::new(vec![Location::default()]).expect("a location");
        assert_eq!(
            shop.run(&Command::Allocate(other)),
            Err(Refusal::LineExists {
                key: key("o1", "LAMP"),
                differs: vec![Term::Locations, Term::Split],
            })
        );
    }

    #[test]
    fn the_same_line_with_another_quantity_or_sku_is_a_conflict() {
        let exists = |term| Refusal::LineExists {
            key: key("o1", "LAMP"),
            differs: vec![term],
        };
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            create_batch("c", "DESK", 9, None),
            allocate("o1", "LAMP", 3),
        ]);
        assert_eq!(shop.run(&allocate("o1", "LAMP", 2)), Err(exists(Term::Quantity)));
        let other = place("o1", &[("LAMP", "DESK", 3)], OnOrderShortage::Reject, false);
        assert!(matches!(shop.run(&other), Err(Refusal::OrderExists { .. })));
        let Command::Allocate(mut swapped) = allocate("o1", "DESK", 3) else {
            unreachable!()
        };
        swapped.line.key = key("o1", "LAMP");
        assert_eq!(shop.run(&Command::Allocate(swapped)), Err(exists(Term::Sku)));
    }

    #[test]
    fn a_line_that_may_wait_joins_the_backlog_with_two_events() {
        let mut shop = shop(&[create_batch("b", "LAMP", 4, None)]);
        let before = shop.events.len();
        shop.run(&backorder("o1", "LAMP", 5)).expect("waits");
        assert_eq!(shop.events_since(before), ["OutOfStock o1", "Backordered o1"]);
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn commands_in_one_transaction_see_each_others_changes() {
        let mut shop = shop(&[create_batch("b", "LAMP", 5, None)]);
        let (first, second) = (allocate("o1", "LAMP", 3), allocate("o2", "LAMP", 3));
        let third = allocate("o3", "LAMP", 2);
        let outcomes = shop.run_together(&[&first, &second, &third]);
        assert!(outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok());
    }
}
