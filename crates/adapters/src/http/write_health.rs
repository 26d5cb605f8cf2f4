//! Whether writes fail, for the probe of readiness.
//!
//! A store may answer questions and take no write: its disk is full, or it has become a standby. Then the instance should
//! get no more work. But without work it can't notice that writes succeed again. So it says that it is not ready for a
//! while after writes have failed, and then takes work again to try, like a circuit breaker that is half open.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// For how long the service is not ready after a failed write: a few probes, so that it is noticed.
const NOT_READY_FOR: Duration = Duration::from_secs(10);

/// What the probes know of failed writes.
#[derive(Debug, Default)]
pub(crate) struct WriteHealth(Mutex<Option<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    failures: u64,
    at: Duration,
}

impl WriteHealth {
    /// Whether the service may say that it is ready. `failures`: how many writes have failed so far, if the last one
    /// did; `now`: the clock's monotonic time.
    pub(crate) fn is_ready(&self, failures: Option<u64>, now: Duration) -> bool {
        // Nothing panics with the lock held, so a poisoned one is as good as any.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failures) = failures else {
            *seen = None;
            return true;
        };
        match &*seen {
            Some(known) if known.failures == failures => now.saturating_sub(known.at) >= NOT_READY_FOR,
            _ => {
                *seen = Some(Seen { failures, at: now });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_writes_are_noticed_for_a_while_and_until_a_write_succeeds() {
        let health = WriteHealth::default();
        let at = Duration::from_secs;
        assert!(health.is_ready(None, at(0)));
        assert!(!health.is_ready(Some(1), at(1)));
        assert!(!health.is_ready(Some(1), at(5)));
        // Takes work again, to try.
        assert!(health.is_ready(Some(1), at(11)));
        assert!(!health.is_ready(Some(2), at(12)), "it failed again");
        assert!(health.is_ready(None, at(13)), "it succeeded");
        assert!(!health.is_ready(Some(3), at(14)));
    }
}
