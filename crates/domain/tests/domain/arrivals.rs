//! Batches that are put off, received and cancelled: one sentence a test.

use earmark_domain::{Command, LineState, OrderTerms, Outcome, Refusal};

use crate::support::{
    allocate, backorder, cancel_batch, change, count, create_batch, day, dispatch, place_on, precedence, put_off,
    receive, reference, shop, undo_dispatch,
};

/// An order of one line that is required by a day.
fn required(id: &str, quantity: u32, by: i8) -> Command {
    let terms = OrderTerms {
        precedence: precedence(0, Some(day(by))),
        ..OrderTerms::default()
    };
    place_on(id, &[("LAMP", "LAMP", quantity)], terms)
}

mod a_new_eta {
    use super::*;

    #[test]
    fn moves_a_line_to_stock_that_arrives_earlier() {
        let mut shop = shop(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 10, Some(day(20))),
            allocate("o1", "LAMP", 10),
        ]);
        let Ok(Outcome::BatchChanged { effects, .. }) = shop.run(&put_off("b1", day(30))) else {
            panic!("put off");
        };
        assert_eq!(shop.units_of("o1", "LAMP"), [("b2".into(), 10)]);
        assert_eq!(shop.available("b1"), 10);
        let [moved] = &effects.reallocated[..] else {
            panic!("one moved")
        };
        assert_eq!((moved.promised_from, moved.promised_to), (day(10), day(20)));
    }

    #[test]
    fn changes_the_promise_of_a_line_if_no_other_stock_arrives_earlier() {
        let mut shop = shop(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 10, Some(day(35))),
            allocate("o1", "LAMP", 10),
        ]);
        let before = shop.events.len();
        let Ok(Outcome::BatchChanged { effects, .. }) = shop.run(&put_off("b1", day(30))) else {
            panic!("put off");
        };
        assert_eq!(shop.units_of("o1", "LAMP"), [("b1".into(), 10)]);
        assert_eq!(shop.events_since(before), ["BatchEtaChanged", "PromiseChanged o1"]);
        let [moved] = &effects.promise_changed[..] else {
            panic!("one promise changed")
        };
        assert_eq!((moved.from, moved.to), (day(10), day(30)));
    }

    #[test]
    fn that_misses_the_required_day_breaks_the_promise_and_cancels_nothing() {
        let mut shop = shop(&[create_batch("b1", "LAMP", 10, Some(day(10))), required("o1", 10, 15)]);
        let before = shop.events.len();
        shop.run(&put_off("b1", day(30))).expect("put off");
        let names = shop.events_since(before);
        assert_eq!(names, ["BatchEtaChanged", "PromiseChanged o1", "PromiseBroken o1"]);
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Allocated));
        let before = shop.events.len();
        shop.run(&put_off("b1", day(40))).expect("put off again");
        assert_eq!(shop.events_since(before), ["BatchEtaChanged", "PromiseChanged o1"]);
    }

    #[test]
    fn that_is_earlier_changes_the_promise_and_moves_no_line() {
        let mut shop = shop(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 10, Some(day(2))),
            allocate("o1", "LAMP", 10),
            allocate("o2", "LAMP", 10),
        ]);
        let before = shop.events.len();
        shop.run(&put_off("b1", day(5))).expect("brought forward");
        assert_eq!(shop.events_since(before), ["BatchEtaChanged", "PromiseChanged o2"]);
    }

    #[test]
    fn together_with_a_count_is_one_change_with_one_net_event_for_each_line() {
        let mut shop = shop(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 4, Some(day(40))),
            allocate("o1", "LAMP", 6),
            allocate("o2", "LAMP", 4),
        ]);
        let before = shop.events.len();
        shop.run(&change("b1", Some(6), Some(day(30)))).expect("changed");
        assert_eq!(
            shop.events_since(before),
            [
                "BatchQuantityChanged",
                "BatchEtaChanged",
                "PromiseChanged o1",
                "Reallocated o2",
                "StockDepleted"
            ]
        );
    }
}

mod a_receipt {
    use super::*;

    #[test]
    fn puts_the_batch_into_the_warehouse_and_its_lines_can_leave_today() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(10))), allocate("o1", "LAMP", 4)]);
        let before = shop.events.len();
        shop.run(&receive("b", None)).expect("received");
        assert_eq!(shop.batches[&reference("b")].eta, None);
        assert_eq!(shop.events_since(before), ["BatchReceived", "PromiseChanged o1"]);
    }

    #[test]
    fn of_an_overdue_batch_brings_a_promise_for_tomorrow_forward_to_today() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(-1))), allocate("o1", "LAMP", 4)]);
        let before = shop.events.len();
        shop.run(&receive("b", None)).expect("received");
        assert_eq!(shop.events_since(before), ["BatchReceived", "PromiseChanged o1"]);
        assert_eq!(shop.promised_on("o1"), Some(day(0)));
    }

    #[test]
    fn that_is_short_sends_the_line_allocated_last_to_the_backlog() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            allocate("o1", "LAMP", 4),
            allocate("o2", "LAMP", 5),
        ]);
        shop.run(&receive("b", Some(6))).expect("received");
        assert_eq!(shop.state("o2", "LAMP"), Some(LineState::Backordered));
        assert_eq!(shop.available("b"), 2);
    }

    #[test]
    fn of_more_than_expected_serves_the_backlog() {
        let mut shop = shop(&[create_batch("b", "LAMP", 3, Some(day(10))), backorder("o1", "LAMP", 5)]);
        shop.run(&receive("b", Some(6))).expect("received");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 5)]);
    }

    #[test]
    fn that_is_repeated_changes_nothing_whatever_its_count() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", Some(8)),
            count("b", 7),
        ]);
        let before = shop.events.len();
        shop.run(&receive("b", Some(8))).expect("unchanged");
        assert_eq!(shop.events.len(), before);
        assert_eq!(shop.available("b"), 7);
    }
}

mod a_cancelled_batch {
    use super::*;

    #[test]
    fn keeps_what_was_dispatched_and_its_lines_move_or_wait() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, None),
            allocate("gone", "LAMP", 2),
            dispatch("gone", None),
            allocate("o1", "LAMP", 3),
            allocate("o2", "LAMP", 5),
            create_batch("c", "LAMP", 3, Some(day(3))),
        ]);
        shop.run(&cancel_batch("b")).expect("cancelled");
        assert_eq!(shop.units_of("o1", "LAMP"), [("c".into(), 3)]);
        assert_eq!(shop.state("o2", "LAMP"), Some(LineState::Backordered));
        let batch = &shop.batches[&reference("b")];
        assert_eq!(
            (batch.quantity.get(), batch.dispatched.get(), batch.closed),
            (2, 2, true)
        );
    }

    #[test]
    fn takes_back_no_dispatched_units() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, None),
            allocate("gone", "LAMP", 2),
            dispatch("gone", None),
            cancel_batch("b"),
        ]);
        assert!(matches!(
            shop.run(&undo_dispatch("gone", None)),
            Err(Refusal::BatchClosed(_))
        ));
        assert_eq!(shop.state("gone", "LAMP"), Some(LineState::Dispatched));
        assert_eq!(shop.available("b"), 0);
    }

    #[test]
    fn stays_closed_and_cancelling_it_again_changes_nothing() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, Some(day(2))), cancel_batch("b")]);
        let before = shop.events.len();
        shop.run(&cancel_batch("b")).expect("unchanged");
        assert_eq!(shop.events.len(), before);
        for change in [count("b", 5), put_off("b", day(4)), receive("b", None)] {
            assert!(matches!(shop.run(&change), Err(Refusal::BatchClosed(_))));
        }
    }
}
