//! Promises as they were told, and what a store finds for them: lines that may move to better stock, lines that a day
//! breaks the promise of, and lines that can be served.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{
    Decide, Decided, EventFeed, EventFilter, Exports, LineFilter, Store, StoreError, Undecided, Views, Worklist,
};
use earmark_domain::{
    BACKLOG_PAGE, CHANGE_PAGE, Command, Count, Fact, HoldFor, IMPROVEMENT_PAGE, LineKey, LineRecord, OrderTerms,
    Outcome, PassDay, Pending, Precedence, Priority, Promise, PutProduct, Scope, ServicePosition, UnitOfWork,
};
use jiff::civil::{Date, date};

use crate::database::with_database;
use crate::shop::{
    allocate, assert_sound, backorder_and_split, context, create_batch, create_inbound, key, look, place_on,
    place_order, run, sku,
};

/// When inbound batches arrive: some weeks after all tests.
const ETA: Date = date(2030, 4, 20);

pub(crate) fn required_by(day: Date) -> OrderTerms {
    OrderTerms {
        precedence: Precedence::of(Priority::default(), Some(day)),
        ..backorder_and_split()
    }
}

/// The scope of what is continued.
pub(crate) fn continued() -> Scope {
    Command::Continue(sku("LAMP")).scope()
}

pub(crate) fn pass_day(today: Date) -> Command {
    Command::PassDay(PassDay {
        sku: sku("LAMP"),
        today,
    })
}

pub(crate) fn safety_stock(units: i32) -> Command {
    Command::PutProduct(PutProduct {
        sku: sku("LAMP"),
        name: None,
        safety_stock: Some(Count::new(units).expect("a count")),
    })
}

/// The orders of lines, each once.
fn orders(lines: &[LineRecord]) -> Vec<&str> {
    let orders: BTreeSet<&str> = lines.iter().map(|line| line.key().order.as_str()).collect();
    orders.into_iter().collect()
}

async fn promise(store: &PostgresStore, order: &str) -> Promise {
    let order = store.order(&key(order, "L0000").order).await.expect("it answers");
    order.expect("an order").lines[0].record.promise
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_read_as_it_was_told() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_inbound("B1", "LAMP", 20, ETA)).await;
        let today = context().today;
        for (order, terms, due_by) in [
            ("USUAL", backorder_and_split(), None),
            ("LATE", required_by(date(2030, 4, 1)), None),
            ("IN-TIME", required_by(date(2030, 5, 1)), Some(date(2030, 5, 1))),
        ] {
            run(&store, place_on(order, "LAMP", 1, 2, terms)).await;
            let told = Promise {
                on: Some(ETA),
                first_on: Some(ETA),
                due_by,
            };
            assert_eq!(promise(&store, order).await, told, "{order}");
        }
        // The late line is the first to move to stock that is there.
        run(&store, create_batch("B2", "LAMP", 2)).await;
        while look(&store, &continued()).await.products[0].pending.is_some() {
            run(&store, Command::Continue(sku("LAMP"))).await;
        }
        let moved = Promise {
            on: Some(today),
            first_on: Some(ETA),
            due_by: Some(date(2030, 4, 1)),
        };
        assert_eq!(promise(&store, "LATE").await, moved);
        // A line that loses its units keeps the day that was told first.
        run(&store, Command::CancelBatch(crate::shop::reference("B1"))).await;
        let lost = Promise {
            first_on: Some(ETA),
            ..Promise::NONE
        };
        assert_eq!(promise(&store, "IN-TIME").await, lost);
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_with_units_on_their_way_are_read_page_by_page_in_order_of_service() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("HERE", "LAMP", 10)).await;
        run(&store, place_order("HERE", "LAMP", 10, 1)).await;
        // These wait, and get further units: one of them in two batches.
        run(&store, place_order("WAITED", "LAMP", 99, 1)).await;
        run(&store, place_order("SPLIT", "LAMP", 1, 2)).await;
        run(&store, create_inbound("B1", "LAMP", 100, ETA)).await;
        run(&store, create_inbound("B2", "LAMP", 1000, ETA)).await;
        let urgent = OrderTerms {
            precedence: Precedence::of(Priority::new(3).expect("a priority"), None),
            ..backorder_and_split()
        };
        let held = |precedence| OrderTerms {
            precedence,
            hold_for: Some(HoldFor::seconds(600).expect("a time")),
            ..backorder_and_split()
        };
        run(&store, place_on("USUAL", "LAMP", 130, 1, backorder_and_split())).await;
        run(&store, place_on("HELD", "LAMP", 90, 1, held(Precedence::default()))).await;
        run(&store, place_on("LATER", "LAMP", 130, 1, backorder_and_split())).await;
        run(&store, place_on("URGENT", "LAMP", 90, 1, urgent)).await;
        run(&store, place_on("HELD-URGENT", "LAMP", 90, 1, held(urgent.precedence))).await;

        let reads = store.lines(LineFilter::All, None, 1000).await.expect("it answers");
        let coming = reads
            .iter()
            .filter(|read| read.allocations.iter().any(|(_, eta)| eta.is_some()));
        let mut expected: Vec<ServicePosition> = coming.map(|read| read.record.service_position()).collect();
        expected.sort();
        assert_eq!(expected.len(), 630);

        let mut scope = Command::Reallocate(sku("LAMP")).scope();
        let mut next = Command::Reallocate(sku("LAMP"));
        let mut found: Vec<LineKey> = Vec::new();
        loop {
            let loaded = look(&store, &scope).await;
            let mut page: Vec<ServicePosition> = loaded.lines.iter().map(LineRecord::service_position).collect();
            page.sort();
            found.extend(page.iter().map(|position| position.key.clone()));
            let read = loaded.improvable.expect("it is asked for");
            assert_eq!(
                read.until.as_ref(),
                page.last().filter(|_| page.len() == IMPROVEMENT_PAGE)
            );
            run(&store, next).await;
            if read.until.is_none() {
                break;
            }
            assert_eq!(
                store.products_with_pending_work(10).await.expect("it answers"),
                [sku("LAMP")]
            );
            (scope, next) = (continued(), Command::Continue(sku("LAMP")));
        }
        let expected: Vec<LineKey> = expected.into_iter().map(|position| position.key).collect();
        assert_eq!(found, expected);
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_lines_on_their_way_only_those_at_risk_are_read_if_no_others_move() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_inbound("B1", "LAMP", 40, ETA)).await;
        for (order, terms) in [
            ("USUAL", backorder_and_split()),
            ("LATE", required_by(date(2030, 4, 1))),
            ("IN-TIME", required_by(date(2030, 5, 1))),
        ] {
            run(&store, place_on(order, "LAMP", 3, 1, terms)).await;
        }
        // It is a gain of stock that makes the lines at risk move.
        run(&store, create_batch("B2", "LAMP", 1)).await;
        let loaded = look(&store, &continued()).await;
        assert!(matches!(loaded.products[0].pending, Some(Pending::Improvement(_))));
        assert_eq!((orders(&loaded.lines), loaded.lines.len()), (vec!["LATE"], 3));
        while look(&store, &continued()).await.products[0].pending.is_some() {
            run(&store, Command::Continue(sku("LAMP"))).await;
        }
        // All lines in a batch that is overdue are at risk.
        run(&store, pass_day(date(2030, 4, 21))).await;
        run(&store, create_batch("B3", "LAMP", 1)).await;
        let loaded = look(&store, &continued()).await;
        assert_eq!(
            (orders(&loaded.lines), loaded.lines.len()),
            (vec!["IN-TIME", "LATE", "USUAL"], 8)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_finds_untold_delays_and_then_the_lines_whose_promise_it_breaks() {
    with_database(async |database| {
        let store = database.store().await;
        let [arrival, next_day, due] = [ETA, date(2030, 4, 21), date(2030, 4, 23)];
        // Nothing is left of the batch, and some have units in two.
        run(&store, create_inbound("B1", "LAMP", 202, ETA)).await;
        run(&store, create_inbound("B2", "LAMP", 10, date(2030, 4, 22))).await;
        run(&store, place_on("DUE", "LAMP", CHANGE_PAGE, 1, required_by(due))).await;
        run(&store, place_on("SPLIT", "LAMP", 1, 3, required_by(due))).await;
        run(&store, place_on("LATER", "LAMP", 2, 1, required_by(date(2030, 5, 1)))).await;
        run(&store, create_batch("HERE", "LAMP", 1)).await;
        run(&store, place_on("HERE", "LAMP", 1, 1, required_by(due))).await;

        let changed = async |day| store.products_changed_by_day(day, 10).await.expect("it answers");
        assert_eq!(changed(arrival).await, []);
        assert_eq!(changed(next_day).await, [sku("LAMP")]);
        let loaded = look(&store, &pass_day(next_day).scope()).await;
        let overdue: Vec<&str> = loaded.batches.iter().map(|batch| batch.reference.as_str()).collect();
        assert!(overdue.contains(&"B1"), "{overdue:?}");
        assert_eq!(loaded.lines, []);
        run(&store, pass_day(next_day)).await;
        assert_eq!(changed(next_day).await, []);
        run(&store, pass_day(due)).await;

        // The other batch is overdue by now, and every promise that was due is broken, a page at a time.
        assert_eq!(changed(due).await, [sku("LAMP")]);
        let loaded = look(&store, &pass_day(due).scope()).await;
        assert!(!loaded.more_to_break);
        assert_eq!(loaded.lines.len(), 1);
        assert_eq!(run(&store, pass_day(due)).await, Outcome::DayPassed { done: true });
        assert_eq!(changed(due).await, []);
        let filter = EventFilter {
            types: vec!["BatchOverdue".to_owned(), "PromiseBroken".to_owned()],
            ..EventFilter::default()
        };
        let told = store.events(&filter, 0, 1000).await.expect("events").events;
        let told: Vec<_> = told.into_iter().map(|told| told.event).collect();
        let on = |day: Date| {
            let that_day = told.iter().filter(|event| event.decided_on == day);
            let broken = |event: &&&earmark_domain::Event| matches!(event.fact, Fact::PromiseBroken { .. });
            (
                that_day.clone().count(),
                that_day.clone().filter(|event| broken(&event)).count(),
            )
        };
        assert_eq!((on(next_day), on(due)), ((1, 0), (CHANGE_PAGE + 2, CHANGE_PAGE + 1)));
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_want_more_than_there_is_are_left_out_when_the_backlog_is_continued() {
    with_database(async |database| {
        let store = database.store().await;
        let whole = OrderTerms {
            split: false,
            ..backorder_and_split()
        };
        run(&store, create_batch("B1", "LAMP", 3)).await;
        run(&store, create_batch("B2", "LAMP", 3)).await;
        run(&store, safety_stock(6)).await;
        run(&store, place_order("MANY", "LAMP", BACKLOG_PAGE + 1, 7)).await;
        run(&store, place_on("WHOLE", "LAMP", 2, 4, whole)).await;
        run(&store, place_on("SPLIT", "LAMP", 2, 4, backorder_and_split())).await;
        run(&store, place_on("FEW", "LAMP", 2, 3, whole)).await;
        run(&store, safety_stock(0)).await;
        let loaded = look(&store, &continued()).await;
        assert_eq!(
            (orders(&loaded.lines), loaded.lines.len()),
            (vec!["FEW", "SPLIT"], 4),
            "one of those that want 7 is behind the first page"
        );
        run(&store, Command::Continue(sku("LAMP"))).await;
        assert_eq!(store.products_with_pending_work(10).await.expect("it answers"), []);
        let product = store.product(&sku("LAMP"), context().now).await.expect("it answers");
        assert_eq!(product.expect("a product").summary.free.get(), 2);
        assert_sound(&store).await;
    })
    .await;
}

/// Runs a command as the engine does: nothing else is decided on a product while work on it is pending.
async fn attempt_in_turn(store: &PostgresStore, command: Command) -> Result<(), StoreError> {
    let scope = command.scope();
    let decide: Decide = Arc::new(move |loaded| {
        let mut unit_of_work = UnitOfWork::open(loaded)?;
        let pending = unit_of_work.products_with_pending_work();
        if !pending.is_empty() {
            return Err(Undecided::WorkPending(pending));
        }
        let answer = unit_of_work.decide(&command, &context());
        Ok(Decided {
            changes: unit_of_work.close()?,
            answers: vec![answer.map_err(Into::into)],
        })
    });
    store.transact(&scope, decide).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_another_instance_has_left_is_seen_although_the_version_is_the_same() {
    with_database(async |database| {
        let (one, other) = (database.store().await, database.store().await);
        run(&one, create_inbound("B1", "LAMP", 1000, ETA)).await;
        run(&one, place_order("O1", "LAMP", IMPROVEMENT_PAGE + 1, 1)).await;
        // The first is loaded, the second is decided on the cache.
        for order in ["O2", "O3"] {
            attempt_in_turn(&other, allocate(order, "LAMP", 1))
                .await
                .expect("it is stored");
        }
        // It moves no line, and leaves the rest of the lines to be gone through.
        run(&one, Command::Reallocate(sku("LAMP"))).await;
        let refused = attempt_in_turn(&other, allocate("O4", "LAMP", 1)).await;
        assert!(
            matches!(refused, Err(StoreError::Undecided(Undecided::WorkPending(_)))),
            "{refused:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_line_puts_its_product_at_risk_whatever_another_instance_has_made_of_it() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_inbound("B1", "LAMP", 1000, ETA)).await;
        let outsider = database.outsider().await;
        let at_risk = async || -> bool {
            let product = outsider.query_one("SELECT at_risk FROM products", &[]).await;
            product.expect("a product").get(0)
        };
        let late = || required_by(date(2030, 4, 1));
        run(&store, place_on("O1", "LAMP", 1, 1, backorder_and_split())).await;
        assert!(!at_risk().await);
        run(&store, place_on("O2", "LAMP", 1, 1, late())).await;
        assert!(at_risk().await);
        // As another instance does that has found no line to move, without a new version.
        outsider
            .batch_execute("UPDATE products SET at_risk = false")
            .await
            .expect("it may be cleared");
        run(&store, place_on("O3", "LAMP", 1, 1, late())).await;
        assert!(at_risk().await);
        // And what another instance has found is not taken back.
        run(&store, place_on("O4", "LAMP", 1, 1, backorder_and_split())).await;
        assert!(at_risk().await);
        assert_sound(&store).await;
    })
    .await;
}
