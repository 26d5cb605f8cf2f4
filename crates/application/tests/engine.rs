//! The engine, with a store that does as it is told.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Answer, Clock, CommandError, Decide, Decided, Engine, EngineSettings, Envelope, Lane, NoMeter, Principal, Store,
    StoreError, Worklist,
};
use earmark_domain::{
    Allocate, BatchRecord, Command, CreateBatch, LineId, LineKey, LineRequest, Loaded, Location, Locations, OnShortage,
    OrderId, Outcome, ProductRecord, Quantity, Reference, Refusal, Scope, Sku,
};
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};

/// Longer than any test takes.
const FOREVER: Duration = Duration::from_secs(600);

/// What the store does with its next transaction, once there are no more instructions: it stores.
enum Instruction {
    Conflict,
    Unavailable,
    Corrupt,
}

/// A store with 1,000 LAMPs in one batch that never get fewer: what it is asked to store, it only takes note of.
struct Obedient {
    instructions: Mutex<VecDeque<Instruction>>,
    /// A SKU whose records can't be true.
    broken: Option<Sku>,
    /// Taken by each transaction while it runs: with none left, transactions wait.
    gate: Semaphore,
    started: mpsc::UnboundedSender<()>,
    groups: Mutex<Vec<usize>>,
    events: Mutex<Vec<(String, Timestamp)>>,
    calls: AtomicUsize,
}

impl Obedient {
    /// The orders it was asked to store, in that order.
    fn orders_in_turn(&self) -> Vec<String> {
        let events = self.events.lock().expect("sound");
        events.iter().map(|(by, _)| by.clone()).collect()
    }
}

#[async_trait]
impl Store for Obedient {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.started.send(()).expect("the test listens");
        let _permit = self.gate.acquire().await.expect("the gate is never closed");
        let instruction = self.instructions.lock().expect("sound").pop_front();
        match instruction {
            Some(Instruction::Conflict) => return Err(StoreError::Conflict),
            Some(Instruction::Unavailable) => return Err(StoreError::Unavailable("unplugged".into())),
            Some(Instruction::Corrupt) => return Err(StoreError::Corrupt("eaten by mice".into())),
            None => {}
        }
        if self.broken.as_ref().is_some_and(|broken| scope.skus.contains(broken)) {
            return Err(StoreError::Corrupt("eaten by mice".into()));
        }
        let decided = decide(lamps())?;
        self.groups.lock().expect("sound").push(decided.answers.len());
        self.events.lock().expect("sound").extend(
            decided
                .changes
                .events
                .iter()
                .map(|event| (event.correlation_id.to_string(), event.occurred_at)),
        );
        Ok(decided)
    }
}

fn lamps() -> Loaded {
    Loaded {
        products: vec![ProductRecord {
            version: 1,
            batches_created: 1,
            ..ProductRecord::new(sku("LAMP"))
        }],
        batches: vec![BatchRecord::new(
            Reference::new("b").expect("a reference"),
            sku("LAMP"),
            1,
            Quantity::new(1_000).expect("a quantity"),
            None,
        )],
        // How far the backlog was read is not told: a command that frees stock finds that out and panics.
        ..Loaded::default()
    }
}

/// A clock that stands still.
/// No background work is ever found.
struct NoWork;

#[async_trait]
impl Worklist for NoWork {
    async fn products_with_pending_backlog(&self, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_with_due_holds(&self, _: Timestamp, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn due_orders(&self, _: &BTreeSet<Sku>, _: Timestamp, _: usize) -> Result<Vec<OrderId>, StoreError> {
        Ok(Vec::new())
    }
}

struct Stopped;

#[async_trait]
impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_900_000_000).expect("an instant")
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

fn allocate(order: &str, of: &str, quantity: u32) -> Envelope {
    asked(
        order,
        Command::Allocate(Allocate {
            line: LineRequest {
                key: LineKey {
                    order: OrderId::new(order).expect("an order id"),
                    line: LineId::from(&sku(of)),
                },
                sku: sku(of),
                quantity: Quantity::new(quantity).expect("a quantity"),
            },
            locations: Locations::ANY,
            on_shortage: OnShortage::Reject,
            split: false,
        }),
    )
}

fn create_batch(reference: &str) -> Envelope {
    asked(
        reference,
        Command::CreateBatch(CreateBatch {
            reference: Reference::new(reference).expect("a reference"),
            sku: sku("LAMP"),
            quantity: Quantity::new(1).expect("a quantity"),
            eta: None,
            location: Location::default(),
        }),
    )
}

fn asked(by: &str, command: Command) -> Envelope {
    Envelope {
        command,
        principal: Principal::new("test"),
        message_id: None,
        if_version: None,
        preview: false,
        correlation_id: Arc::from(by),
    }
}

struct House {
    store: Arc<Obedient>,
    engine: Engine,
    lanes: Vec<Lane>,
    started: mpsc::UnboundedReceiver<()>,
}

/// An engine of one lane, at whose door nobody waits. Its gate is shut: transactions wait until the test opens it.
fn house(queue: usize, instructions: Vec<Instruction>, broken: Option<Sku>) -> House {
    house_with_patience(Duration::ZERO, queue, instructions, broken)
}

/// The same, with some queue_timeout for whoever finds the queue full.
fn house_with_patience(
    queue_timeout: Duration,
    queue: usize,
    instructions: Vec<Instruction>,
    broken: Option<Sku>,
) -> House {
    let (started_tx, started) = mpsc::unbounded_channel();
    let store = Arc::new(Obedient {
        instructions: Mutex::new(instructions.into()),
        broken,
        gate: Semaphore::new(0),
        started: started_tx,
        groups: Mutex::default(),
        events: Mutex::default(),
        calls: AtomicUsize::new(0),
    });
    let settings = EngineSettings {
        lanes: 1,
        queue,
        queue_timeout,
        group: 64,
        ..EngineSettings::default()
    };
    let (engine, lanes) = Engine::new(
        store.clone(),
        Arc::new(NoWork),
        Arc::new(Stopped),
        Arc::new(NoMeter),
        settings,
    );
    House {
        store,
        engine,
        lanes,
        started,
    }
}

impl House {
    fn open(&self) {
        self.store.gate.add_permits(1);
    }

    fn run_lanes(&mut self) -> Vec<tokio::task::JoinHandle<()>> {
        self.lanes.drain(..).map(|lane| tokio::spawn(lane.run())).collect()
    }

    /// Starts a first command, waits until its transaction runs, and queues the others behind it.
    async fn queue_behind_the_first(&mut self, envelopes: Vec<Envelope>) -> Vec<tokio::task::JoinHandle<Answer>> {
        self.run_lanes();
        let mut answers = Vec::new();
        for (number, envelope) in envelopes.into_iter().enumerate() {
            let engine = self.engine.clone();
            let mut asking = Box::pin(async move { engine.execute(envelope).await });
            // Polled once, the command stands in the queue: the order is that of the test.
            let first_poll =
                std::future::poll_fn(|context| std::task::Poll::Ready(asking.as_mut().poll(context))).await;
            answers.push(match first_poll {
                std::task::Poll::Ready(answer) => tokio::spawn(async move { answer }),
                std::task::Poll::Pending => tokio::spawn(asking),
            });
            if number == 0 {
                self.started.recv().await.expect("a transaction starts");
            }
        }
        answers
    }
}

async fn all(answers: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    let mut told = Vec::new();
    for answer in answers {
        told.push(answer.await.expect("no panic"));
    }
    told
}

#[tokio::test]
async fn what_waits_while_a_transaction_runs_shares_the_next_one() {
    let mut house = house(64, vec![], None);
    let envelopes = (0..11).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let answers = house.queue_behind_the_first(envelopes).await;
    house.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(*house.store.groups.lock().expect("sound"), [1, 10]);
}

#[tokio::test]
async fn a_refused_command_does_not_disturb_its_neighbours() {
    let mut house = house(64, vec![], None);
    let answers = house
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            allocate("o1", "LAMP", 600),
            allocate("o2", "LAMP", 600),
            allocate("o3", "DESK", 1),
            allocate("o4", "LAMP", 400),
        ])
        .await;
    house.open();
    let told = all(answers).await;
    assert!(told[1].is_ok());
    assert!(matches!(told[2], Err(CommandError::Refused(Refusal::OutOfStock(_)))));
    assert!(matches!(told[3], Err(CommandError::Refused(Refusal::UnknownSku(_)))));
    assert!(told[4].is_ok());
}

#[tokio::test]
async fn a_panic_in_one_decision_fails_that_command_alone() {
    let mut house = house(64, vec![], None);
    let answers = house
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            allocate("o1", "LAMP", 1),
            create_batch("panics"),
            allocate("o2", "LAMP", 1),
        ])
        .await;
    house.open();
    let told = all(answers).await;
    assert!(told[1].is_ok() && told[3].is_ok());
    assert_eq!(told[2], Err(CommandError::Internal));
    assert_eq!(*house.store.groups.lock().expect("sound"), [1, 2]);
}

#[tokio::test]
async fn broken_records_fail_the_commands_that_touch_them_and_no_others() {
    let mut house = house(64, vec![], Some(sku("RUINED")));
    let answers = house
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            allocate("o1", "LAMP", 1),
            allocate("o2", "RUINED", 1),
            allocate("o3", "LAMP", 1),
        ])
        .await;
    house.open();
    let told = all(answers).await;
    assert!(told[1].is_ok() && told[3].is_ok());
    assert_eq!(told[2], Err(CommandError::Internal));
}

#[tokio::test]
async fn a_conflict_is_decided_anew() {
    let mut house = house(64, vec![Instruction::Conflict, Instruction::Conflict], None);
    house.open();
    house.run_lanes();
    assert!(house.engine.execute(allocate("o1", "LAMP", 1)).await.is_ok());
    assert_eq!(house.store.calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_state_that_never_stands_still_is_an_honest_busy() {
    let conflicts = (0..100).map(|_| Instruction::Conflict).collect();
    let mut house = house(64, conflicts, None);
    house.open();
    house.run_lanes();
    assert_eq!(
        house.engine.execute(allocate("o1", "LAMP", 1)).await,
        Err(CommandError::Busy)
    );
    assert_eq!(house.store.calls.load(Ordering::Relaxed), 8);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_to_every_caller_and_the_next_command_tries_again() {
    let mut house = house(64, vec![Instruction::Unavailable, Instruction::Corrupt], None);
    house.open();
    house.run_lanes();
    assert_eq!(
        house.engine.execute(allocate("o1", "LAMP", 1)).await,
        Err(CommandError::Unavailable)
    );
    assert_eq!(
        house.engine.execute(allocate("o1", "LAMP", 1)).await,
        Err(CommandError::Internal)
    );
    assert!(house.engine.execute(allocate("o1", "LAMP", 1)).await.is_ok());
}

#[tokio::test]
async fn a_full_queue_is_an_honest_busy() {
    let mut house = house(2, vec![], None);
    let envelopes = (0..5).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let answers = house.queue_behind_the_first(envelopes).await;
    house.open();
    let told = all(answers).await;
    // One runs, two wait, two are turned away.
    assert!(told[..3].iter().all(Result::is_ok));
    assert_eq!(told[3..], [Err(CommandError::Busy), Err(CommandError::Busy)]);
}

#[tokio::test]
async fn who_finds_the_queue_full_waits_for_a_place_and_who_came_first_gets_it() {
    let mut house = house_with_patience(FOREVER, 2, vec![], None);
    let envelopes = (0..8).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let answers = house.queue_behind_the_first(envelopes).await;
    house.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    let orders: Vec<_> = (0..8).map(|n| format!("o{n}")).collect();
    assert_eq!(house.store.orders_in_turn(), orders);
}

#[tokio::test]
async fn patience_ends_while_the_queue_stays_full() {
    let mut house = house_with_patience(Duration::from_millis(20), 2, vec![], None);
    let envelopes = (0..5).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let mut answers = house.queue_behind_the_first(envelopes).await;
    // Nothing moves until these two have been told.
    let turned_away = all(answers.split_off(3)).await;
    assert_eq!(turned_away, [Err(CommandError::Busy), Err(CommandError::Busy)]);
    house.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(house.store.orders_in_turn(), ["o0", "o1", "o2"]);
}

#[tokio::test]
async fn who_leaves_the_door_is_not_served_and_the_next_gets_the_place() {
    let mut house = house_with_patience(FOREVER, 1, vec![], None);
    let envelopes = (0..4).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let mut answers = house.queue_behind_the_first(envelopes).await;
    let left = answers.remove(2);
    left.abort();
    assert!(left.await.is_err_and(|error| error.is_cancelled()));
    house.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(house.store.orders_in_turn(), ["o0", "o1", "o3"]);
}

#[tokio::test]
async fn an_engine_that_drains_serves_those_at_its_door_and_turns_later_ones_away() {
    let mut house = house_with_patience(FOREVER, 1, vec![], None);
    let envelopes = (0..4).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let answers = house.queue_behind_the_first(envelopes).await;
    let mut draining = Box::pin(house.engine.drain());
    let mut late = Box::pin(house.engine.execute(allocate("late", "LAMP", 1)));
    let polled_once = std::future::poll_fn(|context| {
        let pending = (draining.as_mut().poll(context), late.as_mut().poll(context));
        std::task::Poll::Ready(pending.0.is_pending() && pending.1.is_pending())
    });
    assert!(polled_once.await, "both stand behind those at the door");
    house.open();
    let ((), late) = tokio::join!(draining, late);
    assert_eq!(late, Err(CommandError::ShuttingDown));
    assert!(all(answers).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_caller_that_left_before_its_turn_is_not_served() {
    let mut house = house(64, vec![], None);
    let envelopes = (0..3).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let mut answers = house.queue_behind_the_first(envelopes).await;
    let left = answers.remove(1);
    left.abort();
    assert!(left.await.is_err_and(|error| error.is_cancelled()));
    house.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(house.store.orders_in_turn(), ["o0", "o2"]);
}

#[tokio::test]
async fn no_two_commands_share_an_instant_even_when_the_clock_stands_still() {
    let mut house = house(64, vec![], None);
    let envelopes = (0..20).map(|n| allocate(&format!("o{n}"), "LAMP", 1)).collect();
    let answers = house.queue_behind_the_first(envelopes).await;
    house.open();
    all(answers).await;
    let events = house.store.events.lock().expect("sound");
    assert_eq!(events.len(), 20);
    assert!(events.windows(2).all(|pair| pair[0].1 < pair[1].1));
}

#[tokio::test]
async fn an_ordered_stream_waits_for_a_place_and_keeps_its_order() {
    let mut house = house(2, vec![], None);
    house.run_lanes();
    house.open();
    let stream = house.engine.ordered();
    let mut tickets = Vec::new();
    for n in 0..50 {
        tickets.push(stream.submit(allocate(&format!("o{n:02}"), "LAMP", 1)).await);
    }
    for mut ticket in tickets {
        assert!(matches!(
            ticket.answer().await,
            Ok(Outcome::LinePlaced { fresh: true, .. })
        ));
    }
    let events = house.store.events.lock().expect("sound");
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[tokio::test]
async fn draining_answers_what_waits_and_turns_away_what_comes() {
    let mut house = house(64, vec![], None);
    let lanes = house.run_lanes();
    let waiting = tokio::spawn({
        let engine = house.engine.clone();
        async move { engine.execute(allocate("o0", "LAMP", 1)).await }
    });
    house.started.recv().await.expect("a transaction starts");
    house.engine.drain().await;
    assert!(house.engine.is_draining());
    house.open();
    assert!(waiting.await.expect("no panic").is_ok());
    for lane in lanes {
        lane.await.expect("the lane ends");
    }
    assert_eq!(
        house.engine.execute(allocate("o1", "LAMP", 1)).await,
        Err(CommandError::ShuttingDown)
    );
}

#[tokio::test]
async fn commands_of_a_stream_share_larger_groups_with_their_like_alone() {
    let mut house = house(1_024, vec![], None);
    let stream = house.engine.ordered();
    let mut tickets = Vec::new();
    for n in 0..300 {
        tickets.push(stream.submit(allocate(&format!("s{n}"), "LAMP", 1)).await);
    }
    let engine = house.engine.clone();
    let lone = tokio::spawn(async move { engine.execute(allocate("lone", "LAMP", 1)).await });
    // The caller's task runs, and its command stands behind the stream's.
    tokio::task::yield_now().await;
    for n in 300..400 {
        tickets.push(stream.submit(allocate(&format!("s{n}"), "LAMP", 1)).await);
    }
    house.run_lanes();
    house.open();
    for ticket in &mut tickets {
        assert!(ticket.answer().await.is_ok());
    }
    assert!(lone.await.expect("no panic").is_ok());
    assert_eq!(*house.store.groups.lock().expect("sound"), [256, 64, 81]);
}
