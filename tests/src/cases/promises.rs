//! Promises at the counter: what becomes of lines when the world changes, told as stories.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_application::{Answer, CommandError};
use earmark_domain::{
    Command, Fact, LineState, OnOrderShortage, OrderTerms, Outcome, Precedence, Priority, Quote, Refusal,
    SequencedEvent,
};
use jiff::civil::Date;

use crate::build::{
    allocate, allocate_or_wait, cancel_order, change_line, confirm, confirm_some, count_batch, create_batch,
    create_inbound, dispatch, expect_batch, held_for, hold, line, order, order_on, place, place_before, quote,
    reference, sku, undo_dispatch,
};
use crate::counter::Counter;
use crate::databases::Db;

/// Day `n` after the one on which the clock starts, as text.
fn day(n: i8) -> String {
    date(n).to_string()
}

fn date(n: i8) -> Date {
    jiff::civil::date(2026, 3, 1)
        .checked_add(jiff::Span::new().days(n))
        .expect("a date")
}

impl Counter {
    /// Where a line has its units: batch and quantity, in preference order.
    async fn lies(&self, id: &str) -> Vec<(String, u32)> {
        let parts = self.line_of(id).await.allocations.into_iter();
        parts
            .map(|part| (part.batch.to_string(), part.quantity.get()))
            .collect()
    }

    /// The first line of an order as it is shown now.
    async fn line_of(&self, id: &str) -> earmark_domain::LineView {
        let read = self
            .reads
            .order(&order(id))
            .await
            .expect("an answer")
            .expect("the order");
        read.view(self.now()).lines.remove(0)
    }

    /// Units of a batch that can be promised now.
    async fn free(&self, batch: &str) -> u64 {
        let read = self
            .reads
            .batch(&reference(batch), self.now())
            .await
            .expect("an answer");
        read.expect("the batch").view(date(0)).available.get()
    }

    /// Names and orders of what happened since `seen` events had, but for those of these types.
    async fn told_since(&self, seen: usize, but: &[&str]) -> Vec<String> {
        let events = self.events().await;
        let since = events[seen..].iter().map(|event| &event.event);
        since
            .filter(|event| !but.contains(&event.fact.name()))
            .map(|event| match event.order() {
                Some(order) => format!("{} {order}", event.fact.name()),
                None => event.fact.name().to_owned(),
            })
            .collect()
    }
}

/// What is told of running out and coming back.
fn crossings(events: &[SequencedEvent]) -> Vec<&'static str> {
    let names = events.iter().map(|event| event.event.fact.name());
    names.filter(|name| name.starts_with("Stock")).collect()
}

/// A batch counted down moves the latest line alone, to the next batch, and leaves the rest.
pub async fn a_batch_counted_down_moves_only_the_latest_line(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[
            create_batch("B1", "LAMP", 50),
            allocate("o1", "LAMP", 20),
            allocate("o2", "LAMP", 20),
            create_inbound("B2", "LAMP", 50, &day(7)),
        ])
        .await;
    let seen = counter.events().await.len();
    counter.done(&count_batch("B1", 25)).await;
    assert_eq!(counter.lies("o1").await, [("B1".into(), 20)]);
    assert_eq!(counter.lies("o2").await, [("B2".into(), 20)]);
    assert_eq!(counter.line_of("o2").await.promised_on, Some(date(7)));
    assert_eq!((counter.free("B1").await, counter.free("B2").await), (5, 30));
    assert_eq!(
        counter.told_since(seen, &["BatchQuantityChanged"]).await,
        ["Reallocated o2"]
    );
    counter.assert_sound().await;
}

/// Priority keeps a line in its batch, and one that still fits is put back.
pub async fn a_batch_counted_down_spares_priority_and_the_line_that_still_fits(db: Db) {
    let counter = Counter::open(&db).await;
    let high = Precedence::of(Priority::new(5).expect("a priority"), None);
    counter
        .all_done(&[
            create_batch("B1", "LAMP", 50),
            place_before("o1", &[("LAMP", "LAMP", 20)], high),
            allocate("o2", "LAMP", 20),
            allocate("o3", "LAMP", 10),
            create_inbound("B2", "LAMP", 15, &day(7)),
        ])
        .await;
    let seen = counter.events().await.len();
    counter.done(&count_batch("B1", 30)).await;
    assert_eq!(counter.line_of("o2").await.state, LineState::Backordered);
    assert_eq!(
        counter.told_since(seen, &["BatchQuantityChanged"]).await,
        ["Backordered o2"]
    );
    assert_eq!(counter.lies("o3").await, [("B1".into(), 10)]);
    let seen = counter.events().await.len();
    counter.done(&count_batch("B1", 30)).await;
    assert_eq!(counter.events().await.len(), seen);
    counter.done(&count_batch("B1", 29)).await;
    assert_eq!(counter.lies("o3").await, [("B2".into(), 10)]);
    assert_eq!(counter.free("B1").await, 9);
    counter.assert_sound().await;
}

/// An arrival that is put off moves its line to what is there earlier.
pub async fn an_arrival_put_off_moves_its_line_to_what_is_there_earlier(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[
            create_inbound("B1", "LAMP", 10, &day(10)),
            create_inbound("B2", "LAMP", 10, &day(20)),
            allocate("o1", "LAMP", 10),
        ])
        .await;
    counter.done(&expect_batch("B1", &day(30))).await;
    assert_eq!(counter.lies("o1").await, [("B2".into(), 10)]);
    assert_eq!(counter.free("B1").await, 10);
    let events = counter.events().await;
    let moved = events.iter().find_map(|event| match &event.event.fact {
        Fact::Reallocated {
            promised_from,
            promised_to,
            ..
        } => Some((*promised_from, *promised_to)),
        _ => None,
    });
    assert_eq!(moved, Some((date(10), date(20))));
    counter.assert_sound().await;
}

/// Where nothing is there earlier the line stays and is told of the new date, and whether that breaks its promise.
pub async fn an_arrival_put_off_past_all_others_keeps_its_line_and_may_break_its_promise(db: Db) {
    let counter = Counter::open(&db).await;
    let by = Precedence::of(Priority::default(), Some(date(15)));
    counter
        .all_done(&[
            create_inbound("B1", "LAMP", 10, &day(10)),
            create_inbound("B2", "LAMP", 10, &day(35)),
            place_before("o1", &[("LAMP", "LAMP", 10)], by),
        ])
        .await;
    let seen = counter.events().await.len();
    counter.done(&expect_batch("B1", &day(30))).await;
    assert_eq!(counter.lies("o1").await, [("B1".into(), 10)]);
    let told = counter.told_since(seen, &["BatchEtaChanged"]).await;
    assert_eq!(told, ["PromiseChanged o1", "PromiseBroken o1"]);
    assert_eq!(counter.line_of("o1").await.state, LineState::Allocated);
    assert_eq!(counter.line_of("o1").await.promised_on, Some(date(30)));
    counter.assert_sound().await;
}

/// From its deadline on a hold counts zero in answers and decisions, though nobody has swept.
pub async fn a_hold_that_ended_is_free_before_anybody_swept(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[create_batch("B", "LAMP", 1), hold("first", &[("LAMP", "LAMP", 1)], 2)])
        .await;
    counter.clock.advance_seconds(3);
    assert_eq!(counter.free("B").await, 1);
    let product = counter
        .reads
        .product(&sku("LAMP"), counter.now())
        .await
        .expect("an answer");
    assert_eq!(product.expect("the product").summary.available.get(), 1);
    assert_eq!(counter.line_of("first").await.state, LineState::Expired);
    counter.done(&hold("second", &[("LAMP", "LAMP", 1)], 60)).await;
    assert!(matches!(
        counter.refused(&confirm("first")).await,
        Refusal::HoldExpired { .. }
    ));
    let again = Command::ConfirmOrder(earmark_domain::ConfirmOrder {
        order: order("first"),
        lines: None,
        reacquire: true,
    });
    let Refusal::HoldExpired { shortages, .. } = counter.refused(&again).await else {
        unreachable!("the unit is gone")
    };
    assert_eq!(shortages.len(), 1);
    counter.done(&confirm("second")).await;
    assert_eq!(counter.lies("second").await, [("B".into(), 1)]);
    counter.assert_sound().await;
}

/// Who confirms at the very deadline and who wants the unit race fairly: one of them gets it, and never both.
pub async fn confirming_at_the_very_deadline_against_a_rival_has_exactly_one_outcome(db: Db) {
    const ROUNDS: usize = 200;
    let counter = Counter::open(&db).await;
    // A second instance of the service on the same books, with the same clock.
    let other = Counter::of(counter.another(&db).await);
    let mut outcomes = BTreeSet::new();
    for round in 0..ROUNDS {
        let (batch, of) = (format!("B{round}"), format!("LAMP{round}"));
        let (held, rival) = (format!("held{round}"), format!("rival{round}"));
        counter
            .all_done(&[create_batch(&batch, &of, 1), hold(&held, &[("1", &of, 1)], 60)])
            .await;
        let read = counter.reads.order(&order(&held)).await.expect("an answer");
        let deadline = read.and_then(|read| read.header).and_then(|header| header.hold_until);
        let deadline = deadline.expect("it is held");
        // A few readings of the clock before the deadline: who reads it first is left to chance.
        let early = i64::try_from(round % 6).expect("a few");
        counter.clock.set(deadline - jiff::SignedDuration::from_millis(early));
        let confirmed = {
            let (counter, held) = (counter.clone(), held.clone());
            tokio::spawn(async move { counter.ask(&confirm(&held)).await })
        };
        let taken = {
            let (other, rival, of) = (other.clone(), rival.clone(), of.clone());
            tokio::spawn(async move { other.ask(&allocate(&rival, &of, 1)).await })
        };
        let confirmed = confirmed.await.expect("nobody panics");
        let taken = taken.await.expect("nobody panics");
        assert!(
            !(confirmed.is_ok() && taken.is_ok()),
            "both got the unit in round {round}"
        );
        assert!(
            is_fair(&confirmed) && is_fair(&taken),
            "round {round}: {confirmed:?} {taken:?}"
        );
        // A rival who came an instant too early has lost to a hold that ended right after: then nobody has it.
        let history = counter.history(&sku(&of)).await;
        assert_eq!(
            history.allocations.len(),
            usize::from(confirmed.is_ok() || taken.is_ok())
        );
        outcomes.insert((confirmed.is_ok(), taken.is_ok()));
    }
    assert!(outcomes.len() > 1, "the race was always won by the same: {outcomes:?}");
    counter.sweep().await;
    counter.assert_sound().await;
}

/// Done, too late, or nothing left: no other answer is one that a buyer should hear.
fn is_fair(answer: &Answer) -> bool {
    matches!(
        answer,
        Ok(_)
            | Err(CommandError::Refused(
                Refusal::HoldExpired { .. } | Refusal::OutOfStock(_)
            ))
    )
}

/// More than is held is refused and the hold stays; less is confirmed and the rest is free; again says the same.
pub async fn a_hold_is_confirmed_in_part_and_never_beyond(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[create_batch("B", "LAMP", 10), hold("o1", &[("LAMP", "LAMP", 5)], 60)])
        .await;
    let beyond = counter.refused(&confirm_some("o1", &[("LAMP", 6)])).await;
    assert!(matches!(beyond, Refusal::ExceedsHold { .. }));
    assert_eq!(counter.line_of("o1").await.state, LineState::Held);
    assert_eq!(counter.lies("o1").await, [("B".into(), 5)]);
    let first = counter.done(&confirm_some("o1", &[("LAMP", 3)])).await;
    assert_eq!(counter.line_of("o1").await.state, LineState::Allocated);
    assert_eq!(
        (counter.lies("o1").await, counter.free("B").await),
        (vec![("B".into(), 3)], 7)
    );
    let again = counter.done(&confirm_some("o1", &[("LAMP", 3)])).await;
    let (Outcome::OrderChanged { order: then, .. }, Outcome::OrderChanged { order: now, .. }) = (first, again) else {
        unreachable!("an order that changed")
    };
    assert_eq!(then, now);
    counter.assert_sound().await;
}

/// A line keeps its place in the queue through a change of its quantity; those who come first are served first.
pub async fn those_who_wait_keep_their_place_and_are_served_in_order(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[
            create_batch("gone", "LAMP", 1),
            allocate("sold", "LAMP", 1),
            allocate_or_wait("o1", "LAMP", 1),
            allocate_or_wait("o2", "LAMP", 2),
            allocate_or_wait("o3", "LAMP", 1),
            change_line("o2", "LAMP", 1),
            change_line("o2", "LAMP", 2),
        ])
        .await;
    for id in ["o1", "o2", "o3"] {
        assert_eq!(counter.line_of(id).await.state, LineState::Backordered);
    }
    counter.done(&create_batch("one", "LAMP", 1)).await;
    assert_eq!(counter.lies("o1").await, [("one".into(), 1)]);
    assert_eq!(counter.line_of("o2").await.state, LineState::Backordered);
    assert_eq!(counter.line_of("o3").await.state, LineState::Backordered);
    counter.done(&create_batch("three", "LAMP", 3)).await;
    assert_eq!(counter.lies("o2").await, [("three".into(), 2)]);
    assert_eq!(counter.lies("o3").await, [("three".into(), 1)]);
    counter.assert_sound().await;
}

/// Among those who wait the earlier day goes first.
pub async fn those_who_need_it_earlier_are_served_first(db: Db) {
    let counter = Counter::open(&db).await;
    let waiting = |id: &str, by: i8| {
        let terms = OrderTerms {
            on_shortage: OnOrderShortage::Backorder,
            precedence: Precedence::of(Priority::default(), Some(date(by))),
            ..OrderTerms::default()
        };
        Command::PlaceOrder(order_on(id, &[("LAMP", "LAMP", 1)], terms))
    };
    counter
        .all_done(&[
            create_batch("gone", "LAMP", 1),
            allocate("sold", "LAMP", 1),
            waiting("first", 1),
            waiting("second", 4),
            waiting("third", 2),
            create_batch("two", "LAMP", 2),
        ])
        .await;
    assert_eq!(counter.lies("first").await, [("two".into(), 1)]);
    assert_eq!(counter.lies("third").await, [("two".into(), 1)]);
    assert_eq!(counter.line_of("second").await.state, LineState::Backordered);
    counter.assert_sound().await;
}

/// What a quote says is what the allocation gets; where it says short, nothing is kept.
pub async fn a_quote_and_the_allocation_that_follows_agree(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[
            create_batch("shelf", "LAMP", 10),
            create_inbound("P1", "LAMP", 10, &day(9)),
            create_inbound("P2", "LAMP", 10, &day(19)),
        ])
        .await;
    let Command::Quote(whole) = quote(&[("LAMP", "LAMP", 20)]) else {
        unreachable!("a quote")
    };
    let split = Quote {
        split: true,
        ..whole.clone()
    };
    let Outcome::Quoted { lines } = counter.done(&Command::Quote(split)).await else {
        unreachable!("a quote")
    };
    let parts = |parts: &[earmark_domain::Part]| -> Vec<(String, u32)> {
        parts
            .iter()
            .map(|part| (part.batch.to_string(), part.quantity.get()))
            .collect()
    };
    let expected = [("shelf".to_owned(), 10), ("P1".to_owned(), 10)];
    assert_eq!(parts(&lines[0].allocations), expected);
    assert_eq!(lines[0].promised_on, Some(date(9)));
    let Outcome::Quoted { lines } = counter.done(&Command::Quote(Quote { split: false, ..whole })).await else {
        unreachable!("a quote")
    };
    assert!(lines[0].allocations.is_empty());
    let seen = counter.line_event_checks().await.len();
    let refused = counter
        .refused(&place("whole", &[("LAMP", "LAMP", 20)], OnOrderShortage::Reject, false))
        .await;
    assert!(matches!(refused, Refusal::Shortages(_)));
    assert_eq!(counter.line_event_checks().await.len(), seen);
    counter
        .done(&place("split", &[("LAMP", "LAMP", 20)], OnOrderShortage::Reject, true))
        .await;
    assert_eq!(counter.lies("split").await, expected);
    assert_eq!(counter.line_of("split").await.promised_on, Some(date(9)));
    counter.assert_sound().await;
}

/// What has left the building stays gone whatever is cancelled; undone, it is allocated again.
pub async fn what_was_dispatched_stays_gone_and_undone_is_allocated_again(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[
            create_batch("B", "LAMP", 100),
            place(
                "o1",
                &[("1", "LAMP", 4), ("2", "LAMP", 6)],
                OnOrderShortage::Reject,
                false,
            ),
            Command::Dispatch {
                order: order("o1"),
                lines: Some(BTreeSet::from([line("o1", "1").line])),
            },
        ])
        .await;
    for _ in 0..2 {
        counter.done(&cancel_order("o1")).await;
        let batch = counter
            .reads
            .batch(&reference("B"), counter.now())
            .await
            .expect("an answer");
        let record = batch.expect("the batch").record;
        assert_eq!((record.dispatched.get(), record.available().get()), (4, 96));
    }
    counter
        .all_done(&[
            cancel_order("o1"),
            create_batch("C", "DESK", 100),
            allocate("o2", "DESK", 10),
            dispatch("o2"),
            undo_dispatch("o2"),
        ])
        .await;
    assert_eq!(counter.lies("o2").await, [("C".into(), 10)]);
    assert_eq!(counter.free("C").await, 90);
    counter.assert_sound().await;
}

/// One StockDepleted and one StockReplenished a crossing, and none where nothing is crossed.
pub async fn a_product_runs_out_and_comes_back_once_a_crossing(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[
            create_batch("B", "LAMP", 5),
            allocate("o1", "LAMP", 3),
            allocate("o2", "LAMP", 2),
        ])
        .await;
    assert_eq!(crossings(&counter.events().await), ["StockDepleted"]);
    counter.done(&create_batch("C", "LAMP", 10)).await;
    assert_eq!(
        crossings(&counter.events().await),
        ["StockDepleted", "StockReplenished"]
    );
    counter.done(&create_batch("D", "LAMP", 5)).await;
    assert_eq!(crossings(&counter.events().await).len(), 2);
    let terms = OrderTerms {
        split: true,
        ..held_for(60)
    };
    counter
        .done(&Command::PlaceOrder(order_on("o3", &[("LAMP", "LAMP", 15)], terms)))
        .await;
    let all = ["StockDepleted", "StockReplenished", "StockDepleted"];
    assert_eq!(crossings(&counter.events().await), all);
    counter.assert_sound().await;
}

/// A preview stores nothing, not even that there was too little.
pub async fn a_preview_leaves_no_trace(db: Db) {
    let counter = Counter::open(&db).await;
    counter
        .all_done(&[create_batch("B", "LAMP", 5), allocate("o1", "LAMP", 2)])
        .await;
    let stood = counter.snapshot().await;
    for command in [
        allocate("o2", "LAMP", 3),
        allocate("o2", "LAMP", 4),
        count_batch("B", 1),
        create_batch("C", "DESK", 5),
        cancel_order("o1"),
        dispatch("o1"),
        hold("o3", &[("LAMP", "LAMP", 1)], 60),
    ] {
        drop(counter.preview(&command).await);
        assert_eq!(counter.snapshot().await, stood, "{command:?}");
    }
    counter.assert_sound().await;
}

/// A change that is asked for on another version than the one that stands is not made.
pub async fn a_change_on_a_version_that_has_passed_is_refused(db: Db) {
    let counter = Counter::open(&db).await;
    counter.done(&create_batch("B", "LAMP", 5)).await;
    let read = counter
        .reads
        .batch(&reference("B"), counter.now())
        .await
        .expect("an answer");
    let version = read.expect("the batch").version;
    counter.done(&allocate("o1", "LAMP", 2)).await;
    let stale = counter.ask_on(version, &count_batch("B", 9)).await;
    assert!(matches!(
        stale,
        Err(CommandError::Refused(Refusal::StaleVersion { .. }))
    ));
    assert_eq!(counter.free("B").await, 3);
    let fresh = counter.ask_on(version + 1, &count_batch("B", 9)).await;
    assert!(fresh.is_ok(), "{fresh:?}");
    assert_eq!(counter.free("B").await, 7);
}

/// Those who hold and those who buy share a hot product without a unit being promised twice, while holds end all the time.
pub async fn holds_that_end_all_the_time_never_oversell_a_hot_product(db: Db) {
    const BUYERS: usize = 60;
    let counter = Counter::open(&db).await;
    counter.done(&create_batch("B", "LAMP", 20)).await;
    let counter = Arc::new(counter);
    let mut buyers = tokio::task::JoinSet::new();
    for number in 0..BUYERS {
        let counter = Arc::clone(&counter);
        buyers.spawn(async move {
            let id = format!("o{number}");
            let asked = counter.ask(&hold(&id, &[("LAMP", "LAMP", 1)], 1)).await;
            if number % 3 == 0 {
                counter.clock.advance_seconds(1);
            }
            match asked {
                Ok(_) => counter.ask(&confirm(&id)).await.is_ok(),
                Err(_) => false,
            }
        });
    }
    let firm = buyers
        .join_all()
        .await
        .into_iter()
        .filter(|confirmed| *confirmed)
        .count();
    counter.clock.advance_seconds(2);
    counter.sweep().await;
    let history = counter.history(&sku("LAMP")).await;
    assert_eq!(history.allocations.len(), firm);
    assert!(firm <= 20, "{firm} units of 20 were promised");
    assert_eq!(counter.free("B").await, 20 - u64::try_from(firm).expect("a few"));
    counter.assert_sound().await;
}
