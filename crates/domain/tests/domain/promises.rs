//! Dates, receipts, dispatch, quantities, locations and stock kept back: one sentence a test.

use crate::support::{
    Books, allocate, allocate_split, backorder, cancel_batch, cancel_line, change, count, create_batch, day, dispatch,
    hold, keep_back, key, place_on, precedence, put_off, quote, receive, reference, sku, undo_dispatch, units, want,
};
use earmark_domain::{
    Allocate, Command, CreateBatch, DeallocationReason, Fact, LineState, Location, Locations, OnShortage, OrderTerms,
    Outcome, Promising, Refusal, Remedy, TriedOutcome, Wish, availability,
};

fn books(commands: &[Command]) -> Books {
    let mut books = Books::default();
    for command in commands {
        books.run(command).expect("the story so far");
    }
    books
}

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

mod dispatch_of_a_line {
    use super::*;

    #[test]
    fn takes_its_units_out_of_the_batch_and_cancelling_brings_none_back() {
        let mut books = books(&[
            create_batch("b", "LAMP", 100, None),
            place_on("o1", &[("1", "LAMP", 4), ("2", "LAMP", 6)], OrderTerms::default()),
            dispatch("o1", Some(&["1"])),
        ]);
        for _ in 0..2 {
            books.run(&crate::support::cancel_order("o1")).expect("cancelled");
            let batch = &books.batches[&reference("b")];
            assert_eq!((batch.dispatched.get(), books.available("b")), (4, 96));
        }
        assert_eq!(books.state("o1", "1"), Some(LineState::Dispatched));
    }

    #[test]
    fn that_was_all_there_was_leaves_nothing_to_cancel() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 4),
            dispatch("o1", None),
        ]);
        assert!(matches!(
            books.run(&crate::support::cancel_order("o1")),
            Err(Refusal::AlreadyDispatched(_))
        ));
        assert!(matches!(
            books.run(&cancel_line("o1", "LAMP")),
            Err(Refusal::AlreadyDispatched(_))
        ));
        assert!(matches!(
            books.run(&want("o1", "LAMP", 5)),
            Err(Refusal::AlreadyDispatched(_))
        ));
    }

    #[test]
    fn undone_restores_the_allocation_and_not_free_stock() {
        let mut books = books(&[
            create_batch("b", "LAMP", 100, None),
            allocate("o2", "LAMP", 10),
            dispatch("o2", None),
            undo_dispatch("o2", None),
        ]);
        assert_eq!(books.held("o2", "LAMP"), [("b".into(), 10)]);
        assert_eq!(books.available("b"), 90);
        let told = books.events.len();
        books.run(&undo_dispatch("o2", None)).expect("unchanged");
        assert_eq!(books.events.len(), told);
    }

    #[test]
    fn is_only_for_stock_in_the_warehouse() {
        let mut books = books(&[create_batch("b", "LAMP", 9, Some(day(-1))), allocate("o1", "LAMP", 4)]);
        assert!(matches!(
            books.run(&dispatch("o1", None)),
            Err(Refusal::NotInWarehouse { .. })
        ));
        books.run(&receive("b", None)).expect("received");
        books.run(&dispatch("o1", None)).expect("leaves");
    }

    #[test]
    fn is_only_for_firm_orders() {
        let mut books = books(&[create_batch("b", "LAMP", 9, None), hold("o1", "LAMP", 4, 60)]);
        assert!(matches!(books.run(&dispatch("o1", None)), Err(Refusal::NotFirm(_))));
    }

    #[test]
    fn is_only_for_lines_that_have_units() {
        let mut books = books(&[create_batch("b", "LAMP", 2, None), backorder("o1", "LAMP", 4)]);
        assert!(matches!(
            books.run(&dispatch("o1", None)),
            Err(Refusal::NotAllocated(_))
        ));
    }

    #[test]
    fn bounds_what_its_batch_can_be_counted_to() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 4),
            dispatch("o1", None),
        ]);
        assert!(matches!(
            books.run(&count("b", 3)),
            Err(Refusal::BelowDispatched { .. })
        ));
        books.run(&count("b", 4)).expect("exactly what has left");
    }
}

mod another_quantity {
    use super::*;

    #[test]
    fn that_is_smaller_frees_the_part_with_the_latest_date() {
        let mut books = books(&[
            create_batch("shelf", "LAMP", 4, None),
            create_batch("ship", "LAMP", 4, Some(day(3))),
            allocate_split("o1", "LAMP", 7),
            want("o1", "LAMP", 5),
        ]);
        assert_eq!(books.held("o1", "LAMP"), [("shelf".into(), 4), ("ship".into(), 1)]);
        books.run(&want("o1", "LAMP", 2)).expect("less");
        assert_eq!(books.held("o1", "LAMP"), [("shelf".into(), 2)]);
        let reduced = books.events.iter().filter(
            |event| matches!(&event.fact, Fact::Deallocated { why, .. } if *why == DeallocationReason::Reduced),
        );
        assert_eq!(reduced.count(), 2);
    }

    #[test]
    fn that_is_larger_takes_only_the_difference_or_is_refused() {
        let mut books = books(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 5)]);
        books.run(&want("o1", "LAMP", 8)).expect("three more");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 8)]);
        let Err(Refusal::OutOfStock(shortage)) = books.run(&want("o1", "LAMP", 10)) else {
            panic!("short");
        };
        assert_eq!((shortage.requested.get(), shortage.available.get()), (2, 1));
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 8)]);
    }

    #[test]
    fn of_a_line_that_may_not_be_split_stays_in_its_batch() {
        let mut books = books(&[
            create_batch("a", "LAMP", 5, None),
            allocate("o1", "LAMP", 5),
            create_batch("b", "LAMP", 9, None),
        ]);
        assert!(matches!(books.run(&want("o1", "LAMP", 6)), Err(Refusal::OutOfStock(_))));
    }

    #[test]
    fn of_a_line_that_waits_keeps_its_place_in_the_queue() {
        let mut books = books(&[
            create_batch("b", "LAMP", 1, None),
            allocate("sold", "LAMP", 1),
            backorder("o1", "LAMP", 1),
            backorder("o2", "LAMP", 2),
            backorder("o3", "LAMP", 1),
            want("o2", "LAMP", 1),
            want("o2", "LAMP", 2),
            create_batch("c", "LAMP", 1, None),
        ]);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Allocated));
        books.run(&create_batch("d", "LAMP", 3, None)).expect("bought");
        assert_eq!(books.held("o2", "LAMP"), [("d".into(), 2)]);
        assert_eq!(books.held("o3", "LAMP"), [("d".into(), 1)]);
    }

    #[test]
    fn of_a_line_that_has_ended_is_refused() {
        let mut books = books(&[
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 5),
            cancel_line("o1", "LAMP"),
        ]);
        assert!(matches!(
            books.run(&want("o1", "LAMP", 6)),
            Err(Refusal::LineEnded { .. })
        ));
    }
}

mod stock_kept_back {
    use super::*;

    #[test]
    fn is_not_promised_anew() {
        let mut books = books(&[create_batch("b", "LAMP", 10, None), keep_back("LAMP", 4)]);
        let Err(Refusal::OutOfStock(shortage)) = books.run(&allocate("o1", "LAMP", 7)) else {
            panic!("short");
        };
        assert_eq!(shortage.available.get(), 6);
        assert_eq!(shortage.remedy, Remedy::SafetyStock(crate::support::units_counted(3)));
        books
            .run(&allocate("o1", "LAMP", 6))
            .expect("all that is not kept back");
    }

    #[test]
    fn takes_nothing_from_those_who_have_it_when_there_is_more_of_it() {
        let mut books = books(&[create_batch("b", "LAMP", 10, None), allocate("o1", "LAMP", 9)]);
        books.run(&keep_back("LAMP", 5)).expect("kept back");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 9)]);
    }

    #[test]
    fn serves_those_who_wait_when_there_is_less_of_it() {
        let mut books = books(&[
            create_batch("b", "LAMP", 10, None),
            keep_back("LAMP", 5),
            backorder("o1", "LAMP", 7),
        ]);
        books.run(&keep_back("LAMP", 3)).expect("kept back");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 7)]);
    }

    #[test]
    fn is_there_for_a_line_that_has_to_move() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "LAMP", 5, None),
            allocate("o1", "LAMP", 5),
            keep_back("LAMP", 5),
        ]);
        books.run(&count("b", 0)).expect("counted");
        assert_eq!(books.held("o1", "LAMP"), [("c".into(), 5)]);
    }
}

mod locations {
    use super::*;

    fn batch_at(name: &str, location: &str, quantity: u32) -> Command {
        Command::CreateBatch(CreateBatch {
            reference: reference(name),
            sku: sku("LAMP"),
            quantity: units(quantity),
            eta: None,
            location: Location::new(location).expect("a location"),
        })
    }

    fn from(id: &str, quantity: u32, locations: &[&str]) -> Command {
        let location = |name: &&str| Location::new(name).expect("a location");
        Command::Allocate(Allocate {
            wish: Wish {
                key: key(id, "LAMP"),
                sku: sku("LAMP"),
                quantity: units(quantity),
            },
            locations: Locations::new(locations.iter().map(location).collect()).expect("each once"),
            on_shortage: OnShortage::Reject,
            split: false,
        })
    }

    #[test]
    fn are_tried_in_the_order_the_line_prefers() {
        let mut books = books(&[batch_at("n", "north", 5), batch_at("s", "south", 5)]);
        books.run(&from("o1", 3, &["south", "north"])).expect("fits");
        books.run(&from("o2", 3, &["south", "north"])).expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("s".into(), 3)]);
        assert_eq!(books.held("o2", "LAMP"), [("n".into(), 3)]);
    }

    #[test]
    fn that_a_line_does_not_name_are_not_offered() {
        let mut books = books(&[batch_at("n", "north", 5), batch_at("s", "south", 1)]);
        let Err(Refusal::OutOfStock(shortage)) = books.run(&from("o1", 3, &["south"])) else {
            panic!("short");
        };
        assert_eq!(shortage.available.get(), 1);
        assert_eq!(
            shortage.remedy,
            Remedy::Location(Location::new("north").expect("a location"))
        );
    }

    #[test]
    fn hold_for_a_line_that_has_to_move() {
        let mut books = books(&[
            batch_at("s", "south", 5),
            batch_at("n", "north", 5),
            from("o1", 3, &["south"]),
            count("s", 1),
        ]);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Backordered));
        books.run(&batch_at("s2", "south", 5)).expect("bought");
        assert_eq!(books.held("o1", "LAMP"), [("s2".into(), 3)]);
    }
}

#[test]
fn a_batch_that_is_overdue_for_too_long_is_not_offered_but_keeps_its_lines() {
    let mut books = books(&[create_batch("b", "LAMP", 9, Some(day(-3))), allocate("o1", "LAMP", 4)]);
    books.promising = Promising {
        overdue_grace_days: Some(2),
    };
    assert!(books.run(&allocate("o2", "LAMP", 1)).is_err());
    assert_eq!(books.held("o1", "LAMP"), [("b".into(), 4)]);
    books.promising = Promising {
        overdue_grace_days: Some(3),
    };
    books.run(&allocate("o2", "LAMP", 1)).expect("within the days of grace");
}

#[test]
fn a_product_runs_out_and_comes_back_once_a_crossing() {
    let mut books = books(&[create_batch("b", "LAMP", 5, None)]);
    let crossings = |books: &Books| -> Vec<String> {
        let names = books.told_since(0).into_iter();
        names.filter(|name| name.starts_with("Stock")).collect()
    };
    books.run(&allocate("o1", "LAMP", 3)).expect("fits");
    books.run(&allocate("o2", "LAMP", 2)).expect("fits");
    assert_eq!(crossings(&books), ["StockDepleted"]);
    books.run(&create_batch("c", "LAMP", 10, None)).expect("bought");
    assert_eq!(crossings(&books), ["StockDepleted", "StockReplenished"]);
    books.run(&create_batch("d", "LAMP", 5, None)).expect("bought");
    assert_eq!(crossings(&books).len(), 2);
    let split = OrderTerms {
        split: true,
        ..crate::support::held(60)
    };
    books
        .run(&place_on("o3", &[("LAMP", "LAMP", 15)], split))
        .expect("held");
    assert_eq!(
        crossings(&books),
        ["StockDepleted", "StockReplenished", "StockDepleted"]
    );
}

mod a_quote {
    use super::*;

    fn quoted(books: &mut Books, wanted: &[(&str, &str, u32)], split: bool) -> Vec<earmark_domain::QuotedLine> {
        let Ok(Outcome::Quoted { lines }) = books.run(&quote(wanted, split)) else {
            unreachable!("every SKU is known");
        };
        lines
    }

    #[test]
    fn tells_which_batches_were_tried_and_why_each_was_refused() {
        let mut books = books(&[
            create_batch("small", "LAMP", 2, None),
            create_batch("big", "LAMP", 9, Some(day(3))),
            create_batch("bigger", "LAMP", 20, Some(day(9))),
        ]);
        let lines = quoted(&mut books, &[("1", "LAMP", 5)], false);
        let tried: Vec<_> = lines[0]
            .tried
            .iter()
            .map(|tried| (tried.batch.as_str(), tried.outcome))
            .collect();
        assert_eq!(tried, [("small", TriedOutcome::TooSmall), ("big", TriedOutcome::Taken)]);
        assert_eq!(lines[0].promised_on, Some(day(3)));
    }

    #[test]
    fn counts_its_lines_of_one_product_together() {
        let mut books = books(&[create_batch("b", "LAMP", 8, None)]);
        let lines = quoted(&mut books, &[("1", "LAMP", 5), ("2", "LAMP", 5)], false);
        assert_eq!(lines[0].remedy, None);
        assert_eq!(lines[1].remedy, Some(Remedy::Quantity(units(3))));
        assert_eq!(books.available("b"), 8);
    }

    #[test]
    fn names_the_smallest_change_that_would_help() {
        let mut books = books(&[create_batch("a", "LAMP", 4, None), create_batch("b", "LAMP", 3, None)]);
        let remedy = |books: &mut Books, quantity, split| {
            let lines = quoted(books, &[("1", "LAMP", quantity)], split);
            lines[0].remedy.clone()
        };
        assert_eq!(remedy(&mut books, 6, false), Some(Remedy::Split));
        assert_eq!(remedy(&mut books, 8, true), Some(Remedy::Quantity(units(7))));
        books.run(&allocate_split("o1", "LAMP", 7)).expect("fits");
        let more = earmark_domain::Units::new(8);
        assert_eq!(remedy(&mut books, 8, true), Some(Remedy::MoreStock(more)));
    }
}

#[test]
fn what_can_be_promised_by_a_date_is_what_has_arrived_by_then_but_for_what_is_kept_back() {
    let books = books(&[
        create_batch("shelf", "LAMP", 5, None),
        create_batch("overdue", "LAMP", 2, Some(day(-4))),
        create_batch("ship", "LAMP", 10, Some(day(7))),
        create_batch("none", "LAMP", 3, Some(day(3))),
        count("none", 0),
        keep_back("LAMP", 4),
    ]);
    let now = |promising| {
        let found = availability(
            books.batches.values(),
            crate::support::units_counted(4),
            None,
            promising,
            day(0),
        );
        let timeline: Vec<_> = found.timeline.iter().map(|on| (on.on, on.available.get())).collect();
        (found.available_now.get(), timeline)
    };
    assert_eq!(now(Promising::default()), (7, vec![(day(0), 7), (day(7), 13)]));
    let strict = Promising {
        overdue_grace_days: Some(3),
    };
    assert_eq!(now(strict), (5, vec![(day(0), 5), (day(7), 11)]));
}
