//! A log, a sink that follows a script, subscriptions in memory, and relays between them.

mod log;
mod sink;
mod subscriptions;
mod time;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use earmark_application::{
    AfterRefusal, Books, DeliveryMeter, EncodedEvent, EventTail, LeaseHolder, Relay, RelayPorts, SubscriptionName,
};
use tokio::task::JoinHandle;

pub(crate) use self::log::Log;
pub(crate) use self::sink::{Answer, Sink, unavailable};
pub(crate) use self::subscriptions::Memory;
pub(crate) use self::time::{NoChance, TestClock, milliseconds, seconds};

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

/// The places of the events with these sequences in the first epoch.
pub(crate) fn places(sequences: impl IntoIterator<Item = u64>) -> Vec<String> {
    sequences.into_iter().map(|sequence| format!("1-{sequence}")).collect()
}
