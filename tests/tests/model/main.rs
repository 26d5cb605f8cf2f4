//! Random commands, under a clock that jumps, on an engine and on a naive model: answers and state must be equal.

mod draw;
mod minimal;
mod naive;
mod outlook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use draw::{SKUS, Step, a_command, a_step, some_lines};
use earmark_application::{Answer, CommandError};
use earmark_domain::{
    AuditedOrder, Command, Fact, Improve, LineRecord, OrderRecord, OrderTerms, Outcome, PlaceOrder, Promising, Quote,
    Reference, Refusal,
};
use earmark_tests::build::{order, sku};
use earmark_tests::databases::{Database, Db, MemoryDatabase, SqliteDatabase};
use earmark_tests::{Shop, ShopEngine};
use minimal::{MinimalStore, MinimalWorklist};
use naive::{Answered, LineStates, Model};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tokio::runtime::Runtime;

/// The state of every line.
async fn line_states(shop: &ShopEngine) -> LineStates {
    let mut states = LineStates::new();
    for name in SKUS {
        if shop
            .reads
            .product(&sku(name), shop.now())
            .await
            .expect("an answer")
            .is_none()
        {
            continue;
        }
        let history = shop.history(&sku(name)).await;
        let lines = history.lines.iter();
        states.extend(lines.map(|line| {
            (
                line.terms.key.clone(),
                (
                    line.state,
                    line.terms.quantity.get(),
                    BTreeMap::new(),
                    (line.promise.on, line.promise.first_on),
                ),
            )
        }));
        let held = history
            .allocations
            .iter()
            .map(|held| (&held.key, &held.batch, held.quantity));
        let dispatched = history
            .dispatches
            .iter()
            .map(|dispatch| (&dispatch.key, &dispatch.batch, dispatch.quantity));
        for (key, batch, quantity) in held.chain(dispatched) {
            let line = states.get_mut(key).expect("a line");
            *line.2.entry(batch.clone()).or_default() += u64::from(quantity.get());
        }
    }
    states
}

fn answered(answer: &Answer) -> Answered {
    let changed = match answer {
        Err(CommandError::Refused(refusal)) => return Answered::Refused(refusal.code()),
        Err(error) => unreachable!("{error}"),
        Ok(
            Outcome::ProductPut { changed, .. }
            | Outcome::BatchChanged { changed, .. }
            | Outcome::OrderDispatched { changed, .. }
            | Outcome::BatchReceived { changed, .. }
            | Outcome::OrderChanged { changed, .. }
            | Outcome::OrderTermsChanged { changed, .. },
        ) => *changed,
        Ok(
            Outcome::BatchCreated { fresh, .. }
            | Outcome::LinePlaced { fresh, .. }
            | Outcome::OrderPlaced { fresh, .. },
        ) => *fresh,
        Ok(Outcome::AlreadyProcessed(_)) => false,
        Ok(
            Outcome::Quoted { .. }
            | Outcome::HoldsExpired { .. }
            | Outcome::Continued { .. }
            | Outcome::DayPassed { .. },
        ) => true,
        Ok(Outcome::Reallocated { effects, .. }) => !effects.reallocated.is_empty(),
    };
    if changed { Answered::Done } else { Answered::Unchanged }
}

/// A shop in memory, whose store loads as little as it may.
async fn minimal_shop() -> ShopEngine {
    let db: Db = Arc::new(MemoryDatabase::fresh().await);
    let shop = Shop::open(&db).await;
    let worklist = Arc::new(MinimalWorklist(shop.reads.clone()));
    let store = Arc::new(MinimalStore(shop.store.clone()));
    let promising = PROMISING;
    ShopEngine::with_worklist(
        Shop {
            store,
            promising,
            ..shop
        },
        worklist,
    )
}

/// The model moves lines to better stock when it is asked to, and not by itself.
const PROMISING: Promising = Promising {
    overdue_grace_days: Some(7),
    improve: Improve::Off,
};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Runs steps on the engine and on the model.
async fn run(shop: &ShopEngine, model: &mut Model, steps: &[Step], each: bool) -> TestCaseResult {
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Pass(seconds) => {
                shop.clock.advance_seconds(*seconds);
                model.pass(*seconds);
            }
            // It changes nothing visible: the due holds have counted zero already.
            Step::Sweep => {
                shop.sweep().await;
                model.sweep();
            }
            // It is told what the day has changed; nothing that was promised changes.
            Step::Days(days) => {
                shop.clock.advance_seconds(i64::from(*days) * 24 * 60 * 60);
                shop.sweep().await;
                shop.pass_day().await;
                model.pass_days(*days);
                model.sweep();
            }
            Step::Run(command) => {
                let expected = model.run(command);
                let answer = shop.ask(command).await;
                prop_assert_eq!(answered(&answer), expected, "step {}: {:?}", number, command);
                if matches!(command, Command::Reallocate(_)) {
                    shop.continue_work().await;
                }
            }
        }
        if each {
            prop_assert_eq!(
                line_states(shop).await,
                model.line_states(),
                "step {}: {:?}",
                number,
                step
            );
        }
    }
    prop_assert_eq!(line_states(shop).await, model.line_states());
    shop.assert_sound().await;
    Ok(())
}

/// Runs steps on the engine and on the model: the commands between two steps of another kind come at the same time, and share
/// transactions.
async fn run_together(shop: &ShopEngine, model: &mut Model, steps: &[Step]) -> TestCaseResult {
    let is_command = |step: &Step| matches!(step, Step::Run(_));
    for together in steps.chunk_by(|one, other| is_command(one) && is_command(other)) {
        let commands: Vec<Command> = together
            .iter()
            .filter_map(|step| match step {
                Step::Run(command) => Some(command.clone()),
                _ => None,
            })
            .collect();
        if commands.is_empty() {
            run(shop, model, together, true).await?;
            continue;
        }
        let expected: Vec<Answered> = commands.iter().map(|command| model.run(command)).collect();
        let answers: Vec<Answered> = shop.ask_together(&commands).await.iter().map(answered).collect();
        prop_assert_eq!(answers, expected, "{:?}", commands);
        shop.continue_work().await;
        prop_assert_eq!(line_states(shop).await, model.line_states(), "{:?}", commands);
    }
    shop.assert_sound().await;
    Ok(())
}

/// Runs steps without checks.
async fn warm_up(shop: &ShopEngine, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Pass(seconds) => shop.clock.advance_seconds(*seconds),
            Step::Sweep => shop.sweep().await,
            Step::Days(days) => {
                shop.clock.advance_seconds(i64::from(*days) * 24 * 60 * 60);
                shop.pass_day().await;
            }
            Step::Run(command) => drop(shop.ask(command).await),
        }
    }
    shop.sweep().await;
    // What earlier commands left would be done before the next one, previewed or not.
    shop.continue_work().await;
}

/// So many sequences of commands, or as many as `PROPTEST_CASES` says. Each run draws others.
fn sequences(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return default;
    }
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(sequences(1_200))]

    #[test]
    fn in_memory_random_commands_have_the_effects_of_the_naive_model(steps in prop::collection::vec(a_step(), 1..50)) {
        runtime().block_on(async {
            run(&minimal_shop().await, &mut Model::default(), &steps, true).await
        })?;
    }

    #[test]
    fn commands_that_share_transactions_have_the_effects_of_the_naive_model(
        steps in prop::collection::vec(a_step(), 1..50),
    ) {
        runtime().block_on(async {
            run_together(&minimal_shop().await, &mut Model::default(), &steps).await
        })?;
    }

    #[test]
    fn a_preview_equals_the_command_after_it(
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        runtime().block_on(async {
            let shop = minimal_shop().await;
            warm_up(&shop, &before).await;
            let state = shop.snapshot().await;
            let preview = shop.preview(&command).await;
            prop_assert_eq!(&shop.snapshot().await, &state);
            let answer = shop.ask(&command).await;
            prop_assert_eq!(timeless(preview), timeless(answer));
            Ok(())
        })?;
    }

    #[test]
    fn a_refused_command_stores_out_of_stock_events_alone(
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        runtime().block_on(async {
            let shop = minimal_shop().await;
            warm_up(&shop, &before).await;
            let state = shop.snapshot().await;
            if shop.ask(&command).await.is_err() {
                let after = shop.snapshot().await;
                let new = after.events[state.events.len()..].iter();
                prop_assert!(new.clone().all(|event| matches!(event.event.fact, Fact::OutOfStock { .. })), "{:?}", new);
                // An order of which the shortage alone is told has no header and no lines.
                let stored = |orders: Vec<AuditedOrder>| -> Vec<(Option<OrderRecord>, Vec<LineRecord>)> {
                    let stored = orders.into_iter().map(|order| (order.header, order.lines));
                    stored.filter(|(header, lines)| header.is_some() || !lines.is_empty()).collect()
                };
                prop_assert_eq!(stored(after.orders), stored(state.orders));
            }
            shop.assert_sound().await;
            Ok(())
        })?;
    }

    #[test]
    fn a_repeated_command_changes_nothing(
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        // To replace a held order moves its deadline each time.
        let moves_deadline = matches!(&command, Command::ReplaceOrder(place) if place.terms().hold_for.is_some());
        runtime().block_on(async {
            let shop = minimal_shop().await;
            warm_up(&shop, &before).await;
            if !moves_deadline && shop.ask(&command).await.is_ok() {
                // What the command has left to do is done by the service.
                shop.continue_work().await;
                let state = shop.snapshot().await;
                let again = shop.ask(&command).await;
                // Of a line that has left in part the rest was cancelled: then nothing is left to cancel.
                let cancels = matches!(command, Command::CancelLine(_) | Command::CancelOrder(_));
                let has_left = matches!(again, Err(CommandError::Refused(Refusal::AlreadyDispatched { .. })));
                prop_assert!(again.is_ok() || (cancels && has_left), "{:?}", again);
                prop_assert_eq!(shop.snapshot().await, state);
            }
            Ok(())
        })?;
    }

    #[test]
    fn running_out_of_stock_and_replenishment_are_reported_once_each(steps in prop::collection::vec(a_step(), 1..50)) {
        runtime().block_on(stock_events(&steps))?;
    }

    #[test]
    fn a_quote_and_an_order_on_the_same_state_agree(
        before in prop::collection::vec(a_step(), 0..25),
        lines in some_lines(),
        split in any::<bool>(),
    ) {
        runtime().block_on(async {
            let shop = minimal_shop().await;
            warm_up(&shop, &before).await;
            let events = shop.events().await.len();
            let quoted = shop.ask(&Command::Quote(Quote { lines: lines.clone(), split })).await;
            prop_assert_eq!(shop.events().await.len(), events);
            let terms = OrderTerms { split, ..OrderTerms::default() };
            let place = PlaceOrder::new(order("new"), lines, terms).expect("an order");
            agree(quoted, shop.ask(&Command::PlaceOrder(place)).await)
        })?;
    }
}

proptest! {
    // Each of these writes to a disk.
    #![proptest_config(sequences(600))]

    #[test]
    fn on_sqlite_random_commands_have_the_effects_of_the_naive_model(steps in prop::collection::vec(a_step(), 1..50)) {
        runtime().block_on(async {
            let db: Db = Arc::new(SqliteDatabase::fresh().await);
            let shop = Shop {
                promising: PROMISING,
                ..Shop::open(&db).await
            };
            let result = run(&ShopEngine::of(shop), &mut Model::default(), &steps, false).await;
            db.discard().await;
            result
        })?;
    }
}

/// An answer without its instants, in which equal commands differ.
fn timeless(answer: Answer) -> Answer {
    let mut answer = answer;
    if let Ok(
        Outcome::OrderPlaced { order, .. }
        | Outcome::OrderDispatched { order, .. }
        | Outcome::OrderChanged { order, .. }
        | Outcome::OrderTermsChanged { order, .. },
    ) = &mut answer
    {
        order.hold_expires_at = order.hold_expires_at.map(|_| jiff::Timestamp::UNIX_EPOCH);
        for line in &mut order.lines {
            line.hold_until = line.hold_until.map(|_| jiff::Timestamp::UNIX_EPOCH);
            line.placed_at = jiff::Timestamp::UNIX_EPOCH;
            for left in &mut line.dispatches {
                left.at = jiff::Timestamp::UNIX_EPOCH;
            }
        }
    }
    if let Ok(Outcome::LinePlaced { line, .. }) = &mut answer {
        line.placed_at = jiff::Timestamp::UNIX_EPOCH;
    }
    answer
}

/// Compares the events about stock with the units that can be promised, step by step.
async fn stock_events(steps: &[Step]) -> TestCaseResult {
    let shop = minimal_shop().await;
    let mut model = Model::default();
    let mut in_stock: BTreeMap<String, bool> = BTreeMap::new();
    let mut seen = 0;
    for step in steps {
        run(&shop, &mut model, std::slice::from_ref(step), false).await?;
        shop.sweep().await;
        model.sweep();
        let mut reported = in_stock.clone();
        let events = shop.events().await;
        for event in &events[seen..] {
            let something = match event.event.fact {
                Fact::StockDepleted => false,
                Fact::StockReplenished => true,
                _ => continue,
            };
            let (sku, _) = event.event.product().expect("the event is of a product");
            let before = reported.insert(sku.to_string(), something).unwrap_or(true);
            prop_assert_eq!(before, !something, "{} of {}", event.event.fact.name(), sku);
        }
        seen = events.len();
        for name in SKUS.into_iter().filter(|name| model.has_batches(&sku(name))) {
            let something = model.is_in_stock(&sku(name));
            prop_assert_eq!(reported.get(name).copied().unwrap_or(true), something, "{}", name);
            in_stock.insert(name.to_owned(), something);
        }
    }
    Ok(())
}

/// Compares a quote with the order after it.
fn agree(quoted: Answer, placed: Answer) -> TestCaseResult {
    match (quoted, placed) {
        (Ok(Outcome::Quoted { lines }), Ok(Outcome::OrderPlaced { order, .. })) => {
            for quoted in lines {
                let line = order.lines.iter().find(|line| line.key.line == quoted.line);
                let line = line.expect("the line");
                prop_assert_eq!(
                    (&quoted.allocations, quoted.promised_on),
                    (&line.allocations, line.promise.on)
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
