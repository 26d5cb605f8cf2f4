//! Chores: what the service does without being asked, beside what it serves.
//!
//! Each is a loop of its own, so that none waits for another. A chore takes one bounded step at a time, behind what
//! callers ask for, and what it can't do is still there to be done the next time.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Clock, Engine, IdempotencyStore, Worklist, purge_expired_keys, serve_backlogs, sweep_holds};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::run::Books;

/// How often the service looks whether a backlog is owed a page. What one transaction left is found at once where it
/// was left; this finds what another instance, or a crash, has left.
const BACKLOG_EVERY: Duration = Duration::from_secs(1);

/// How often the service looks for holds that have ended. A hold counts no more from its deadline on, whoever sees to it
/// when; this is how late the event that says so may be.
const HOLDS_EVERY: Duration = Duration::from_secs(1);

/// How often the service forgets answers whose time has passed. They count as forgotten already: what is gained is room.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// How long others have the store to themselves between two steps of that: more than a step takes.
const BETWEEN_STEPS: Duration = Duration::from_millis(100);

/// The chores under way. They end with this.
pub(crate) struct Chores(JoinSet<()>);

impl Chores {
    /// Begins all of them, on the runtime of the caller.
    pub(crate) fn begin(books: &Books) -> Self {
        let mut chores = JoinSet::new();
        chores.spawn(serve(books.engine.clone(), Arc::clone(&books.ports.worklist)));
        chores.spawn(sweep(books.engine.clone(), Arc::clone(&books.ports.worklist)));
        chores.spawn(forget(
            Arc::clone(&books.ports.idempotency),
            Arc::clone(&books.ports.clock),
        ));
        Self(chores)
    }

    /// Ends all of them. Nothing is torn by this: the engine runs a command to its end, whoever waits for it,
    /// and a store what it forgets.
    pub(crate) async fn end(mut self) {
        self.0.shutdown().await;
    }
}

/// At once, and then every so often; time that was missed is not made up for.
fn every(period: Duration) -> Interval {
    let mut every = interval(period);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every
}

/// Serves what transactions had to leave of backlogs: at the start what a crash has left, then as it comes.
async fn serve(engine: Engine, worklist: Arc<dyn Worklist>) {
    let mut every = every(BACKLOG_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = engine.backlog_pending() => {}
        }
        loop {
            match serve_backlogs(&engine, &*worklist).await {
                Ok(0) => break,
                Ok(products) => tracing::debug!(products, "served backlogs further"),
                Err(error) => {
                    // It stays owed, and the next tick tries again.
                    tracing::warn!(%error, "backlogs could not be served further");
                    break;
                }
            }
            yield_now().await;
        }
    }
}

/// Makes it final that holds have ended: at the start those that ended while nothing ran, then as their time comes.
async fn sweep(engine: Engine, worklist: Arc<dyn Worklist>) {
    let mut every = every(HOLDS_EVERY);
    loop {
        every.tick().await;
        loop {
            match sweep_holds(&engine, &*worklist).await {
                Ok(0) => break,
                Ok(products) => tracing::debug!(products, "ended holds"),
                Err(error) => {
                    // They count no more all the same, and the next tick tries again.
                    tracing::warn!(%error, "holds could not be ended");
                    break;
                }
            }
            // A pass may find its answers without waiting: others have their turn before the next one.
            yield_now().await;
        }
    }
}

/// Forgets answers whose time has passed, a bounded number at a time.
async fn forget(answers: Arc<dyn IdempotencyStore>, clock: Arc<dyn Clock>) {
    let mut every = every(FORGET_EVERY);
    loop {
        every.tick().await;
        loop {
            match purge_expired_keys(&*answers, &*clock).await {
                Ok(true) => sleep(BETWEEN_STEPS).await,
                Ok(false) => break,
                Err(error) => {
                    // They are forgotten all the same, and the next tick tries again.
                    tracing::warn!(%error, "answers whose time has passed could not be taken away");
                    break;
                }
            }
        }
    }
}
