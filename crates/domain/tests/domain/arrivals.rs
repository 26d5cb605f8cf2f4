//! Batches that are put off, received and given up: one sentence a test.

use earmark_domain::{Command, LineState, OrderTerms, Outcome, Refusal};

use crate::support::{
    allocate, backorder, books, cancel_batch, change, count, create_batch, day, dispatch, place_on, precedence,
    put_off, receive, reference, undo_dispatch,
};

/// A line that is required by a day.
fn required(id: &str, quantity: u32, by: i8) -> Command {
    let terms = OrderTerms {
        precedence: precedence(0, Some(day(by))),
        ..OrderTerms::default()
    };
    place_on(id, &[("LAMP", "LAMP", quantity)], terms)
}

mod an_arrival_that_is_put_off {
    use super::*;

    #[test]
    fn moves_a_line_to_stock_that_is_there_earlier() {
        let mut books = books(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 10, Some(day(20))),
            allocate("o1", "LAMP", 10),
        ]);
        let Ok(Outcome::BatchChanged { effects, .. }) = books.run(&put_off("b1", day(30))) else {
            panic!("put off");
        };
        assert_eq!(books.held("o1", "LAMP"), [("b2".into(), 10)]);
        assert_eq!(books.available("b1"), 10);
        let [moved] = &effects.reallocated[..] else {
            panic!("one moved")
        };
        assert_eq!((moved.promised_from, moved.promised_to), (day(10), day(20)));
    }

    #[test]
    fn leaves_a_line_where_nothing_is_there_earlier_and_tells_of_the_new_date() {
        let mut books = books(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 10, Some(day(35))),
            allocate("o1", "LAMP", 10),
        ]);
        let told = books.events.len();
        let Ok(Outcome::BatchChanged { effects, .. }) = books.run(&put_off("b1", day(30))) else {
            panic!("put off");
        };
        assert_eq!(books.held("o1", "LAMP"), [("b1".into(), 10)]);
        assert_eq!(books.told_since(told), ["BatchEtaChanged", "PromiseChanged o1"]);
        let [moved] = &effects.promise_changed[..] else {
            panic!("one told")
        };
        assert_eq!((moved.from, moved.to), (day(10), day(30)));
    }

    #[test]
    fn breaks_a_promise_that_the_new_date_misses_and_cancels_nothing() {
        let mut books = books(&[create_batch("b1", "LAMP", 10, Some(day(10))), required("o1", 10, 15)]);
        let told = books.events.len();
        books.run(&put_off("b1", day(30))).expect("put off");
        let names = books.told_since(told);
        assert_eq!(names, ["BatchEtaChanged", "PromiseChanged o1", "PromiseBroken o1"]);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Allocated));
        let told = books.events.len();
        books.run(&put_off("b1", day(40))).expect("put off again");
        assert_eq!(books.told_since(told), ["BatchEtaChanged", "PromiseChanged o1"]);
    }

    #[test]
    fn that_is_brought_forward_tells_of_the_earlier_date_and_moves_nobody() {
        let mut books = books(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 10, Some(day(2))),
            allocate("o1", "LAMP", 10),
            allocate("o2", "LAMP", 10),
        ]);
        let told = books.events.len();
        books.run(&put_off("b1", day(5))).expect("brought forward");
        assert_eq!(books.told_since(told), ["BatchEtaChanged", "PromiseChanged o2"]);
    }

    #[test]
    fn together_with_a_count_is_one_change_with_one_net_event_a_line() {
        let mut books = books(&[
            create_batch("b1", "LAMP", 10, Some(day(10))),
            create_batch("b2", "LAMP", 4, Some(day(40))),
            allocate("o1", "LAMP", 6),
            allocate("o2", "LAMP", 4),
        ]);
        let told = books.events.len();
        books.run(&change("b1", Some(6), Some(day(30)))).expect("changed");
        assert_eq!(
            books.told_since(told),
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
        let mut books = books(&[create_batch("b", "LAMP", 10, Some(day(10))), allocate("o1", "LAMP", 4)]);
        let told = books.events.len();
        books.run(&receive("b", None)).expect("received");
        assert_eq!(books.batches[&reference("b")].eta, None);
        assert_eq!(books.told_since(told), ["BatchReceived", "PromiseChanged o1"]);
    }

    #[test]
    fn of_an_overdue_batch_changes_no_date() {
        let mut books = books(&[create_batch("b", "LAMP", 10, Some(day(-1))), allocate("o1", "LAMP", 4)]);
        let told = books.events.len();
        books.run(&receive("b", None)).expect("received");
        assert_eq!(books.told_since(told), ["BatchReceived"]);
    }

    #[test]
    fn that_is_short_lets_the_latest_wait() {
        let mut books = books(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            allocate("o1", "LAMP", 4),
            allocate("o2", "LAMP", 5),
        ]);
        books.run(&receive("b", Some(6))).expect("received");
        assert_eq!(books.state("o2", "LAMP"), Some(LineState::Backordered));
        assert_eq!(books.available("b"), 2);
    }

    #[test]
    fn that_is_over_serves_those_who_wait() {
        let mut books = books(&[create_batch("b", "LAMP", 3, Some(day(10))), backorder("o1", "LAMP", 5)]);
        books.run(&receive("b", Some(6))).expect("received");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 5)]);
    }

    #[test]
    fn again_changes_nothing_whatever_it_says() {
        let mut books = books(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", Some(8)),
            count("b", 7),
        ]);
        let told = books.events.len();
        books.run(&receive("b", Some(8))).expect("unchanged");
        assert_eq!(books.events.len(), told);
        assert_eq!(books.available("b"), 7);
    }
}

mod a_cancelled_batch {
    use super::*;

    #[test]
    fn keeps_what_has_left_it_and_its_lines_move_or_wait() {
        let mut books = books(&[
            create_batch("b", "LAMP", 10, None),
            allocate("gone", "LAMP", 2),
            dispatch("gone", None),
            allocate("o1", "LAMP", 3),
            allocate("o2", "LAMP", 5),
            create_batch("c", "LAMP", 3, Some(day(3))),
        ]);
        books.run(&cancel_batch("b")).expect("cancelled");
        assert_eq!(books.held("o1", "LAMP"), [("c".into(), 3)]);
        assert_eq!(books.state("o2", "LAMP"), Some(LineState::Backordered));
        let batch = &books.batches[&reference("b")];
        assert_eq!(
            (batch.quantity.get(), batch.dispatched.get(), batch.closed),
            (2, 2, true)
        );
    }

    #[test]
    fn takes_nothing_back_that_has_left_it() {
        let mut books = books(&[
            create_batch("b", "LAMP", 10, None),
            allocate("gone", "LAMP", 2),
            dispatch("gone", None),
            cancel_batch("b"),
        ]);
        assert!(matches!(
            books.run(&undo_dispatch("gone", None)),
            Err(Refusal::BatchClosed(_))
        ));
        assert_eq!(books.state("gone", "LAMP"), Some(LineState::Dispatched));
        assert_eq!(books.available("b"), 0);
    }

    #[test]
    fn is_closed_for_good_and_cancelling_again_changes_nothing() {
        let mut books = books(&[create_batch("b", "LAMP", 10, Some(day(2))), cancel_batch("b")]);
        let told = books.events.len();
        books.run(&cancel_batch("b")).expect("unchanged");
        assert_eq!(books.events.len(), told);
        for change in [count("b", 5), put_off("b", day(4)), receive("b", None)] {
            assert!(matches!(books.run(&change), Err(Refusal::BatchClosed(_))));
        }
    }
}
