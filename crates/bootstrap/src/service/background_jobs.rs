//! Background jobs: what the service does without a request.
//!
//! Each job is a loop of its own, so that no job waits for another. A job takes one bounded step at a time, and its
//! commands queue behind those of callers. Work that a step could not do stays in the store and is found again later.
//!
//! The jobs wait through the [`Clock`] port, so a simulator can run them.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use earmark_application::{
    AccessLog, AccessRecorder, Clock, Engine, IdempotencyStore, Inbox, JobMeter, ProductJob, ProductWork, Worklist,
    forget_old_access_entries, forget_old_messages, purge_expired_keys,
};
use tokio::task::{JoinSet, yield_now};

use crate::app::App;

/// How often the service looks for pending work on products. What a transaction of this process left is signalled at
/// once; this finds what another instance or a crash has left, and what failed before, and what a day that has come changes. For expired holds, which count
/// zero from their deadline on, it is how late the `HoldExpired` event may be.
const PRODUCT_PERIOD: Duration = Duration::from_secs(1);

/// How often the service purges expired idempotency keys and old messages. Expired keys count as unknown already, and old
/// messages do not come again; the purge only frees space.
const PURGE_PERIOD: Duration = Duration::from_secs(60);

/// How often what was refused is written into the log: a crash loses no more than that.
const RECORD_PERIOD: Duration = Duration::from_secs(1);

/// The most steps a job takes in a row before it waits for its next tick: many more than there ever is work for. Work
/// that never ends, for whatever reason, is then done at the pace of the ticks.
const MAX_PASSES: usize = 10_000;

/// The pause between two steps of a purge: longer than a step takes, so that other transactions get the store.
const PURGE_PAUSE: Duration = Duration::from_millis(100);

/// The same for messages: twenty thousand a second are forgotten, more than ever arrive for long.
const FORGET_PAUSE: Duration = Duration::from_millis(50);

/// The names of the purges, for the meter.
const PURGE_KEYS: &str = "idempotency_keys";
const PURGE_INBOX: &str = "messages";
const PURGE_ACCESS_LOG: &str = "access_log";

/// The name of the job that writes the log of access decisions.
const RECORD_ACCESS: &str = "record_access";

/// The running background jobs. Dropping it stops them.
pub(crate) struct BackgroundJobs(JoinSet<()>);

impl BackgroundJobs {
    /// Starts all jobs on the runtime of the caller.
    pub(crate) fn start(app: &App, meter: &Arc<dyn JobMeter>) -> Self {
        let ticker = |period| Ticker::new(Arc::clone(&app.ports.clock), period);
        let mut jobs = JoinSet::new();
        for work in [ProductWork::Continue, ProductWork::ExpireHolds, ProductWork::PassDay] {
            let (engine, ports) = (app.engine.clone(), &app.ports);
            let (worklist, clock) = (Arc::clone(&ports.worklist), Arc::clone(&ports.clock));
            let meter = Arc::clone(meter);
            jobs.spawn(work_on_products(
                work,
                engine,
                worklist,
                clock,
                meter,
                ticker(PRODUCT_PERIOD),
            ));
        }
        jobs.spawn(purge_idempotency_keys(
            Arc::clone(&app.ports.idempotency),
            Arc::clone(&app.ports.clock),
            Arc::clone(meter),
            ticker(PURGE_PERIOD),
        ));
        jobs.spawn(purge_inbox(
            Arc::clone(&app.ports.inbox),
            Arc::clone(&app.ports.clock),
            Arc::clone(meter),
            ticker(PURGE_PERIOD),
        ));
        jobs.spawn(record_access(
            Arc::clone(&app.recorder),
            Arc::clone(&app.ports.access_log),
            Arc::clone(meter),
            ticker(RECORD_PERIOD),
        ));
        jobs.spawn(purge_access_log(
            Arc::clone(&app.ports.access_log),
            Arc::clone(&app.ports.clock),
            Arc::clone(meter),
            ticker(PURGE_PERIOD),
        ));
        Self(jobs)
    }

    /// Waits until a job ends by itself: a defect ended it, and its work stays undone. Returns the reason.
    pub(crate) async fn failed(&mut self) -> String {
        match self.0.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "it returned".to_owned(),
        }
    }

    /// Stops all jobs. This tears no transaction: the engine and the store finish what they have begun, even when
    /// the job no longer waits for it.
    pub(crate) async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

/// Ticks at once and then once a period. A tick that comes late moves those after it: missed ticks are not made up for.
struct Ticker {
    clock: Arc<dyn Clock>,
    period: Duration,
    /// When the next tick is due, in the clock's monotonic time.
    due: Duration,
}

impl Ticker {
    const fn new(clock: Arc<dyn Clock>, period: Duration) -> Self {
        Self {
            clock,
            period,
            due: Duration::ZERO,
        }
    }

    /// Waits for the next tick. A dropped wait leaves the tick due.
    async fn tick(&mut self) {
        let wait = self.due.saturating_sub(self.clock.monotonic());
        if !wait.is_zero() {
            self.clock.pause(wait).await;
        }
        self.due = self.clock.monotonic() + self.period;
    }
}

/// Works through the products with pending work of one kind: at the start what a crash has left, then as it comes up.
async fn work_on_products(
    work: ProductWork,
    engine: Engine,
    worklist: Arc<dyn Worklist>,
    clock: Arc<dyn Clock>,
    meter: Arc<dyn JobMeter>,
    mut ticker: Ticker,
) {
    let mut job = ProductJob::new(work);
    meter.begins(job.name());
    let signalled = async || match work {
        ProductWork::Continue => engine.work_pending().await,
        // The deadline of a hold passes by itself; a group may have left some that are due.
        ProductWork::ExpireHolds => engine.holds_due().await,
        // A day comes by itself.
        ProductWork::PassDay => pending().await,
    };
    loop {
        tokio::select! {
            () = ticker.tick() => {}
            () = signalled() => {}
        }
        for _ in 0..MAX_PASSES {
            let passed = job.pass(&engine, &*worklist, &*clock).await;
            meter.passed(job.name(), passed.is_err());
            meter.set_aside(job.name(), job.products_set_aside());
            match passed {
                Ok(0) => break,
                Ok(products) => tracing::debug!(work = job.name(), products, "background work was done"),
                Err(error) => {
                    // All of it stays pending, and the next tick tries again.
                    tracing::warn!(work = job.name(), %error, "background work could not be looked for");
                    break;
                }
            }
            // A pass may complete without ever waiting: let other tasks run before the next one.
            yield_now().await;
        }
    }
}

/// Purges expired idempotency keys, a bounded number at a time.
async fn purge_idempotency_keys(
    keys: Arc<dyn IdempotencyStore>,
    clock: Arc<dyn Clock>,
    meter: Arc<dyn JobMeter>,
    mut ticker: Ticker,
) {
    meter.begins(PURGE_KEYS);
    loop {
        ticker.tick().await;
        for _ in 0..MAX_PASSES {
            let passed = purge_expired_keys(&*keys, &*clock).await;
            meter.passed(PURGE_KEYS, passed.is_err());
            match passed {
                Ok(true) => clock.pause(PURGE_PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    // Expired keys count as unknown all the same, and the next tick tries again.
                    tracing::warn!(%error, "expired idempotency keys could not be purged");
                    break;
                }
            }
        }
    }
}

/// Writes what was refused into the log. While the store does not answer it is kept, within its bound; that is said once.
async fn record_access(
    recorder: Arc<AccessRecorder>,
    log: Arc<dyn AccessLog>,
    meter: Arc<dyn JobMeter>,
    mut ticker: Ticker,
) {
    meter.begins(RECORD_ACCESS);
    let mut fails = false;
    loop {
        ticker.tick().await;
        let passed = recorder.write(&*log).await;
        meter.passed(RECORD_ACCESS, passed.is_err());
        match passed {
            Ok(()) if fails => {
                tracing::info!("decisions on access are written again");
                fails = false;
            }
            Ok(()) => {}
            Err(error) if !fails => {
                tracing::warn!(%error, "decisions on access can't be written; they are kept until they can");
                fails = true;
            }
            Err(_) => {}
        }
    }
}

/// Forgets old decisions on access, and those beyond what is kept of them, a bounded number at a time.
async fn purge_access_log(
    log: Arc<dyn AccessLog>,
    clock: Arc<dyn Clock>,
    meter: Arc<dyn JobMeter>,
    mut ticker: Ticker,
) {
    meter.begins(PURGE_ACCESS_LOG);
    loop {
        ticker.tick().await;
        for _ in 0..MAX_PASSES {
            let passed = forget_old_access_entries(&*log, &*clock).await;
            meter.passed(PURGE_ACCESS_LOG, passed.is_err());
            match passed {
                Ok(true) => clock.pause(PURGE_PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    // They only take room, and the next tick tries again.
                    tracing::warn!(%error, "old decisions on access could not be forgotten");
                    break;
                }
            }
        }
    }
}

/// Forgets old messages, a bounded number at a time.
async fn purge_inbox(inbox: Arc<dyn Inbox>, clock: Arc<dyn Clock>, meter: Arc<dyn JobMeter>, mut ticker: Ticker) {
    meter.begins(PURGE_INBOX);
    loop {
        ticker.tick().await;
        let mut after = 0;
        for _ in 0..MAX_PASSES {
            let passed = forget_old_messages(&*inbox, &*clock, after).await;
            meter.passed(PURGE_INBOX, passed.is_err());
            match passed {
                Ok(Some(next)) => {
                    after = next;
                    clock.pause(FORGET_PAUSE).await;
                }
                Ok(None) => break,
                Err(error) => {
                    // They only take room, and the next tick tries again.
                    tracing::warn!(%error, "old messages could not be forgotten");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;

    /// A clock that a pause moves forward at once.
    struct ManualClock(Mutex<Duration>);

    impl ManualClock {
        fn advance(&self, time: Duration) {
            *self.0.lock().expect("a healthy lock") += time;
        }
    }

    #[async_trait]
    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().expect("a healthy lock")
        }

        async fn pause(&self, time: Duration) {
            self.advance(time);
        }
    }

    #[tokio::test]
    async fn a_ticker_ticks_at_once_then_once_a_period_and_makes_up_for_nothing() {
        let clock = Arc::new(ManualClock(Mutex::new(Duration::ZERO)));
        let mut ticker = Ticker::new(Arc::clone(&clock) as _, Duration::from_secs(1));
        let mut ticks = Vec::new();
        for work in [200, 0, 3_500, 0, 0] {
            ticker.tick().await;
            ticks.push(clock.monotonic().as_millis());
            clock.advance(Duration::from_millis(work));
        }
        assert_eq!(ticks, [0, 1_000, 2_000, 5_500, 6_500]);
    }
}
