//! The log of an outage of the store: once a second, with a count.
//!
//! In an outage every request fails for the same reason. A line for each would fill the disk of the log, and hide what
//! else happens.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The shortest time between two lines.
const PERIOD: Duration = Duration::from_secs(1);

/// What has been logged of outages.
#[derive(Debug, Default)]
pub(crate) struct OutageLog(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    /// When the last line was logged.
    at: Option<Duration>,
    /// How many failures have not been logged since.
    untold: u64,
}

impl OutageLog {
    /// Notes a failure at an instant of the clock's monotonic time. Answers for how many failures a line is to be
    /// logged now; `None`: for none.
    pub(crate) fn note(&self, now: Duration) -> Option<u64> {
        // Nothing panics with the lock held, so a poisoned one is as good as any.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.untold += 1;
        if told.at.is_some_and(|at| now.saturating_sub(at) < PERIOD) {
            return None;
        }
        told.at = Some(now);
        Some(std::mem::take(&mut told.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_logged_once_a_second_and_none_is_left_out_of_the_count() {
        let log = OutageLog::default();
        let at = |milliseconds| log.note(Duration::from_millis(milliseconds));
        assert_eq!(at(0), Some(1));
        assert_eq!((at(1), at(999)), (None, None));
        assert_eq!(at(1_000), Some(3));
        assert_eq!(at(5_000), Some(1));
    }
}
