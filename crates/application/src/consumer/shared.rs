//! What the parts of a consumer share.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use earmark_domain::{Command, MessageId};
use tokio::sync::Notify;

use crate::access::{Principal, Roles};
use crate::backoff::wait_after;
use crate::engine::Engine;
use crate::envelope::{Envelope, is_correlation_id};
use crate::ports::{Clock, CommandSource, ConsumerMeter, Ids, Inbox, MessageFormat, RetryPolicy, SourceName};

/// When is tried again what the store or the engine had no answer to.
const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(2),
    give_up_after: None,
};

/// How often it is logged that messages are put aside: half of a busy stream may be such.
const NOTICE_EVERY: Duration = Duration::from_secs(60);

/// The ports of a consumer. Cheap to clone.
#[derive(Clone)]
pub struct ConsumerPorts {
    /// Where commands are run.
    pub engine: Engine,
    /// Processed and dead messages.
    pub inbox: Arc<dyn Inbox>,
    /// Time and waiting.
    pub clock: Arc<dyn Clock>,
    /// Correlation ids, and chance.
    pub ids: Arc<dyn Ids>,
    /// Takes the figures.
    pub meter: Arc<dyn ConsumerMeter>,
}

/// A source with what reads its messages.
pub(super) struct Shared {
    pub(super) name: SourceName,
    pub(super) source: Arc<dyn CommandSource>,
    pub(super) format: Arc<dyn MessageFormat>,
    pub(super) ports: ConsumerPorts,
    pub(super) principal: Principal,
    draining: AtomicBool,
    drained: Notify,
    /// When it was logged last that messages are put aside, and how many were since.
    noticed: Mutex<(Option<Duration>, usize)>,
    store_fails: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        name: SourceName,
        source: Arc<dyn CommandSource>,
        format: Arc<dyn MessageFormat>,
        ports: ConsumerPorts,
    ) -> Self {
        let principal = Principal::new(name.as_str(), Roles::OF_THE_SHOP);
        Self {
            name,
            source,
            format,
            ports,
            principal,
            draining: AtomicBool::new(false),
            drained: Notify::new(),
            noticed: Mutex::default(),
            store_fails: AtomicBool::new(false),
        }
    }

    /// Takes no more messages from now on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.drained.notify_waiters();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Waits, but not once it is drained.
    pub(super) async fn pause(&self, time: Duration) {
        let drained = self.drained.notified();
        if self.is_draining() {
            return;
        }
        tokio::select! {
            () = drained => {}
            () = self.ports.clock.pause(time) => {}
        }
    }

    /// Waits after so many failures in a row, drained or not.
    pub(super) async fn back_off(&self, failures: u32) {
        let wait = wait_after(failures, RETRY, &*self.ports.ids);
        self.ports.clock.pause(wait).await;
    }

    /// The command of a message, in its envelope.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn envelope(
        &self,
        body: &[u8],
        message_id: Option<MessageId>,
        correlation_id: Option<&Arc<str>>,
    ) -> Result<Envelope, String> {
        let command: Command = self.format.read(body)?;
        let own = message_id.as_ref().map(MessageId::id);
        let correlation_id = correlation_id
            .filter(|id| is_correlation_id(id))
            .cloned()
            .or_else(|| own.filter(|id| is_correlation_id(id)).map(Arc::from))
            .unwrap_or_else(|| hyphenated(self.ports.ids.correlation_id()).into());
        Ok(Envelope {
            message_id,
            ..Envelope::new(command, self.principal.clone(), correlation_id)
        })
    }

    /// Whether nothing is taken from the source.
    pub(super) fn stopped(&self, is_stopped: bool) {
        self.ports.meter.stopped(&self.name, is_stopped);
    }

    /// The store does not answer: that is logged once, until it does.
    pub(super) fn store_failed(&self, error: &impl Display) {
        if !self.store_fails.swap(true, Ordering::Relaxed) {
            tracing::warn!(source = %self.name, %error, "the store does not answer; messages wait");
        }
    }

    /// The store answers.
    pub(super) fn store_answers(&self) {
        if self.store_fails.swap(false, Ordering::Relaxed) {
            tracing::info!(source = %self.name, "the store answers again");
        }
    }

    /// Messages were put aside.
    pub(super) fn notice_dead(&self, messages: usize, reason: &str) {
        tracing::debug!(source = %self.name, messages, reason, "messages are put aside");
        let now = self.ports.clock.monotonic();
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, since) = &mut *noticed;
        *since += messages;
        if last.is_none_or(|last| now.saturating_sub(last) >= NOTICE_EVERY) {
            tracing::warn!(source = %self.name, messages = *since, reason, "messages are put aside; `earmark commands dead` lists them");
            *noticed = (Some(now), 0);
        }
    }
}

/// A UUID as text.
fn hyphenated(uuid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(uuid));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlation_id_that_is_made_is_a_uuid() {
        let uuid = std::array::from_fn(|at| u8::try_from(at * 17).expect("a byte"));
        assert_eq!(hyphenated(uuid), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
