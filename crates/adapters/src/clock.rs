//! The machine's clock.

mod steady_time;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use earmark_application::Clock;
use earmark_domain::Calendar;
use jiff::Timestamp;
use jiff::civil::Date;

use steady_time::SteadyTime;

/// Tells the time of the machine it runs on, and the day by the shop's calendar. A step of the machine's clock is believed once it has stood for a
/// few seconds; until then the time goes on as it did. Cheap to clone; clones tell the same time.
#[derive(Debug, Clone)]
pub struct SystemClock {
    /// The shop's calendar.
    calendar: Calendar,
    origin: Instant,
    time: Arc<Mutex<SteadyTime>>,
}

impl SystemClock {
    /// A clock whose monotonic time begins now, with the calendar of UTC.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that is handed to all others"
    )]
    pub fn new() -> Self {
        Self {
            calendar: Calendar::UTC,
            origin: Instant::now(),
            time: Arc::new(Mutex::new(SteadyTime::starting_at(Timestamp::now()))),
        }
    }

    /// The same clock with the shop's calendar.
    #[must_use]
    pub fn with_calendar(self, calendar: Calendar) -> Self {
        Self { calendar, ..self }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that is handed to all others"
    )]
    fn now(&self) -> Timestamp {
        // A panic while the lock is held would leave a reading that is whole all the same.
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        // Both are read under the lock, so that no reading is older than the one before.
        let reading = time.read(Timestamp::now(), self.origin.elapsed());
        drop(time);
        if let Some(step) = reading.believed_step {
            tracing::warn!(
                seconds = step.as_secs_f64(),
                "the machine's clock has stepped; deadlines now follow it"
            );
        }
        reading.now
    }

    fn day_of(&self, instant: Timestamp) -> Date {
        self.calendar.day_of(instant)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that is handed to all others"
    )]
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
