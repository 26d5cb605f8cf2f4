//! How long the lanes have been at work without getting on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A lane without work.
const IDLE: u64 = u64::MAX;

/// Since when a lane has had work and has not got on with any of it.
#[derive(Debug)]
pub(crate) struct Progress(AtomicU64);

impl Default for Progress {
    fn default() -> Self {
        Self(AtomicU64::new(IDLE))
    }
}

impl Progress {
    /// A group begins, at an instant of the monotonic clock. Where the one before has failed, its time counts on.
    pub(crate) fn begins(&self, now: Duration) {
        let now = micros(now);
        self.0.fetch_min(now, Ordering::Relaxed);
    }

    /// A group has been answered, and the store was no obstacle: what waits now begins anew.
    pub(crate) fn gets_on(&self, now: Duration) {
        self.0.store(micros(now), Ordering::Relaxed);
    }

    /// Nothing waits.
    pub(crate) fn is_idle(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    /// For how long the lane has not got on; `None`: it has nothing to do.
    pub(crate) fn stalled_for(&self, now: Duration) -> Option<Duration> {
        let since = self.0.load(Ordering::Relaxed);
        (since != IDLE).then(|| now.saturating_sub(Duration::from_micros(since)))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(IDLE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_stalled_from_the_first_group_that_fails_to_the_next_that_gets_on() {
        let seconds = Duration::from_secs;
        let progress = Progress::default();
        assert_eq!(progress.stalled_for(seconds(9)), None);
        progress.begins(seconds(10));
        progress.begins(seconds(12));
        assert_eq!(progress.stalled_for(seconds(13)), Some(seconds(3)));
        progress.gets_on(seconds(14));
        assert_eq!(progress.stalled_for(seconds(15)), Some(seconds(1)));
        progress.is_idle();
        assert_eq!(progress.stalled_for(seconds(20)), None);
    }
}
