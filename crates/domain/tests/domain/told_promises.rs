//! What was told stands: a promise changes by an event alone. One sentence a test.

use earmark_domain::{Command, OrderTerms};

use crate::support::{
    Shop, allocate, allocate_split, cancel_order, change_quantity, count, create_batch, day, dispatch, key, place_on,
    precedence, put_off, receive, reference, shop, undo_dispatch,
};

/// An order of one line that is required by a day.
fn required(id: &str, quantity: u32, by: i8) -> Command {
    let terms = OrderTerms {
        precedence: precedence(0, Some(day(by))),
        ..OrderTerms::default()
    };
    place_on(id, &[("LAMP", "LAMP", quantity)], terms)
}

fn first_promised_on(shop: &Shop, order: &str) -> Option<jiff::civil::Date> {
    shop.lines[&key(order, "LAMP")].promise.first_on
}

mod a_promise {
    use super::*;

    #[test]
    fn of_stock_in_the_warehouse_is_for_the_day_of_the_decision_and_stays_when_days_pass() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 2)]);
        let before = shop.events.len();
        shop.advance_days(3);
        assert_eq!(shop.promised_on("o1"), Some(day(0)));
        assert_eq!(shop.events_since(before), [""; 0]);
        shop.run(&allocate("o2", "LAMP", 2)).expect("fits");
        assert_eq!(shop.promised_on("o2"), Some(day(3)));
    }

    #[test]
    fn is_told_from_the_day_that_was_told_before_and_not_from_one_that_was_not() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(1))), allocate("o1", "LAMP", 2)]);
        shop.advance_days(4);
        shop.run(&put_off("b", day(8))).expect("put off");
        let told = shop.events.iter().find_map(|event| match &event.fact {
            earmark_domain::Fact::PromiseChanged { from, to, .. } => Some((*from, *to)),
            _ => None,
        });
        assert_eq!(told, Some((day(1), day(8))));
    }

    #[test]
    fn that_is_due_today_is_broken_when_its_batch_is_put_off_after_midnight() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(0))), required("o1", 2, 0)]);
        shop.advance_clock(24 * 60 * 60);
        let before = shop.events.len();
        shop.run(&put_off("b", day(8))).expect("put off");
        let names = shop.events_since(before);
        assert_eq!(names, ["BatchEtaChanged", "PromiseChanged o1", "PromiseBroken o1"]);
    }

    #[test]
    fn keeps_the_first_day_beside_the_last() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(2))), allocate("o1", "LAMP", 2)]);
        shop.run(&put_off("b", day(5))).expect("put off");
        shop.run(&put_off("b", day(9))).expect("put off");
        assert_eq!(first_promised_on(&shop, "o1"), Some(day(2)));
        assert_eq!(shop.promised_on("o1"), Some(day(9)));
    }

    #[test]
    fn is_withdrawn_with_the_units_and_the_first_day_stays() {
        let mut shop = shop(&[create_batch("b", "LAMP", 2, Some(day(2))), allocate("o1", "LAMP", 2)]);
        shop.run(&count("b", 1)).expect("counted");
        assert_eq!((shop.promised_on("o1"), first_promised_on(&shop, "o1")), (None, Some(day(2))));
        shop.run(&create_batch("c", "LAMP", 2, Some(day(7)))).expect("bought");
        assert_eq!((shop.promised_on("o1"), first_promised_on(&shop, "o1")), (Some(day(7)), Some(day(2))));
        shop.run(&cancel_order("o1")).expect("cancelled");
        assert_eq!(shop.promised_on("o1"), None);
    }

    #[test]
    fn stays_with_a_line_that_has_left() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 2)]);
        shop.advance_days(2);
        shop.run(&dispatch("o1", None)).expect("dispatched");
        assert_eq!(shop.promised_on("o1"), Some(day(0)));
        shop.run(&undo_dispatch("o1", None)).expect("undone");
        assert_eq!(shop.promised_on("o1"), Some(day(0)));
    }

    #[test]
    fn of_a_line_that_was_not_touched_stays_when_its_batch_is_counted() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 2),
            allocate("o2", "LAMP", 7),
        ]);
        shop.advance_days(2);
        let before = shop.events.len();
        shop.run(&count("b", 8)).expect("counted");
        assert_eq!(shop.events_since(before), ["BatchQuantityChanged", "Backordered o2"]);
        assert_eq!(shop.promised_on("o1"), Some(day(0)));
    }

    #[test]
    fn for_more_units_is_for_no_earlier_day_than_was_told_and_for_fewer_for_no_later() {
        let mut shop = shop(&[
            create_batch("shelf", "LAMP", 3, None),
            create_batch("ship", "LAMP", 9, Some(day(5))),
            allocate_split("o1", "LAMP", 2),
        ]);
        shop.advance_days(1);
        shop.run(&change_quantity("o1", "LAMP", 3)).expect("raised");
        assert_eq!(shop.promised_on("o1"), Some(day(1)));
        shop.run(&change_quantity("o1", "LAMP", 6)).expect("raised");
        assert_eq!(shop.promised_on("o1"), Some(day(5)));
        shop.run(&change_quantity("o1", "LAMP", 1)).expect("reduced");
        assert_eq!(shop.promised_on("o1"), Some(day(1)));
    }

    #[test]
    fn of_a_receipt_is_for_the_day_of_the_receipt() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(6))), allocate("o1", "LAMP", 2)]);
        shop.advance_days(2);
        shop.run(&receive("b", None)).expect("received");
        assert_eq!(shop.promised_on("o1"), Some(day(2)));
    }
}

mod the_day_of_the_shop {
    use super::*;

    #[test]
    fn is_in_every_event_so_that_another_zone_breaks_no_audit() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 2)]);
        assert!(shop.events.iter().all(|event| event.decided_on == day(0)));
        shop.advance_days(1);
        shop.run(&allocate("o2", "LAMP", 2)).expect("fits");
        assert_eq!(shop.events.last().expect("an event").decided_on, day(1));
        assert_eq!(shop.discrepancies(), [""; 0]);
    }
}

mod the_first_sweep_of_a_day {
    use super::*;

    #[test]
    fn tells_once_that_a_batch_is_overdue() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(1)))]);
        let before = shop.events.len();
        shop.advance_days(1);
        assert_eq!(shop.events_since(before), [""; 0]);
        shop.advance_days(1);
        assert_eq!(shop.events_since(before), ["BatchOverdue"]);
        shop.advance_days(1);
        shop.pass_day();
        assert_eq!(shop.events_since(before), ["BatchOverdue"]);
        assert!(shop.batches[&reference("b")].overdue);
    }

    #[test]
    fn tells_again_when_the_batch_has_missed_another_day() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(1)))]);
        shop.advance_days(2);
        shop.run(&put_off("b", day(3))).expect("put off");
        let before = shop.events.len();
        shop.advance_days(2);
        assert_eq!(shop.events_since(before), ["BatchOverdue"]);
    }

    #[test]
    fn breaks_the_promises_that_the_day_alone_has_broken_each_once() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 9, Some(day(1))),
            required("soon", 1, 1),
            required("later", 1, 4),
            allocate("whenever", "LAMP", 1),
        ]);
        let before = shop.events.len();
        shop.advance_days(2);
        assert_eq!(shop.events_since(before), ["BatchOverdue", "PromiseBroken soon"]);
        assert_eq!(shop.promised_on("soon"), Some(day(1)), "what was told stands");
        shop.advance_days(1);
        shop.advance_days(1);
        assert_eq!(
            shop.events_since(before),
            ["BatchOverdue", "PromiseBroken soon", "PromiseBroken later"]
        );
        shop.advance_days(1);
        assert_eq!(shop.events_since(before).len(), 3);
    }

    #[test]
    fn goes_through_a_bounded_number_of_lines_at_a_time() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(1)))]);
        for n in 0..7 {
            shop.run(&required(&format!("o{n}"), 1, 1)).expect("fits");
        }
        shop.change_page = Some(2);
        let before = shop.events.len();
        shop.advance_days(5);
        assert_eq!(shop.events_since(before).len(), 8);
    }

    #[test]
    fn says_nothing_of_lines_whose_stock_is_here() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None), required("o1", 1, 1)]);
        let before = shop.events.len();
        shop.advance_days(5);
        assert_eq!(shop.events_since(before), [""; 0]);
    }
}
