//! The clock, the format, and instances of the service.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Answer, Clock, CommandError, Consumer, ConsumerMeter, ConsumerPorts, DueOrder, Engine, EngineSettings, Ids,
    MessageFormat, NoMeter, SourceName, StoreError, Worklist,
};
use earmark_domain::{
    Allocate, Command, LineId, LineKey, LineRequest, Locations, OnShortage, OrderId, Outcome, Processed, Quantity, Sku,
};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::shop::Shop;
use crate::source::Source;

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

    fn secret(&self) -> [u8; 32] {
        unreachable!("no key is made")
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
    pub(crate) stopped: Mutex<Option<bool>>,
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

    fn stopped(&self, _: &SourceName, is_stopped: bool) {
        *locked(&self.stopped) = Some(is_stopped);
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
