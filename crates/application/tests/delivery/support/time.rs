//! The time of the tests.

use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Clock, Ids};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

/// The clock of the runtime, which stands still while there is anything to do.
pub(crate) struct TestClock(Instant);

impl TestClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of these tests is that of the runtime"
    )]
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.monotonic()).expect("a short test");
        Timestamp::UNIX_EPOCH + elapsed
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn pause(&self, time: Duration) {
        pause(time).await;
    }
}

pub(crate) struct NoChance;

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

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of these tests is that of the runtime"
)]
pub(crate) async fn pause(time: Duration) {
    sleep(time).await;
}

pub(crate) async fn seconds(seconds: u64) {
    pause(Duration::from_secs(seconds)).await;
}

pub(crate) async fn milliseconds(milliseconds: u64) {
    pause(Duration::from_millis(milliseconds)).await;
}
