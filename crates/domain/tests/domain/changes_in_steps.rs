//! Changes of batches with more lines than one transaction goes through. One sentence a test.

use earmark_domain::{Effects, LineState, Outcome};
use proptest::prelude::*;

use crate::support::{
    Shop, allocate, backorder, cancel_batch, count, create_batch, day, hold, put_off, receive, reference, shop, sku,
    undo_receipt, units_counted,
};

/// A batch of `lines` units with a line for each, in a shop that goes through two lines at a time.
fn crowded(lines: u32) -> Shop {
    let mut shop = shop(&[create_batch("a", "LAMP", lines, Some(day(5)))]);
    for n in 1..=lines {
        shop.run(&allocate(&format!("o{n}"), "LAMP", 1)).expect("allocated");
    }
    shop.change_page = Some(2);
    shop
}

fn is_pending(shop: &Shop) -> bool {
    shop.products[&sku("LAMP")].pending.is_some()
}

/// Continues the pending change until it is carried out, and returns the number of steps.
fn finish(shop: &mut Shop) -> usize {
    let mut steps = 0;
    while is_pending(shop) {
        shop.continue_work(sku("LAMP"));
        steps += 1;
        assert!(steps < 1_000, "each step goes through some lines");
    }
    steps
}

fn effects(outcome: Outcome) -> Effects {
    let Outcome::BatchChanged { effects, .. } = outcome else {
        unreachable!("a batch was changed")
    };
    effects
}

fn states(shop: &Shop, lines: u32) -> Vec<LineState> {
    let state = |n| shop.state(&format!("o{n}"), "LAMP").expect("a line");
    (1..=lines).map(state).collect()
}

use LineState::{Allocated, Backordered};

mod shrinking {
    use super::*;

    #[test]
    fn its_quantity_falls_with_the_lines_that_leave_until_it_is_what_was_counted() {
        let mut shop = crowded(6);
        let effects = effects(shop.run(&count("a", 1)).expect("counted"));
        assert!(effects.continues);
        assert_eq!(effects.backordered.len(), 2);
        assert_eq!(shop.batches[&reference("a")].quantity, units_counted(4));
        assert_eq!(finish(&mut shop), 2);
        assert_eq!(shop.batches[&reference("a")].quantity, units_counted(1));
        let [first, others @ ..] = &states(&shop, 6)[..] else {
            unreachable!()
        };
        assert_eq!(*first, Allocated);
        assert!(others.iter().all(|state| *state == Backordered));
    }

    #[test]
    fn the_lines_that_left_are_served_from_other_stock_in_order_of_service() {
        let mut shop = crowded(5);
        shop.run(&create_batch("b", "LAMP", 2, Some(day(9)))).expect("created");
        shop.run(&count("a", 1)).expect("counted");
        finish(&mut shop);
        assert_eq!(
            states(&shop, 5),
            [Allocated, Allocated, Allocated, Backordered, Backordered]
        );
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 1)]);
        assert_eq!(shop.units_of("o3", "LAMP"), [("b".into(), 1)]);
    }

    #[test]
    fn nobody_overtakes_the_lines_that_still_have_to_move() {
        let mut shop = crowded(5);
        shop.run(&create_batch("b", "LAMP", 1, Some(day(9)))).expect("created");
        shop.run(&count("a", 1)).expect("counted");
        assert!(is_pending(&shop));
        shop.run(&backorder("late", "LAMP", 1))
            .expect("it is decided once the change is carried out");
        assert!(!is_pending(&shop));
        assert_eq!(shop.state("late", "LAMP"), Some(Backordered));
        assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 1)]);
    }

    #[test]
    fn held_lines_leave_first_then_those_that_were_placed_last() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 4, Some(day(5))),
            hold("h", "LAMP", 1, 60),
            allocate("o1", "LAMP", 1),
            allocate("o2", "LAMP", 1),
            allocate("o3", "LAMP", 1),
        ]);
        shop.change_page = Some(2);
        shop.run(&count("a", 1)).expect("counted");
        assert_eq!(shop.state("h", "LAMP"), Some(Backordered));
        assert_eq!(states(&shop, 3), [Allocated, Allocated, Backordered]);
        finish(&mut shop);
        assert_eq!(states(&shop, 3), [Allocated, Backordered, Backordered]);
    }

    #[test]
    fn a_cancelled_batch_is_closed_when_the_last_line_has_left() {
        let mut shop = crowded(5);
        let before = shop.events.len();
        shop.run(&cancel_batch("a")).expect("cancelled");
        assert!(!shop.batches[&reference("a")].closed);
        finish(&mut shop);
        let batch = &shop.batches[&reference("a")];
        assert!(batch.closed);
        assert_eq!(batch.quantity, units_counted(0));
        let of_batch = shop
            .events_since(before)
            .into_iter()
            .filter(|event| event.starts_with("Batch"));
        assert_eq!(
            of_batch.collect::<Vec<_>>(),
            ["BatchQuantityChanged", "BatchQuantityChanged", "BatchCancelled"]
        );
    }
}

mod another_date {
    use super::*;

    #[test]
    fn each_line_gets_its_new_date_once() {
        let mut shop = crowded(5);
        let before = shop.events.len();
        let effects = effects(shop.run(&put_off("a", day(8))).expect("put off"));
        assert!(effects.continues);
        finish(&mut shop);
        let mut events = shop.events_since(before);
        events.sort();
        assert_eq!(
            events,
            [
                "BatchEtaChanged",
                "PromiseChanged o1",
                "PromiseChanged o2",
                "PromiseChanged o3",
                "PromiseChanged o4",
                "PromiseChanged o5",
            ]
        );
    }

    #[test]
    fn the_first_placed_move_to_earlier_stock() {
        let mut shop = crowded(5);
        shop.run(&create_batch("b", "LAMP", 2, Some(day(6)))).expect("created");
        shop.run(&put_off("a", day(8))).expect("put off");
        finish(&mut shop);
        let in_b: Vec<u32> = (1..=5)
            .filter(|n| shop.units_of(&format!("o{n}"), "LAMP") == [("b".into(), 1)])
            .collect();
        assert_eq!(in_b, [1, 2]);
    }

    #[test]
    fn a_short_receipt_first_loses_the_lines_that_do_not_fit_and_then_arrives() {
        let mut shop = crowded(5);
        let before = shop.events.len();
        shop.run(&receive("a", Some(2))).expect("received");
        finish(&mut shop);
        assert_eq!(
            states(&shop, 5),
            [Allocated, Allocated, Backordered, Backordered, Backordered]
        );
        let batch = &shop.batches[&reference("a")];
        assert_eq!((batch.quantity, batch.eta), (units_counted(2), None));
        let received = shop.events_since(before);
        assert!(received.contains(&"BatchReceived".to_owned()));
        assert!(received.contains(&"PromiseChanged o1".to_owned()));
        assert!(
            !received.contains(&"PromiseChanged o5".to_owned()),
            "it had left before"
        );
    }

    #[test]
    fn an_undone_receipt_first_loses_the_lines_that_do_not_fit_and_then_tells_the_day_again() {
        let mut shop = shop(&[create_batch("a", "LAMP", 3, Some(day(6))), receive("a", Some(5))]);
        for n in 1..=5 {
            shop.run(&allocate(&format!("o{n}"), "LAMP", 1)).expect("allocated");
        }
        shop.change_page = Some(2);
        let before = shop.events.len();
        shop.run(&undo_receipt("a")).expect("undone");
        finish(&mut shop);
        assert_eq!(
            states(&shop, 5),
            [Allocated, Allocated, Allocated, Backordered, Backordered]
        );
        let batch = &shop.batches[&reference("a")];
        assert_eq!(
            (batch.quantity, batch.eta, batch.receipt),
            (units_counted(3), Some(day(6)), None)
        );
        let undone = shop.events_since(before);
        assert!(undone.contains(&"BatchReceiptUndone".to_owned()));
        assert!(undone.contains(&"PromiseChanged o3".to_owned()));
    }

    #[test]
    fn an_overdue_hold_does_not_stop_it() {
        let mut shop = crowded(3);
        shop.run(&create_batch("b", "LAMP", 3, Some(day(5)))).expect("created");
        for n in 0..3 {
            shop.run(&hold(&format!("h{n}"), "LAMP", 1, 60)).expect("held");
        }
        shop.run(&put_off("b", day(8))).expect("put off");
        shop.advance_clock(61);
        finish(&mut shop);
        shop.sweep();
        assert_eq!(shop.available("b"), 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However many lines a step goes through, the same lines keep their units, wait, or get other stock.
    #[test]
    fn a_change_in_steps_ends_as_one_in_a_single_step(
        lines in 1_u32..12,
        left in 0_u32..12,
        other in 0_u32..6,
        page in 1_usize..5,
        cancel: bool,
    ) {
        let outcome = |page| {
            let mut shop = crowded(lines);
            shop.change_page = page;
            if other > 0 {
                shop.run(&create_batch("b", "LAMP", other, Some(day(9)))).expect("created");
            }
            let change = if cancel { cancel_batch("a") } else { count("a", left.min(lines)) };
            shop.run(&change).expect("changed");
            finish(&mut shop);
            let units: Vec<_> = (1..=lines).map(|n| shop.units_of(&format!("o{n}"), "LAMP")).collect();
            (units, shop.batches)
        };
        prop_assert_eq!(outcome(Some(page)), outcome(None));
    }
}
