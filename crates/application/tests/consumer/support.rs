//! A source that delivers again what is not acknowledged, a store with an inbox in memory, and consumers between them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Answer, Body, Clock, CommandError, CommandSource, Consumer, ConsumerMeter, ConsumerPorts, DEAD_MESSAGE_BATCH,
    DeadMessage, DeadMessageAction, DeadMessagesDecided, Decide, Decided, DeliveryId, DueOrder, Engine, EngineSettings,
    Ids, Inbox, MAX_DEAD_MESSAGES, Message, MessageFormat, NoMeter, Reply, SourceError, SourceName, SourceStatus,
    Store, StoreError, Worklist,
};
use earmark_domain::{
    Allocate, BatchRecord, Command, LineId, LineKey, LineRequest, Loaded, Locations, MessageId, OnShortage, OrderId,
    Outcome, Processed, ProductRecord, Quantity, Reference, Scope, Sku,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}

/// The clock of the runtime, which stands still while there is anything to do.
pub(crate) struct TestClock(Instant);

impl TestClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of these tests is that of the runtime"
    )]
    fn new() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.monotonic()).expect("a short test")
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn pause(&self, time: Duration) {
        pause(time).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of these tests is that of the runtime"
)]
pub(crate) async fn pause(time: Duration) {
    sleep(time).await;
}

/// Waits until something is so; a test that waits for a minute has failed.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of these tests is that of the runtime"
    )]
    let waited = timeout(Duration::from_secs(60), async {
        while !is_so() {
            pause(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

struct NoChance;

impl Ids for NoChance {
    fn correlation_id(&self) -> [u8; 16] {
        [0; 16]
    }

    fn token(&self) -> [u8; 16] {
        [0; 16]
    }
}

/// The steps outside: the process is killed before one of them.
#[derive(Default)]
pub(crate) struct Steps {
    /// How many are still made; below zero: all of them.
    left: AtomicI64,
    killed: Notify,
}

impl Steps {
    /// The next steps are made, and then the process is killed.
    pub(crate) fn allow(&self, steps: i64) {
        self.left.store(steps, Ordering::SeqCst);
    }

    /// All steps are made.
    pub(crate) fn allow_all(&self) {
        self.allow(-1);
    }

    /// Makes a step, or never returns.
    async fn make(&self) {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            self.killed.notify_one();
            return std::future::pending().await;
        }
        if left > 0 {
            self.left.store(left - 1, Ordering::SeqCst);
        }
    }

    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }
}

#[derive(Default)]
struct Stream {
    /// What is to be delivered, in its order.
    queue: VecDeque<Message>,
    /// What was delivered and is not acknowledged.
    delivered: BTreeMap<DeliveryId, Message>,
    next: u64,
}

/// A stream of messages. What is not acknowledged is delivered again after an error and after a crash, before all others.
#[derive(Default)]
pub(crate) struct Source {
    stream: Mutex<Stream>,
    arrived: Notify,
    pub(crate) steps: Arc<Steps>,
    /// The ids that were acknowledged.
    pub(crate) acknowledged: Mutex<Vec<String>>,
    pub(crate) replies: Mutex<Vec<(String, String)>>,
    /// The deliveries that it was told of.
    pub(crate) told: Mutex<Vec<DeliveryId>>,
    /// The errors of the next calls.
    pub(crate) receive_errors: Mutex<VecDeque<SourceError>>,
    pub(crate) acknowledge_errors: Mutex<VecDeque<SourceError>>,
    pub(crate) calls: AtomicUsize,
    pub(crate) forgetful: bool,
}

impl Source {
    pub(crate) fn new() -> Arc<Self> {
        let source = Self::default();
        source.steps.allow_all();
        Arc::new(source)
    }

    /// A channel: what it has delivered is gone.
    pub(crate) fn channel() -> Arc<Self> {
        let source = Self {
            forgetful: true,
            ..Self::default()
        };
        source.steps.allow_all();
        Arc::new(source)
    }

    pub(crate) fn send(&self, id: &str, body: &str) {
        self.send_body(id, Body::Whole(body.as_bytes().to_vec()));
    }

    pub(crate) fn send_body(&self, id: &str, body: Body) {
        let id = (!id.is_empty()).then(|| MessageId::new("stream", id).expect("an id"));
        let reply_to = id.as_ref().map(|id| Arc::from(format!("to {}", id.id())));
        locked(&self.stream).queue.push_back(Message {
            id,
            body,
            correlation_id: None,
            reply_to,
            delivery: DeliveryId(0),
        });
        self.arrived.notify_one();
    }

    /// Delivers again what is not acknowledged.
    pub(crate) fn restart(&self) {
        let mut stream = locked(&self.stream);
        let again: Vec<Message> = std::mem::take(&mut stream.delivered).into_values().collect();
        if !self.forgetful {
            for message in again.into_iter().rev() {
                stream.queue.push_front(message);
            }
        }
        drop(stream);
        self.arrived.notify_one();
    }

    /// Whether everything was delivered and acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        let stream = locked(&self.stream);
        stream.queue.is_empty() && stream.delivered.is_empty()
    }

    pub(crate) fn acknowledged(&self) -> Vec<String> {
        locked(&self.acknowledged).clone()
    }

    fn next_error(&self, errors: &Mutex<VecDeque<SourceError>>) -> Result<(), SourceError> {
        match locked(errors).pop_front() {
            Some(error) => {
                self.restart();
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn take(&self, most: usize) -> Vec<Message> {
        let mut stream = locked(&self.stream);
        let many = most.min(stream.queue.len());
        let mut taken: Vec<Message> = stream.queue.drain(..many).collect();
        for message in &mut taken {
            stream.next += 1;
            message.delivery = DeliveryId(stream.next);
            stream.delivered.insert(message.delivery, message.clone());
        }
        taken
    }
}

pub(crate) fn unavailable() -> SourceError {
    SourceError::Unavailable {
        reason: "the test says so".to_owned(),
    }
}

#[async_trait]
impl CommandSource for Source {
    fn redelivers(&self) -> bool {
        !self.forgetful
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.next_error(&self.receive_errors)?;
        let mut taken = self.take(most);
        if taken.is_empty() {
            tokio::select! {
                () = self.arrived.notified() => {}
                () = pause(wait) => {}
            }
            taken = self.take(most);
        }
        if !taken.is_empty() {
            self.steps.make().await;
        }
        Ok(taken)
    }

    async fn acknowledge(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError> {
        self.steps.make().await;
        self.next_error(&self.acknowledge_errors)?;
        {
            let mut stream = locked(&self.stream);
            for delivery in deliveries {
                let message = stream
                    .delivered
                    .remove(delivery)
                    .expect("it was delivered in this session");
                let id = message.id.as_ref().map_or("", MessageId::id);
                locked(&self.acknowledged).push(id.to_owned());
            }
        }
        self.steps.make().await;
        Ok(())
    }

    async fn still_working(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError> {
        locked(&self.told).extend_from_slice(deliveries);
        Ok(())
    }

    async fn reply(&self, replies: &[Reply]) -> Result<(), SourceError> {
        self.steps.make().await;
        let replies = replies.iter().map(|reply| (reply.to.to_string(), reply.body.clone()));
        locked(&self.replies).extend(replies);
        Ok(())
    }
}

/// `allocate ORDER UNITS`: of LAMPs, of which there are a thousand for each order. `sofa ORDER`: of a product that is not
/// known. Anything else is no command.
pub(crate) struct Words;

impl MessageFormat for Words {
    fn read(&self, body: &[u8]) -> Result<Command, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        match text.split(' ').collect::<Vec<_>>()[..] {
            ["allocate", order, units] => Ok(allocate("LAMP", order, units.parse().map_err(|_| "no number")?)),
            ["sofa", order] => Ok(allocate("SOFA", order, 1)),
            _ => Err(format!("no command: {text}")),
        }
    }

    fn answer(&self, answer: &Answer) -> String {
        match answer {
            Ok(Outcome::AlreadyProcessed(Processed::Done)) => "done before".to_owned(),
            Ok(Outcome::AlreadyProcessed(Processed::Refused(reason))) => reason.clone(),
            Ok(_) => "done".to_owned(),
            Err(CommandError::Refused(refusal)) => refusal.in_words(),
            Err(error) => error.code().to_owned(),
        }
    }

    fn unreadable(&self, reason: &str) -> String {
        reason.to_owned()
    }
}

fn allocate(of: &str, order: &str, units: u32) -> Command {
    let sku = Sku::new(of).expect("a SKU");
    Command::Allocate(Allocate {
        line: LineRequest {
            key: LineKey {
                order: OrderId::new(order).expect("an order id"),
                line: LineId::from(&sku),
            },
            sku,
            quantity: Quantity::new(units).expect("a quantity"),
        },
        locations: Locations::ANY,
        on_shortage: OnShortage::Reject,
        split: false,
        without_grace: false,
    })
}

/// How the next transactions fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unavailable,
    /// On each product: a defect.
    Corrupt,
}

/// A store with a batch of a thousand LAMPs that never shrinks, with its inbox and its dead messages.
#[derive(Default)]
pub(crate) struct Shop {
    pub(crate) steps: Mutex<Arc<Steps>>,
    inbox: Mutex<BTreeMap<MessageId, Processed>>,
    /// The orders of the allocations, in the order in which they were stored.
    pub(crate) effects: Mutex<Vec<String>>,
    pub(crate) dead: Mutex<BTreeMap<u64, DeadMessage>>,
    pub(crate) is_full: Mutex<bool>,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    /// How long a transaction takes.
    pub(crate) takes: Mutex<Duration>,
    pub(crate) inbox_is_down: Mutex<bool>,
    pub(crate) looks: AtomicUsize,
    pub(crate) transactions: AtomicUsize,
}

impl Shop {
    async fn step(&self) {
        let steps = Arc::clone(&locked(&self.steps));
        steps.make().await;
    }

    pub(crate) fn effects(&self) -> Vec<String> {
        locked(&self.effects).clone()
    }

    /// The dead messages: each with its id, its reason and its attempts.
    pub(crate) fn dead(&self) -> Vec<(String, String, u32)> {
        let dead = locked(&self.dead);
        let told = dead.values();
        told.map(|message| (message.id.clone(), message.reason.clone(), message.attempts))
            .collect()
    }

    fn answers(&self) -> Result<(), StoreError> {
        if *locked(&self.inbox_is_down) {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        Ok(())
    }
}

fn lamps() -> Loaded {
    let sku = || Sku::new("LAMP").expect("a SKU");
    Loaded {
        products: vec![ProductRecord {
            version: 1,
            batches_created: 1,
            ..ProductRecord::new(sku())
        }],
        batches: vec![BatchRecord::new(
            Reference::new("b").expect("a reference"),
            sku(),
            1,
            Quantity::new(1_000_000).expect("a quantity"),
            None,
        )],
        ..Loaded::default()
    }
}

#[async_trait]
impl Store for Shop {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        self.transactions.fetch_add(1, Ordering::SeqCst);
        let takes = *locked(&self.takes);
        if !takes.is_zero() {
            pause(takes).await;
        }
        self.step().await;
        match locked(&self.faults).pop_front() {
            Some(Fault::Unavailable) => return Err(StoreError::Unavailable("unplugged".to_owned())),
            Some(Fault::Corrupt) => return Err(StoreError::Corrupt("a torn page".to_owned())),
            None => {}
        }
        let decided = {
            let mut inbox = locked(&self.inbox);
            let known = scope.messages.iter().filter_map(|id| inbox.get_key_value(id));
            let processed = known.map(|(id, ended)| (id.clone(), ended.clone())).collect();
            let decided = decide(Loaded { processed, ..lamps() })?;
            for record in &decided.changes.inbox {
                let before = inbox.insert(record.id.clone(), record.ended.clone());
                assert!(before.is_none(), "{} is processed twice", record.id);
            }
            let orders = decided.answers.iter().filter_map(|answer| match answer {
                Ok(Outcome::LinePlaced { line, .. }) => Some(line.key.order.to_string()),
                _ => None,
            });
            locked(&self.effects).extend(orders);
            decided
        };
        self.step().await;
        Ok(decided)
    }
}

#[async_trait]
impl Inbox for Shop {
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.step().await;
        self.answers()?;
        let inbox = locked(&self.inbox);
        let known = messages.iter().filter_map(|id| inbox.get_key_value(id));
        Ok(known.map(|(id, ended)| (id.clone(), ended.clone())).collect())
    }

    async fn forget(&self, _: Timestamp) -> Result<usize, StoreError> {
        unreachable!("consumers forget nothing")
    }

    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        self.step().await;
        self.answers()?;
        if *locked(&self.is_full) {
            return Ok(false);
        }
        {
            let mut dead = locked(&self.dead);
            for message in messages {
                assert_eq!(message.source, *source);
                let is_there = |other: &DeadMessage| !message.id.is_empty() && other.id == message.id;
                if !dead.values().any(is_there) {
                    let number = dead.last_key_value().map_or(0, |(last, _)| *last) + 1;
                    dead.insert(
                        number,
                        DeadMessage {
                            number,
                            ..message.clone()
                        },
                    );
                }
            }
            assert!(dead.len() as u64 <= MAX_DEAD_MESSAGES);
        }
        self.step().await;
        Ok(true)
    }

    async fn sources(&self) -> Result<Vec<SourceStatus>, StoreError> {
        unreachable!("consumers list no sources")
    }

    async fn dead_messages(&self, _: &SourceName, _: u64, _: usize) -> Result<Vec<DeadMessage>, StoreError> {
        unreachable!("consumers list no dead messages")
    }

    async fn decide_on_dead_messages(
        &self,
        _: &SourceName,
        _: Option<&[u64]>,
        after: u64,
        action: DeadMessageAction,
    ) -> Result<DeadMessagesDecided, StoreError> {
        let mut dead = locked(&self.dead);
        let numbers: Vec<u64> = dead
            .range(after + 1..)
            .map(|(number, _)| *number)
            .take(DEAD_MESSAGE_BATCH)
            .collect();
        let mut messages = 0;
        for number in &numbers {
            messages += match action {
                DeadMessageAction::Skip => u64::from(dead.remove(number).is_some()),
                DeadMessageAction::Replay => {
                    let message = dead.get_mut(number).expect("it is there");
                    message.replayed = true;
                    1
                }
            };
        }
        let next = numbers.last().copied().filter(|_| numbers.len() == DEAD_MESSAGE_BATCH);
        Ok(DeadMessagesDecided { messages, next })
    }

    async fn replays(&self, _: &SourceName, limit: usize) -> Result<Vec<DeadMessage>, StoreError> {
        let dead = locked(&self.dead);
        let replayed = dead.values().filter(|message| message.replayed);
        Ok(replayed.take(limit).cloned().collect())
    }

    async fn replay_ended(&self, ended: &DeadMessage, reason: Option<&str>) -> Result<(), StoreError> {
        self.step().await;
        let mut dead = locked(&self.dead);
        let Some(message) = dead.get_mut(&ended.number) else {
            return Ok(());
        };
        if message.attempts != ended.attempts {
            return Ok(());
        }
        match reason {
            None => {
                dead.remove(&ended.number);
            }
            Some(reason) => {
                reason.clone_into(&mut message.reason);
                message.attempts += 1;
                message.replayed = false;
            }
        }
        Ok(())
    }
}

struct NoWork;

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

/// The figures.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) received: AtomicU64,
    pub(crate) done: AtomicU64,
    pub(crate) dead: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) retried: AtomicU64,
}

impl ConsumerMeter for Figures {
    fn received(&self, _: &SourceName, messages: u64) {
        self.received.fetch_add(messages, Ordering::SeqCst);
    }

    fn done(&self, _: &SourceName, messages: u64) {
        self.done.fetch_add(messages, Ordering::SeqCst);
    }

    fn died(&self, _: &SourceName, messages: u64) {
        self.dead.fetch_add(messages, Ordering::SeqCst);
    }

    fn repeated(&self, _: &SourceName, messages: u64) {
        self.repeated.fetch_add(messages, Ordering::SeqCst);
    }

    fn retried(&self, _: &SourceName, messages: u64) {
        self.retried.fetch_add(messages, Ordering::SeqCst);
    }
}

impl Figures {
    /// Received, done, dead and repeated.
    pub(crate) fn all(&self) -> [u64; 4] {
        [&self.received, &self.done, &self.dead, &self.repeated].map(|figure| figure.load(Ordering::SeqCst))
    }
}

/// An instance of the service: an engine, and a consumer that runs. Dropped, it is killed.
pub(crate) struct Instance {
    pub(crate) engine: Engine,
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) figures: Arc<Figures>,
    lanes: Vec<JoinHandle<()>>,
    pub(crate) running: JoinHandle<()>,
}

impl Instance {
    pub(crate) fn start(source: &Arc<Source>, shop: &Arc<Shop>) -> Self {
        *locked(&shop.steps) = Arc::clone(&source.steps);
        let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
        let settings = EngineSettings {
            group: 16,
            ..EngineSettings::default()
        };
        let (engine, lanes) = Engine::new(
            Arc::clone(shop) as _,
            Arc::new(NoWork),
            Arc::clone(&clock),
            Arc::new(NoMeter),
            settings,
        );
        let figures = Arc::<Figures>::default();
        let ports = ConsumerPorts {
            engine: engine.clone(),
            inbox: Arc::clone(shop) as _,
            clock,
            ids: Arc::new(NoChance),
            meter: Arc::clone(&figures) as _,
        };
        let name = SourceName::new("stream");
        let consumer = Arc::new(Consumer::new(name, Arc::clone(source) as _, Arc::new(Words), ports));
        let running = Arc::clone(&consumer);
        Self {
            engine,
            consumer,
            figures,
            lanes: lanes.into_iter().map(|lane| tokio::spawn(lane.run())).collect(),
            running: tokio::spawn(async move { running.run().await }),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.running.abort();
        self.lanes.iter().for_each(JoinHandle::abort);
    }
}
