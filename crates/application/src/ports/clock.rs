//! The clock: time and waiting, handed in so that a test or a simulator can turn it.

use std::time::Duration;

use async_trait::async_trait;
use earmark_domain::Calendar;
use jiff::Timestamp;
use jiff::civil::Date;

/// The time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The current instant. May step in either direction.
    fn now(&self) -> Timestamp;

    /// The day of an instant, by the shop's calendar: that of UTC unless the clock knows another.
    fn day_of(&self, instant: Timestamp) -> Date {
        Calendar::UTC.day_of(instant)
    }

    /// The current day, by the shop's calendar.
    fn today(&self) -> Date {
        self.day_of(self.now())
    }

    /// The time since some fixed origin of this process. Never goes back: for measuring how long something took.
    fn monotonic(&self) -> Duration;

    /// Waits for so long. May be dropped at any time.
    async fn pause(&self, time: Duration);
}
