//! The clock and the names that the tests hand in.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use earmark_adapters::webhook::Resolver;
use earmark_application::Clock;
use jiff::{SignedDuration, Timestamp};

/// Waits for a tenth of what is asked, and can be put forward. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuickClock {
    ahead_seconds: Arc<AtomicI64>,
}

impl QuickClock {
    pub(crate) fn put_forward(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for QuickClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the foreign library compares with the time of the machine"
    )]
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead_seconds.load(Ordering::Relaxed));
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later");
        Timestamp::UNIX_EPOCH + since_1970 + ahead
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time / 10).await;
    }
}

/// Answers for every name, one answer after the other; the last one stays. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    /// No name has an address.
    pub(crate) fn none() -> Self {
        Self::answering(&[&[]])
    }

    pub(crate) fn answering(answers: &[&[&str]]) -> Self {
        let addresses = |answer: &&[&str]| {
            let addresses = answer.iter().map(|address| address.parse().expect("an address"));
            addresses.collect::<Vec<IpAddr>>()
        };
        Self {
            answers: Arc::new(answers.iter().map(addresses).collect()),
            asked: Arc::default(),
        }
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let last = self.answers.len() - 1;
        Ok(self.answers[asked.min(last)].clone())
    }
}
