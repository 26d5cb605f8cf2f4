//! A log, a sink that follows a script, subscriptions in memory, and relays between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    AfterRefusal, Books, BooksId, Clock, DeadLetter, DeadLetterAction, DeliveryLimits, DeliveryMeter, EncodedEvent,
    Epoch, EventFeed, EventFilter, EventMessage, EventPage, EventTail, Ids, LastPublished, LeaseClaim, LeaseHolder,
    LetterState, LogPosition, Progress, PublishError, Publisher, Relay, RelayPorts, RetryPolicy, StoreError,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions,
};
use earmark_domain::{Sku, Subject};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The clock of the runtime, which stands still while there is anything to do.
pub(crate) struct TestClock(Instant);

impl TestClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of these tests is that of the runtime"
    )]
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.monotonic()).expect("a short test");
        Timestamp::UNIX_EPOCH + elapsed
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn pause(&self, time: Duration) {
        pause(time).await;
    }
}

pub(crate) struct NoChance;

impl Ids for NoChance {
    fn correlation_id(&self) -> [u8; 16] {
        [0; 16]
    }

    fn token(&self) -> [u8; 16] {
        [0; 16]
    }

    fn secret(&self) -> [u8; 32] {
        unreachable!("no key is made")
    }
}

/// A log in memory, of which some events may never be read.
#[derive(Default)]
pub(crate) struct Log {
    events: Mutex<Vec<EncodedEvent>>,
    epochs: Mutex<Vec<Epoch>>,
    pub(crate) stored: Notify,
    /// How many pages were read.
    pub(crate) pages: Mutex<usize>,
    pub(crate) is_down: Mutex<bool>,
}

impl Log {
    fn new() -> Self {
        let log = Self::default();
        log.epochs.lock().expect("no panic").push(Epoch { number: 1, after: 0 });
        log
    }

    /// Writes an event about a product.
    pub(crate) fn write(&self, sku: &str) -> u64 {
        let mut events = self.events.lock().expect("no panic");
        let sequence = events.last().map_or(0, |last| last.sequence) + 1;
        events.push(EncodedEvent {
            sequence,
            subject: Subject::Product {
                sku: Sku::new(sku).expect("a SKU"),
                version: sequence,
            },
            order: None,
            event_type: "BatchReceived",
            occurred_at: Timestamp::UNIX_EPOCH,
            decided_on: jiff::civil::date(1970, 1, 1),
            actor: "test".to_owned(),
            correlation_id: "test".to_owned(),
            data: "{}".to_owned(),
        });
        drop(events);
        self.stored.notify_one();
        sequence
    }

    /// Loses the last events, and tells another history from there on.
    pub(crate) fn restore(&self, until: u64, epoch: u64) {
        let mut events = self.events.lock().expect("no panic");
        events.retain(|event| event.sequence <= until);
        let mut epochs = self.epochs.lock().expect("no panic");
        epochs.push(Epoch {
            number: epoch,
            after: until,
        });
    }

    pub(crate) fn books(&self) -> Books {
        let epochs = self.epochs.lock().expect("no panic");
        Books::new(BooksId::of([7; 16]), epochs.clone().into())
    }
}

#[async_trait]
impl EventFeed for Log {
    async fn events(&self, _: &EventFilter, _: u64, _: usize) -> Result<EventPage, StoreError> {
        unreachable!("deliveries read encoded events")
    }

    async fn encoded_events(
        &self,
        _: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        if *self.is_down.lock().expect("no panic") {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        *self.pages.lock().expect("no panic") += 1;
        let books = self.books();
        let events = self.events.lock().expect("no panic");
        let newest = events.last().map_or(0, |last| last.sequence);
        let page: Vec<EncodedEvent> = events
            .iter()
            .filter(|event| event.sequence > after)
            .take(limit)
            .cloned()
            .collect();
        let next = page.last().map_or(after, |last| last.sequence);
        Ok(EventPage {
            complete: next >= newest,
            events: page,
            next,
            newest,
            books,
        })
    }
}

/// What a sink does with a delivery.
pub(crate) enum Answer {
    Takes,
    Fails(PublishError),
    /// Takes so many of the events and then breaks.
    Breaks(usize),
    /// Takes them after so long.
    TakesAfter(Duration),
    Hangs,
}

type Script = Box<dyn FnMut(&[Arc<EventMessage>]) -> Answer + Send>;

/// A sink that keeps what it takes.
pub(crate) struct Sink {
    pub(crate) taken: Mutex<Vec<String>>,
    /// The deliveries, as they were sent.
    pub(crate) sent: Mutex<Vec<Vec<u64>>>,
    pub(crate) last: Mutex<Option<LastPublished>>,
    script: Mutex<Script>,
    limits: DeliveryLimits,
    repeats: bool,
    pub(crate) give_up_after: Option<Duration>,
    /// Whether its last event was asked for, and nothing has failed since.
    is_asked: AtomicBool,
}

impl Sink {
    pub(crate) fn new(script: impl FnMut(&[Arc<EventMessage>]) -> Answer + Send + 'static) -> Arc<Self> {
        Arc::new(Self::of(script))
    }

    fn of(script: impl FnMut(&[Arc<EventMessage>]) -> Answer + Send + 'static) -> Self {
        Self {
            taken: Mutex::default(),
            sent: Mutex::default(),
            last: Mutex::new(Some(LastPublished::Nothing)),
            script: Mutex::new(Box::new(script)),
            limits: DeliveryLimits {
                events: 10,
                bytes: 1 << 20,
            },
            repeats: false,
            give_up_after: Some(Duration::from_secs(24 * 60 * 60)),
            is_asked: AtomicBool::new(false),
        }
    }

    /// A sink that takes everything.
    pub(crate) fn open() -> Arc<Self> {
        Self::new(|_| Answer::Takes)
    }

    /// A sink that can't tell its last event, and knows repeats by the delivery.
    pub(crate) fn of_deliveries(script: impl FnMut(&[Arc<EventMessage>]) -> Answer + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            repeats: true,
            last: Mutex::new(Some(LastPublished::Unknown)),
            ..Self::of(script)
        })
    }

    fn take(&self, events: &[Arc<EventMessage>]) {
        for event in events {
            self.taken.lock().expect("no panic").push(event.id.position.to_string());
            let mut last = self.last.lock().expect("no panic");
            if *last != Some(LastPublished::Unknown) {
                *last = Some(LastPublished::Event(event.id.position));
            }
        }
    }

    /// The places of the events that were taken, in their order.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no panic").clone()
    }

    /// Loses all but the first events.
    pub(crate) fn forget_after(&self, kept: usize) {
        let mut taken = self.taken.lock().expect("no panic");
        taken.truncate(kept);
        let last = taken
            .last()
            .map(|last| LastPublished::Event(last.parse().expect("a place")));
        *self.last.lock().expect("no panic") = Some(last.unwrap_or(LastPublished::Nothing));
    }
}

#[async_trait]
impl Publisher for Sink {
    fn limits(&self) -> DeliveryLimits {
        self.limits
    }

    fn repeats_deliveries(&self) -> bool {
        self.repeats
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            give_up_after: self.give_up_after,
            ..RetryPolicy::BROKER
        }
    }

    async fn last_published(&self, _: &Books) -> Result<LastPublished, PublishError> {
        let last = *self.last.lock().expect("no panic");
        self.is_asked.store(last.is_some(), Ordering::Relaxed);
        last.ok_or_else(|| unavailable("it is away"))
    }

    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError> {
        let sequences = events.iter().map(|event| event.event.sequence).collect();
        self.sent.lock().expect("no panic").push(sequences);
        let can_tell = *self.last.lock().expect("no panic") != Some(LastPublished::Unknown);
        assert!(
            self.is_asked.swap(!can_tell, Ordering::Relaxed),
            "the last event is asked for first, and again after what has failed"
        );
        let answer = (self.script.lock().expect("no panic"))(events);
        match answer {
            Answer::Takes => {
                self.take(events);
                self.is_asked.store(true, Ordering::Relaxed);
                Ok(())
            }
            Answer::Fails(error) => {
                if let PublishError::Refused { index, .. } = &error {
                    self.take(&events[..*index]);
                }
                Err(error)
            }
            Answer::Breaks(after) => {
                self.take(&events[..after.min(events.len())]);
                Err(unavailable("the connection is lost"))
            }
            Answer::TakesAfter(time) => {
                pause(time).await;
                self.take(events);
                self.is_asked.store(true, Ordering::Relaxed);
                Ok(())
            }
            Answer::Hangs => std::future::pending().await,
        }
    }

    async fn replay(&self, event: &Arc<EventMessage>, place: LogPosition) -> Result<(), PublishError> {
        let before = *self.last.lock().expect("no panic");
        let replayed = self.publish(std::slice::from_ref(event)).await;
        let after = match before {
            Some(LastPublished::Event(last)) if replayed.is_ok() => Some(LastPublished::Event(last.max(place))),
            Some(LastPublished::Emptied | LastPublished::Nothing) if replayed.is_ok() => {
                Some(LastPublished::Event(place))
            }
            before => before,
        };
        *self.last.lock().expect("no panic") = after;
        replayed
    }
}

pub(crate) fn unavailable(reason: &str) -> PublishError {
    PublishError::Unavailable {
        reason: reason.to_owned(),
        retry_after: None,
    }
}

#[derive(Default)]
struct Stored {
    fence: u64,
    holder: Option<LeaseHolder>,
    until: Timestamp,
    progress: Progress,
    letters: BTreeMap<u64, DeadLetter>,
}

/// Subscriptions in memory.
#[derive(Default)]
pub(crate) struct Memory {
    all: Mutex<BTreeMap<SubscriptionName, Stored>>,
    /// Whether nothing can be stored.
    pub(crate) is_down: AtomicBool,
}

impl Memory {
    pub(crate) fn progress(&self, name: &str) -> Progress {
        self.all.lock().expect("no panic")[&SubscriptionName::new(name)]
            .progress
            .clone()
    }

    pub(crate) fn letters(&self, name: &str) -> Vec<(u64, LetterState)> {
        let all = self.all.lock().expect("no panic");
        let letters = all[&SubscriptionName::new(name)].letters.values();
        letters.map(|letter| (letter.sequence, letter.state.clone())).collect()
    }
}

#[async_trait]
impl Subscriptions for Memory {
    async fn lease(&self, claim: &LeaseClaim) -> Result<Option<SubscriptionLease>, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let stored = all.entry(claim.name.clone()).or_insert_with(|| Stored {
            progress: Progress {
                place: claim.start,
                ..Progress::default()
            },
            ..Stored::default()
        });
        if stored.holder != Some(claim.holder) {
            if stored.holder.is_some() && stored.until > claim.now {
                return Ok(None);
            }
            stored.holder = Some(claim.holder);
            stored.fence += 1;
        }
        stored.until = claim.now + claim.lasts;
        Ok(Some(SubscriptionLease {
            fence: stored.fence,
            start: claim.start,
            progress: stored.progress.clone(),
        }))
    }

    async fn save(
        &self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        letters: &[DeadLetter],
    ) -> Result<bool, StoreError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        let mut all = self.all.lock().expect("no panic");
        let stored = all.get_mut(name).expect("a subscription");
        if stored.fence != fence {
            return Ok(false);
        }
        let disabled = progress.disabled.clone().or_else(|| stored.progress.disabled.clone());
        stored.progress = Progress {
            disabled,
            ..progress.clone()
        };
        stored
            .letters
            .extend(letters.iter().map(|letter| (letter.sequence, letter.clone())));
        Ok(true)
    }

    async fn release(&self, name: &SubscriptionName, fence: u64) -> Result<(), StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let stored = all.get_mut(name).expect("a subscription");
        if stored.fence == fence {
            stored.holder = None;
        }
        Ok(())
    }

    async fn subscriptions(&self, _: Timestamp) -> Result<Vec<SubscriptionStatus>, StoreError> {
        unreachable!("relays do not list subscriptions")
    }

    async fn dead_letters(
        &self,
        name: &SubscriptionName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let all = self.all.lock().expect("no panic");
        let letters = all[name].letters.range(after + 1..).take(limit);
        Ok(letters.map(|(_, letter)| letter.clone()).collect())
    }

    async fn decide_on_dead_letters(
        &self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> Result<u64, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let letters = &mut all.get_mut(name).expect("a subscription").letters;
        let is_meant = |letter: &&DeadLetter| {
            let is_named = sequences.is_none_or(|sequences| sequences.contains(&letter.sequence));
            is_named && (action == DeadLetterAction::Skip || matches!(letter.state, LetterState::Dead(_)))
        };
        let meant: BTreeSet<u64> = letters
            .values()
            .filter(is_meant)
            .map(|letter| letter.sequence)
            .collect();
        for sequence in &meant {
            match action {
                DeadLetterAction::Skip => {
                    letters.remove(sequence);
                }
                DeadLetterAction::Replay => {
                    let letter = letters.get_mut(sequence).expect("a letter");
                    letter.state = LetterState::Waits;
                    letter.attempts = 0;
                }
            }
        }
        Ok(meant.len() as u64)
    }

    async fn bury(&self, name: &SubscriptionName, fence: u64, sequences: &[u64]) -> Result<bool, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let stored = all.get_mut(name).expect("a subscription");
        if stored.fence != fence {
            return Ok(false);
        }
        stored.letters.retain(|sequence, _| !sequences.contains(sequence));
        Ok(true)
    }

    async fn disable(&self, name: &SubscriptionName, reason: Option<&str>) -> Result<bool, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let Some(stored) = all.get_mut(name) else {
            return Ok(false);
        };
        stored.progress.disabled = reason.map(str::to_owned);
        if reason.is_none() {
            stored.progress.failing = None;
        }
        Ok(true)
    }
}

/// What was told last of one subscription, as long as it is worked on: whether it fails, and whether it is disabled.
#[derive(Default)]
pub(crate) struct State(Mutex<Option<(bool, bool)>>);

impl State {
    pub(crate) fn get(&self) -> Option<(bool, bool)> {
        *self.0.lock().expect("not poisoned")
    }
}

impl DeliveryMeter for State {
    fn delivered(&self, _: &SubscriptionName, _: u64) {}

    fn retried(&self, _: &SubscriptionName) {}

    fn put_aside(&self, _: &SubscriptionName, _: u64) {}

    fn lags(&self, _: &SubscriptionName, _: u64, _: Duration) {}

    fn stands(&self, _: &SubscriptionName, is_failing: bool, is_disabled: bool) {
        *self.0.lock().expect("not poisoned") = Some((is_failing, is_disabled));
    }

    fn ended(&self, _: &SubscriptionName) {
        *self.0.lock().expect("not poisoned") = None;
    }
}

/// A service with a log, whose relays run.
pub(crate) struct Service {
    pub(crate) log: Arc<Log>,
    pub(crate) tail: Arc<EventTail>,
    pub(crate) memory: Arc<Memory>,
    clock: Arc<TestClock>,
    pub(crate) jobs: Vec<JoinHandle<()>>,
    pub(crate) relays: Vec<Arc<Relay>>,
    pub(crate) after_refusal: AfterRefusal,
    pub(crate) state: Arc<State>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let log = Arc::new(Log::new());
        let clock = Arc::new(TestClock::new());
        let (tail, job) = tail_of(&log, &clock);
        Self {
            log,
            tail,
            memory: Arc::default(),
            clock,
            jobs: vec![job],
            relays: Vec::new(),
            after_refusal: AfterRefusal::Wait,
            state: Arc::default(),
        }
    }

    /// The tail of another instance, which is read as long as its job runs.
    pub(crate) fn another_tail(&self) -> (Arc<EventTail>, JoinHandle<()>) {
        tail_of(&self.log, &self.clock)
    }

    /// Lets an instance deliver to a sink.
    pub(crate) fn deliver(&mut self, name: &str, instance: u8, sink: &Arc<Sink>) {
        let tail = Arc::clone(&self.tail);
        self.deliver_from(&tail, name, instance, sink);
    }

    /// Lets an instance with a tail of its own deliver to a sink.
    pub(crate) fn deliver_from(&mut self, tail: &Arc<EventTail>, name: &str, instance: u8, sink: &Arc<Sink>) {
        let ports = RelayPorts {
            subscriptions: Arc::clone(&self.memory) as _,
            tail: Arc::clone(tail),
            clock: Arc::clone(&self.clock) as _,
            ids: Arc::new(NoChance),
            meter: Arc::clone(&self.state) as _,
            holder: LeaseHolder([instance; 16]),
            after_refusal: self.after_refusal,
        };
        let relay = Arc::new(Relay::new(SubscriptionName::new(name), Arc::clone(sink) as _, ports));
        self.relays.push(Arc::clone(&relay));
        self.jobs.push(tokio::spawn(async move { relay.run().await }));
    }

    /// Stops the last relay as a crash does.
    pub(crate) fn kill_last(&mut self) {
        self.jobs.pop().expect("a job").abort();
        let _ = self.relays.pop();
    }
}

/// A tail of a log, and the job that reads it.
fn tail_of(log: &Arc<Log>, clock: &Arc<TestClock>) -> (Arc<EventTail>, JoinHandle<()>) {
    let encode = |event: &EncodedEvent, _: &Books| match event.subject.sku() {
        Some(sku) if sku.as_str() == "BROKEN" => Err("it is no event".to_owned()),
        _ => Ok(format!("{{\"sequence\":{}}}", event.sequence)),
    };
    let tail = EventTail::new(Arc::clone(log) as _, Box::new(encode));
    let (reader, time, written) = (Arc::clone(&tail), Arc::clone(clock), Arc::clone(log));
    let job = tokio::spawn(async move { reader.run(&*time, &written.stored).await });
    (tail, job)
}

impl Drop for Service {
    fn drop(&mut self) {
        self.jobs.iter().for_each(JoinHandle::abort);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of these tests is that of the runtime"
)]
async fn pause(time: Duration) {
    sleep(time).await;
}

pub(crate) async fn seconds(seconds: u64) {
    pause(Duration::from_secs(seconds)).await;
}

pub(crate) async fn milliseconds(milliseconds: u64) {
    pause(Duration::from_millis(milliseconds)).await;
}

/// The places of the events with these sequences in the first epoch.
pub(crate) fn places(sequences: impl IntoIterator<Item = u64>) -> Vec<String> {
    sequences.into_iter().map(|sequence| format!("1-{sequence}")).collect()
}
