//! A store that follows a script, and an engine of one lane on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Answer, Clock, Decide, Decided, DueOrder, Engine, EngineSettings, Envelope, Lane, NoMeter, Principal, Roles, Store,
    StoreError, Worklist,
};
use earmark_domain::{
    Allocate, BatchRecord, ChangeBatch, Command, Count, CreateBatch, LineId, LineKey, LineRequest, Loaded, Location,
    Locations, MessageId, OnShortage, OrderId, Processed, ProductRecord, Quantity, Reference, Scope, Sku,
};
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// How a scripted transaction fails. Without a step in the script, it succeeds.
pub(crate) enum Step {
    Conflict,
    Unavailable,
    Corrupt,
    Failed,
}

/// A store with one batch of 1,000 LAMPs that never shrinks: it records what it is asked to store, and keeps the inbox
/// alone.
pub(crate) struct ScriptedStore {
    script: Mutex<VecDeque<Step>>,
    /// A SKU with corrupt records.
    corrupt: Option<Sku>,
    /// A SKU that others have locked.
    locked: Option<Sku>,
    /// A transaction takes a permit while it runs: without one, it waits.
    permits: Semaphore,
    started: mpsc::UnboundedSender<()>,
    /// The number of commands of each stored transaction.
    pub(crate) groups: Mutex<Vec<usize>>,
    /// The correlation id and the instant of each stored event.
    pub(crate) events: Mutex<Vec<(String, Timestamp)>>,
    pub(crate) inbox: Mutex<BTreeMap<MessageId, Processed>>,
    pub(crate) calls: AtomicUsize,
}

impl ScriptedStore {
    /// The correlation ids of the stored events, in order.
    pub(crate) fn correlation_ids(&self) -> Vec<String> {
        let events = self.events.lock().expect("not poisoned");
        events.iter().map(|(id, _)| id.clone()).collect()
    }
}

#[async_trait]
impl Store for ScriptedStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.started.send(()).expect("the test listens");
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let step = self.script.lock().expect("not poisoned").pop_front();
        match step {
            Some(Step::Conflict) => return Err(StoreError::Conflict),
            Some(Step::Failed) => return Err(StoreError::Failed("no such column".into())),
            Some(Step::Unavailable) => return Err(StoreError::Unavailable("unplugged".into())),
            Some(Step::Corrupt) => return Err(StoreError::Corrupt("a torn page".into())),
            None => {}
        }
        if self.corrupt.as_ref().is_some_and(|sku| scope.skus.contains(sku)) {
            return Err(StoreError::Corrupt("a torn page".into()));
        }
        if let Some(locked) = self.locked.as_ref().filter(|sku| scope.skus.contains(*sku)) {
            return Err(StoreError::Locked([locked.clone()].into()));
        }
        let mut inbox = self.inbox.lock().expect("not poisoned");
        let known = scope.messages.iter().filter_map(|id| inbox.get_key_value(id));
        let processed = known.map(|(id, ended)| (id.clone(), ended.clone())).collect();
        let decided = decide(Loaded { processed, ..lamps() })?;
        let new = decided.changes.inbox.iter();
        inbox.extend(new.map(|record| (record.id.clone(), record.ended.clone())));
        self.groups.lock().expect("not poisoned").push(decided.answers.len());
        self.events.lock().expect("not poisoned").extend(
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
        // How far the backlog was read is missing: a command that frees stock panics on that.
        ..Loaded::default()
    }
}

/// A worklist without work.
pub(crate) struct NoWork;

#[async_trait]
impl Worklist for NoWork {
    async fn products_with_pending_work(&self, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_changed_by_day(&self, _: jiff::civil::Date, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_with_due_holds(&self, _: Timestamp, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn due_orders(&self, _: &BTreeSet<Sku>, _: Timestamp, _: usize) -> Result<Vec<DueOrder>, StoreError> {
        Ok(Vec::new())
    }
}

/// A clock that stands still, but for pauses.
pub(crate) struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_900_000_000).expect("an instant")
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// An engine on a scripted store.
pub(crate) struct Fixture {
    pub(crate) store: Arc<ScriptedStore>,
    pub(crate) engine: Engine,
    lanes: Vec<Lane>,
    pub(crate) started: mpsc::UnboundedReceiver<()>,
}

/// How a fixture differs from the default: a queue of 64 jobs without a timeout, and no failures.
pub(crate) struct Setup {
    pub(crate) queue: usize,
    pub(crate) queue_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) script: Vec<Step>,
    pub(crate) corrupt: Option<Sku>,
    pub(crate) locked: Option<Sku>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            queue: 64,
            queue_timeout: Duration::ZERO,
            answer_timeout: Duration::from_secs(60),
            script: Vec::new(),
            corrupt: None,
            locked: None,
        }
    }
}

impl Setup {
    /// An engine of one lane, which does not run yet. Transactions wait until the test [lets](Fixture::let_store) them
    /// run.
    pub(crate) fn build(self) -> Fixture {
        let (started_sender, started) = mpsc::unbounded_channel();
        let store = Arc::new(ScriptedStore {
            script: Mutex::new(self.script.into()),
            corrupt: self.corrupt,
            locked: self.locked,
            permits: Semaphore::new(0),
            started: started_sender,
            groups: Mutex::default(),
            events: Mutex::default(),
            inbox: Mutex::default(),
            calls: AtomicUsize::new(0),
        });
        let settings = EngineSettings {
            lanes: 1,
            queue: self.queue,
            queue_timeout: self.queue_timeout,
            answer_timeout: self.answer_timeout,
            group: 64,
            ..EngineSettings::default()
        };
        let (clock, meter) = (Arc::new(StoppedClock), Arc::new(NoMeter));
        let (engine, lanes) = Engine::new(store.clone(), Arc::new(NoWork), clock, meter, settings);
        Fixture {
            store,
            engine,
            lanes,
            started,
        }
    }
}

impl Fixture {
    /// Lets transactions run from now on, one at a time.
    pub(crate) fn let_store(&self) {
        self.store.permits.add_permits(1);
    }

    pub(crate) fn run_lanes(&mut self) -> Vec<JoinHandle<()>> {
        self.lanes.drain(..).map(|lane| tokio::spawn(lane.run())).collect()
    }

    /// Starts a first command, waits until its transaction runs, and queues the others behind it.
    pub(crate) async fn queue_behind_the_first(&mut self, envelopes: Vec<Envelope>) -> Vec<JoinHandle<Answer>> {
        self.run_lanes();
        let mut answers = Vec::new();
        for (number, envelope) in envelopes.into_iter().enumerate() {
            answers.push(queue(&self.engine, envelope).await);
            if number == 0 {
                self.started.recv().await.expect("a transaction starts");
            }
        }
        answers
    }
}

/// Queues a command before it returns, so that the order in the queue is that of the test.
pub(crate) async fn queue(engine: &Engine, envelope: Envelope) -> JoinHandle<Answer> {
    let engine = engine.clone();
    let mut executing = Box::pin(async move { engine.execute(envelope).await });
    // Polled once, the command is in the queue.
    match poll_fn(|context| Poll::Ready(executing.as_mut().poll(context))).await {
        Poll::Ready(answer) => tokio::spawn(async move { answer }),
        Poll::Pending => tokio::spawn(executing),
    }
}

/// Waits for all answers.
pub(crate) async fn all(pending: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for answer in pending {
        answers.push(answer.await.expect("no panic"));
    }
    answers
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

pub(crate) fn allocate(order: &str, of: &str, quantity: u32) -> Envelope {
    envelope(
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
            without_grace: false,
        }),
    )
}

/// Allocations of one LAMP each, for the orders `o0`, `o1`, ….
pub(crate) fn allocations(count: usize) -> Vec<Envelope> {
    (0..count)
        .map(|number| allocate(&format!("o{number}"), "LAMP", 1))
        .collect()
}

pub(crate) fn create_batch(reference: &str) -> Envelope {
    envelope(
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

/// A count of a batch.
pub(crate) fn count(reference: &str, quantity: u32) -> Envelope {
    envelope(
        reference,
        Command::ChangeBatch(ChangeBatch {
            reference: Reference::new(reference).expect("a reference"),
            quantity: Some(Count::new(quantity).expect("a count")),
            eta: None,
        }),
    )
}

fn envelope(correlation_id: &str, command: Command) -> Envelope {
    Envelope::new(command, Principal::new("test", Roles::ALL), Arc::from(correlation_id))
}
