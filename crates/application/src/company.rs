//! Company: a lane that has answered several callers gives them a moment to ask again.
//!
//! Callers who ask one thing after another would otherwise fall into two halves that never meet: one is being stored
//! while the other asks, and what a transaction costs whatever its size is shared by half of them only. A lone caller is
//! never made to wait, nor is anybody where as many wait already as fit, and a lane whose callers don't come back gives
//! fewer moments away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::port::Clock;

/// The moment is this part of what the last transaction took: what is lost where nobody comes is then less than a
/// larger group gains where they do.
const PART: u32 = 4;

/// The longest moment.
const LONGEST: Duration = Duration::from_millis(5);

/// The shortest: below it, waiting costs as much as it could gain.
const SHORTEST: Duration = Duration::from_micros(200);

/// How many groups are formed at once, at most, before another moment is tried after some that were in vain.
const MOST_PASSES: u32 = 63;

/// How many a lane waits for; those who queue up call it when they are there.
#[derive(Debug)]
pub(crate) struct Company {
    /// `usize::MAX` while it waits for nobody.
    wanted: AtomicUsize,
    come: Notify,
}

impl Company {
    pub(crate) fn new() -> Self {
        Self {
            wanted: AtomicUsize::new(usize::MAX),
            come: Notify::new(),
        }
    }

    /// Somebody has queued up, and so many wait now.
    pub(crate) fn joined(&self, waiting: usize) {
        if waiting >= self.wanted.load(Ordering::SeqCst) {
            self.come.notify_one();
        }
    }
}

/// A lane's side of it: whom to wait for, and whether that has been worth it.
#[derive(Debug)]
pub(crate) struct Host {
    company: Arc<Company>,
    /// How many groups are still to be formed at once.
    passes: u32,
    /// How many groups were to be formed at once after the last moment in vain.
    last_passes: u32,
}

/// A group that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// How many callers it had.
    pub(crate) callers: usize,
    /// How many such callers one group can have.
    pub(crate) room: usize,
    /// How long its transaction took.
    pub(crate) took: Duration,
}

impl Host {
    pub(crate) const fn new(company: Arc<Company>) -> Self {
        Self {
            company,
            passes: 0,
            last_passes: 0,
        }
    }

    /// Gives the callers that were answered a moment to join those who wait, if that makes a larger group.
    pub(crate) async fn wait(&mut self, answered: Answered, waiting: impl Fn() -> usize, clock: &dyn Clock) {
        let expected = (answered.callers + waiting()).min(answered.room);
        // Most of them: the last one may take its time.
        let wanted = expected - expected / 8;
        let (before, moment) = (waiting(), LONGEST.min(answered.took / PART));
        if expected <= 1 || before >= wanted || moment < SHORTEST {
            return;
        }
        if self.passes > 0 {
            self.passes -= 1;
            return;
        }
        self.company.wanted.store(wanted, Ordering::SeqCst);
        let mut over = clock.pause(moment);
        while waiting() < wanted {
            tokio::select! {
                biased;
                () = self.company.come.notified() => {}
                () = &mut over => break,
            }
        }
        drop(over);
        self.company.wanted.store(usize::MAX, Ordering::SeqCst);
        // In vain, unless half of those who were missing have come.
        self.last_passes = match waiting().saturating_sub(before) >= (wanted - before) / 2 {
            true => 0,
            false => MOST_PASSES.min(self.last_passes * 2 + 1),
        };
        self.passes = self.last_passes;
    }
}
