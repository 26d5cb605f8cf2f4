//! The whole of it against a naive model: random commands under a clock that jumps, at the counter of a shop, and after
//! them the same answers and the same books.

mod draw;
mod naive;
mod stingy;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use draw::{SKUS, Step, a_command, a_step, some_lines};
use earmark_application::{Answer, CommandError};
use earmark_domain::{Command, Fact, LineKey, LineState, OrderTerms, Outcome, PlaceOrder, Quote, Reference, Refusal};
use earmark_tests::build::{order, sku};
use earmark_tests::databases::{Database, Db, MemoryDatabase, SqliteDatabase};
use earmark_tests::{Counter, Shop};
use naive::{Model, Told};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stingy::{Stingy, StingyWorklist};
use tokio::runtime::Runtime;

type Stands = BTreeMap<LineKey, (LineState, u32, BTreeMap<Reference, u64>)>;

/// How the books stand, line by line.
async fn stands(counter: &Counter) -> Stands {
    let mut stands = Stands::new();
    for name in SKUS {
        if counter
            .reads
            .product(&sku(name), counter.now())
            .await
            .expect("an answer")
            .is_none()
        {
            continue;
        }
        let history = counter.history(&sku(name)).await;
        let lines = history.lines.iter();
        stands.extend(lines.map(|line| {
            (
                line.terms.key.clone(),
                (line.state, line.terms.quantity.get(), BTreeMap::new()),
            )
        }));
        let held = history
            .allocations
            .iter()
            .map(|held| (&held.key, &held.batch, held.quantity));
        let gone = history
            .dispatches
            .iter()
            .map(|gone| (&gone.key, &gone.batch, gone.quantity));
        for (key, batch, quantity) in held.chain(gone) {
            let line = stands.get_mut(key).expect("a line");
            line.2.insert(batch.clone(), u64::from(quantity.get()));
        }
    }
    stands
}

fn told(answer: &Answer) -> Told {
    let changed = match answer {
        Err(CommandError::Refused(refusal)) => return Told::Refused(refusal.code()),
        Err(error) => unreachable!("{error}"),
        Ok(
            Outcome::ProductPut { changed, .. }
            | Outcome::BatchChanged { changed, .. }
            | Outcome::OrderChanged { changed, .. },
        ) => *changed,
        Ok(
            Outcome::BatchCreated { fresh, .. }
            | Outcome::LinePlaced { fresh, .. }
            | Outcome::OrderPlaced { fresh, .. },
        ) => *fresh,
        Ok(Outcome::AlreadyProcessed) => false,
        Ok(Outcome::Quoted { .. } | Outcome::HoldsExpired { .. } | Outcome::BacklogServed { .. }) => true,
    };
    if changed { Told::Done } else { Told::Unchanged }
}

/// A shop in memory, with a store that reads as little as it can get away with.
async fn stingy() -> Counter {
    let db: Db = Arc::new(MemoryDatabase::fresh().await);
    let shop = Shop::open(&db).await;
    let worklist = Arc::new(StingyWorklist(shop.reads.clone()));
    let store = Arc::new(Stingy(shop.store.clone()));
    Counter::with_worklist(Shop { store, ..shop }, worklist)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Goes a number of steps, at the counter and in the model.
async fn go(counter: &Counter, model: &mut Model, steps: &[Step], each: bool) -> TestCaseResult {
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Pass(seconds) => {
                counter.clock.advance_seconds(*seconds);
                model.pass(*seconds);
            }
            // It changes nothing that anybody could notice: what it makes final counted so before.
            Step::Sweep => {
                counter.sweep().await;
                model.sweep();
            }
            Step::Give(command) => {
                let expected = model.run(command);
                let answer = counter.ask(command).await;
                prop_assert_eq!(told(&answer), expected, "step {}: {:?}", number, command);
            }
        }
        if each {
            prop_assert_eq!(stands(counter).await, model.stands(), "step {}: {:?}", number, step);
        }
    }
    prop_assert_eq!(stands(counter).await, model.stands());
    counter.assert_sound().await;
    Ok(())
}

/// Goes steps whose answers nobody looks at.
async fn warm_up(counter: &Counter, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Pass(seconds) => counter.clock.advance_seconds(*seconds),
            Step::Sweep => counter.sweep().await,
            Step::Give(command) => drop(counter.ask(command).await),
        }
    }
    counter.sweep().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn in_memory_random_commands_leave_the_books_as_the_naive_model_says(steps in prop::collection::vec(a_step(), 1..50)) {
        runtime().block_on(async {
            go(&stingy().await, &mut Model::default(), &steps, true).await
        })?;
    }

    #[test]
    fn each_preview_equals_the_command_that_follows_it(
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        runtime().block_on(async {
            let counter = stingy().await;
            warm_up(&counter, &before).await;
            let stood = counter.snapshot().await;
            let preview = counter.preview(&command).await;
            prop_assert_eq!(&counter.snapshot().await, &stood);
            let answer = counter.ask(&command).await;
            prop_assert_eq!(timeless(preview), timeless(answer));
            Ok(())
        })?;
    }

    #[test]
    fn a_refused_command_changes_nothing_but_tells_of_the_shortage(
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        runtime().block_on(async {
            let counter = stingy().await;
            warm_up(&counter, &before).await;
            let stood = counter.snapshot().await;
            if counter.ask(&command).await.is_err() {
                let stands = counter.snapshot().await;
                let told = stands.events[stood.events.len()..].iter();
                prop_assert!(told.clone().all(|event| matches!(event.event.fact, Fact::OutOfStock { .. })), "{:?}", told);
                prop_assert_eq!((stands.orders, stands.lines), (stood.orders, stood.lines));
            }
            counter.assert_sound().await;
            Ok(())
        })?;
    }

    #[test]
    fn the_same_command_again_changes_nothing(
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        // To place a held order anew with a deadline is to put the deadline off each time.
        let puts_off = matches!(&command, Command::ReplaceOrder(place) if place.terms().hold_for.is_some());
        runtime().block_on(async {
            let counter = stingy().await;
            warm_up(&counter, &before).await;
            if !puts_off && counter.ask(&command).await.is_ok() {
                let stood = counter.snapshot().await;
                let again = counter.ask(&command).await;
                prop_assert!(again.is_ok(), "{:?}", again);
                prop_assert_eq!(counter.snapshot().await, stood);
            }
            Ok(())
        })?;
    }

    #[test]
    fn each_crossing_is_told_exactly_once(steps in prop::collection::vec(a_step(), 1..50)) {
        runtime().block_on(crossings(&steps))?;
    }

    #[test]
    fn a_quote_and_an_order_on_the_same_state_agree(
        before in prop::collection::vec(a_step(), 0..25),
        lines in some_lines(),
        split in any::<bool>(),
    ) {
        runtime().block_on(async {
            let counter = stingy().await;
            warm_up(&counter, &before).await;
            let events = counter.events().await.len();
            let quoted = counter.ask(&Command::Quote(Quote { lines: lines.clone(), split })).await;
            prop_assert_eq!(counter.events().await.len(), events);
            let terms = OrderTerms { split, ..OrderTerms::default() };
            let place = PlaceOrder::new(order("new"), lines, terms).expect("an order");
            agree(quoted, counter.ask(&Command::PlaceOrder(place)).await)
        })?;
    }
}

proptest! {
    // Each of these writes to a disk.
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn on_sqlite_random_commands_leave_the_books_as_the_naive_model_says(steps in prop::collection::vec(a_step(), 1..50)) {
        runtime().block_on(async {
            let db: Db = Arc::new(SqliteDatabase::fresh().await);
            let told = go(&Counter::open(&db).await, &mut Model::default(), &steps, false).await;
            db.discard().await;
            told
        })?;
    }
}

/// An answer without the instants in it, which no two have in common.
fn timeless(answer: Answer) -> Answer {
    let mut answer = answer;
    if let Ok(Outcome::OrderPlaced { order, .. } | Outcome::OrderChanged { order, .. }) = &mut answer {
        order.hold_expires_at = order.hold_expires_at.map(|_| jiff::Timestamp::UNIX_EPOCH);
        for line in &mut order.lines {
            line.hold_until = line.hold_until.map(|_| jiff::Timestamp::UNIX_EPOCH);
        }
    }
    answer
}

/// Holds what is told of running out and coming back against what can be promised, step by step.
async fn crossings(steps: &[Step]) -> TestCaseResult {
    let counter = stingy().await;
    let mut model = Model::default();
    let mut had: BTreeMap<String, bool> = BTreeMap::new();
    let mut seen = 0;
    for step in steps {
        go(&counter, &mut model, std::slice::from_ref(step), false).await?;
        counter.sweep().await;
        model.sweep();
        let mut told = had.clone();
        let events = counter.events().await;
        for event in &events[seen..] {
            let something = match event.event.fact {
                Fact::StockDepleted => false,
                Fact::StockReplenished => true,
                _ => continue,
            };
            let (sku, _) = event.event.product().expect("a crossing is of a product");
            let before = told.insert(sku.to_string(), something).unwrap_or(true);
            prop_assert_eq!(before, !something, "{} of {}", event.event.fact.name(), sku);
        }
        seen = events.len();
        for name in SKUS.into_iter().filter(|name| model.has_had(&sku(name))) {
            let something = model.promisable(&sku(name)) > 0;
            prop_assert_eq!(told.get(name).copied().unwrap_or(true), something, "{}", name);
            had.insert(name.to_owned(), something);
        }
    }
    Ok(())
}

/// Holds a quote against what became of the order.
fn agree(quoted: Answer, placed: Answer) -> TestCaseResult {
    match (quoted, placed) {
        (Ok(Outcome::Quoted { lines }), Ok(Outcome::OrderPlaced { order, .. })) => {
            for quoted in lines {
                let line = order.lines.iter().find(|line| line.key.line == quoted.line);
                let line = line.expect("the line");
                prop_assert_eq!(
                    (&quoted.allocations, quoted.promised_on),
                    (&line.allocations, line.promised_on)
                );
                let taken = quoted.tried.iter().filter(|tried| tried.outcome.as_str() == "taken");
                let taken: BTreeSet<&Reference> = taken.map(|tried| &tried.batch).collect();
                let parts: BTreeSet<&Reference> = quoted.allocations.iter().map(|part| &part.batch).collect();
                prop_assert_eq!(taken, parts);
                prop_assert!(quoted.remedy.is_none());
            }
        }
        (Ok(Outcome::Quoted { lines }), Err(CommandError::Refused(Refusal::Shortages(shortages)))) => {
            let short: Vec<_> = lines.iter().filter(|line| line.allocations.is_empty()).collect();
            prop_assert_eq!(short.len(), shortages.len());
            for (line, shortage) in short.into_iter().zip(&shortages) {
                prop_assert_eq!(
                    (&line.line, line.remedy.as_ref()),
                    (&shortage.key.line, Some(&shortage.remedy))
                );
                prop_assert!(line.tried.iter().all(|tried| tried.outcome.as_str() != "taken"));
            }
        }
        (Err(quoted), Err(placed)) => prop_assert_eq!(quoted, placed),
        (quoted, placed) => prop_assert!(false, "{:?} {:?}", quoted, placed),
    }
    Ok(())
}
