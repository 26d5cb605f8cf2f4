//! Background jobs: what the service does without a request.
//!
//! Each job is a loop of its own, so that no job waits for another. A job takes one bounded step at a time, and its
//! commands queue behind those of callers. Work that a step could not do stays in the store and is found again later.
//!
//! The jobs wait through the [`Clock`] port, so a simulator can run them.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Clock, Engine, IdempotencyStore, Worklist, purge_expired_keys, serve_backlogs, sweep_holds};
use tokio::task::{JoinSet, yield_now};

use crate::app::App;

/// How often the service looks for pending backlogs. A page that a transaction of this process left is signalled at
/// once; this finds what another instance or a crash has left.
const BACKLOG_PERIOD: Duration = Duration::from_secs(1);

/// How often the service looks for expired holds. A hold counts zero from its deadline on, swept or not; this is how
/// late the `HoldExpired` event may be.
const HOLDS_PERIOD: Duration = Duration::from_secs(1);

/// How often the service purges expired idempotency keys. Expired keys count as unknown already; the purge only frees
/// space.
const PURGE_PERIOD: Duration = Duration::from_secs(60);

/// The most steps a job takes in a row before it waits for its next tick: many more than there ever is work for. Work
/// that never ends, for whatever reason, is then done at the pace of the ticks.
const MAX_PASSES: usize = 10_000;

/// The pause between two steps of the purge: longer than a step takes, so that other transactions get the store.
const PURGE_PAUSE: Duration = Duration::from_millis(100);

/// The running background jobs. Dropping it stops them.
pub(crate) struct BackgroundJobs(JoinSet<()>);

impl BackgroundJobs {
    /// Starts all jobs on the runtime of the caller.
    pub(crate) fn start(app: &App) -> Self {
        let ticker = |period| Ticker::new(Arc::clone(&app.ports.clock), period);
        let mut jobs = JoinSet::new();
        jobs.spawn(serve_pending_backlogs(
            app.engine.clone(),
            Arc::clone(&app.ports.worklist),
            ticker(BACKLOG_PERIOD),
        ));
        jobs.spawn(sweep_expired_holds(
            app.engine.clone(),
            Arc::clone(&app.ports.worklist),
            ticker(HOLDS_PERIOD),
        ));
        jobs.spawn(purge_idempotency_keys(
            Arc::clone(&app.ports.idempotency),
            Arc::clone(&app.ports.clock),
            ticker(PURGE_PERIOD),
        ));
        Self(jobs)
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

/// Serves the pages of backlogs that transactions left: at the start what a crash has left, then as pages become
/// pending.
async fn serve_pending_backlogs(engine: Engine, worklist: Arc<dyn Worklist>, mut ticker: Ticker) {
    loop {
        tokio::select! {
            () = ticker.tick() => {}
            () = engine.backlog_pending() => {}
        }
        for _ in 0..MAX_PASSES {
            match serve_backlogs(&engine, &*worklist).await {
                Ok(0) => break,
                Ok(products) => tracing::debug!(products, "served pages of pending backlogs"),
                Err(error) => {
                    // The backlog stays pending, and the next tick tries again.
                    tracing::warn!(%error, "pending backlogs could not be served");
                    break;
                }
            }
            yield_now().await;
        }
    }
}

/// Records that holds have expired: at the start those that expired while no service ran, then as they become due, and
/// at once when a group of commands has left some.
async fn sweep_expired_holds(engine: Engine, worklist: Arc<dyn Worklist>, mut ticker: Ticker) {
    loop {
        tokio::select! {
            () = ticker.tick() => {}
            () = engine.holds_due() => {}
        }
        for _ in 0..MAX_PASSES {
            match sweep_holds(&engine, &*worklist).await {
                Ok(0) => break,
                Ok(products) => tracing::debug!(products, "expired holds"),
                Err(error) => {
                    // The holds count zero all the same, and the next tick tries again.
                    tracing::warn!(%error, "holds could not be expired");
                    break;
                }
            }
            // A pass may complete without ever waiting: let other tasks run before the next one.
            yield_now().await;
        }
    }
}

/// Purges expired idempotency keys, a bounded number at a time.
async fn purge_idempotency_keys(keys: Arc<dyn IdempotencyStore>, clock: Arc<dyn Clock>, mut ticker: Ticker) {
    loop {
        ticker.tick().await;
        for _ in 0..MAX_PASSES {
            match purge_expired_keys(&*keys, &*clock).await {
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
