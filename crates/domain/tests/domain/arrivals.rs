//! Batches that are put off, received and cancelled: one sentence a test.

use earmark_domain::{Command, Fact, LineState, MoveReason, OrderTerms, Outcome, Refusal, Units};

use crate::support::{
    allocate, backorder, cancel_batch, change, count, create_batch, day, dispatch, place_on, precedence, put_off,
    receive, reference, shop, undo_dispatch, undo_receipt, units_counted,
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
    fn that_is_repeated_changes_nothing_however_the_batch_was_counted_since() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", Some(8)),
            count("b", 7),
        ]);
        let before = shop.events.len();
        shop.run(&receive("b", Some(8))).expect("unchanged");
        shop.run(&receive("b", None)).expect("unchanged");
        assert_eq!(shop.events.len(), before);
        assert_eq!(shop.available("b"), 7);
    }

    #[test]
    fn with_another_count_than_the_first_is_refused_with_what_arrived() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", Some(8)),
            create_batch("here", "LAMP", 5, None),
        ]);
        let before = shop.events.len();
        for (batch, counted, arrived) in [("b", 9, 8), ("here", 4, 5)] {
            assert_eq!(
                shop.run(&receive(batch, Some(counted))),
                Err(already_received(batch, arrived))
            );
        }
        shop.run(&receive("here", Some(5))).expect("unchanged");
        assert_eq!(shop.events.len(), before);
        assert_eq!(shop.available("b"), 8);
    }

    #[test]
    fn is_final_so_that_no_eta_moves_the_lines_of_the_batch() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            allocate("o1", "LAMP", 4),
            receive("b", None),
            create_batch("here", "LAMP", 5, None),
        ]);
        let before = shop.events.len();
        for (batch, arrived) in [("b", 10), ("here", 5)] {
            assert_eq!(
                shop.run(&put_off(batch, day(20))),
                Err(already_received(batch, arrived))
            );
            let both = change(batch, Some(9), Some(day(10)));
            assert_eq!(shop.run(&both), Err(already_received(batch, arrived)));
        }
        assert_eq!(shop.events.len(), before);
        assert_eq!(shop.promised_on("o1"), Some(day(0)));
    }
}

fn already_received(batch: &str, received: u32) -> Refusal {
    Refusal::AlreadyReceived {
        reference: reference(batch),
        received: units_counted(received),
    }
}

mod an_undone_receipt {
    use super::*;

    #[test]
    fn gives_back_the_day_and_the_quantity_that_were_expected() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            count("b", 12),
            put_off("b", day(11)),
            receive("b", Some(8)),
            count("b", 7),
        ]);
        let before = shop.events.len();
        shop.run(&undo_receipt("b")).expect("undone");
        let batch = &shop.batches[&reference("b")];
        assert_eq!((batch.quantity, batch.eta), (units_counted(12), Some(day(11))));
        assert_eq!(
            shop.events_since(before),
            ["BatchReceiptUndone", "BatchQuantityChanged"]
        );
    }

    #[test]
    fn tells_its_lines_the_day_again_and_breaks_promises_that_can_not_be_kept() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", None),
            allocate("o1", "LAMP", 4),
            required("o2", 3, 5),
        ]);
        let before = shop.events.len();
        shop.run(&undo_receipt("b")).expect("undone");
        assert_eq!(
            shop.events_since(before),
            [
                "BatchReceiptUndone",
                "PromiseChanged o2",
                "PromiseBroken o2",
                "PromiseChanged o1"
            ]
        );
        assert_eq!(shop.promised_on("o1"), Some(day(10)));
        let why = |fact: &Fact| {
            matches!(
                fact,
                Fact::PromiseBroken {
                    why: MoveReason::BatchReceiptUndone(_),
                    ..
                }
            )
        };
        assert!(shop.events.iter().any(|event| why(&event.fact)));
    }

    #[test]
    fn moves_its_lines_to_stock_that_is_there_earlier() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", None),
            allocate("o1", "LAMP", 4),
            create_batch("c", "LAMP", 4, Some(day(3))),
        ]);
        shop.run(&undo_receipt("b")).expect("undone");
        assert_eq!(shop.units_of("o1", "LAMP"), [("c".into(), 4)]);
        assert_eq!(shop.promised_on("o1"), Some(day(3)));
    }

    #[test]
    fn of_more_than_was_expected_sends_the_line_allocated_last_to_the_backlog() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, Some(day(10))),
            receive("b", Some(9)),
            allocate("o1", "LAMP", 5),
            allocate("o2", "LAMP", 4),
        ]);
        shop.run(&undo_receipt("b")).expect("undone");
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Allocated));
        assert_eq!(shop.state("o2", "LAMP"), Some(LineState::Backordered));
    }

    #[test]
    fn whose_day_has_passed_leaves_the_batch_overdue() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(-1))),
            receive("b", None),
            allocate("o1", "LAMP", 4),
        ]);
        let before = shop.events.len();
        shop.run(&undo_receipt("b")).expect("undone");
        assert_eq!(
            shop.events_since(before),
            ["BatchReceiptUndone", "BatchOverdue", "PromiseChanged o1"]
        );
        assert_eq!(shop.promised_on("o1"), Some(day(1)));
    }

    #[test]
    fn is_undone_once_and_the_batch_can_be_received_again() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", Some(8)),
            undo_receipt("b"),
        ]);
        let before = shop.events.len();
        shop.run(&undo_receipt("b")).expect("unchanged");
        assert_eq!(shop.events.len(), before);
        shop.run(&receive("b", Some(9))).expect("received");
        assert_eq!(shop.available("b"), 9);
    }

    #[test]
    fn is_refused_once_something_has_left_and_possible_when_it_is_back() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, Some(day(10))),
            receive("b", None),
            allocate("o1", "LAMP", 4),
            dispatch("o1", None),
        ]);
        let refused = shop.run(&undo_receipt("b"));
        assert_eq!(
            refused,
            Err(Refusal::BatchDispatched {
                reference: reference("b"),
                dispatched: Units::new(4),
            })
        );
        shop.run(&undo_dispatch("o1", None)).expect("taken back");
        shop.run(&undo_receipt("b")).expect("undone");
        assert_eq!(shop.promised_on("o1"), Some(day(10)));
    }

    #[test]
    fn is_refused_for_a_batch_that_never_was_on_its_way() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, None)]);
        assert_eq!(shop.run(&undo_receipt("b")), Err(Refusal::NotReceived(reference("b"))));
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
        for change in [
            count("b", 5),
            put_off("b", day(4)),
            receive("b", None),
            undo_receipt("b"),
        ] {
            assert!(matches!(shop.run(&change), Err(Refusal::BatchClosed(_))));
        }
    }
}
