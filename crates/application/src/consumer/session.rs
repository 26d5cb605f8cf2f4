//! A session with a source: from when messages are received until it fails, or nothing more is received.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pending::Pending;
use super::shared::Shared;
use crate::engine::OrderedStream;
use crate::ports::{Body, DeliveryId, Message, SourceError};

/// How many messages are in flight: enough for several groups of the engine, so that every transaction is full.
pub(super) const WINDOW_MESSAGES: usize = 2_048;

/// How many bytes of bodies are in flight. A command has some ten times as many in memory while it is decided.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// How often the source is told what is still worked on: a third of the time after which brokers mostly take a message
/// for lost.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What both halves of a session share: the one that receives and the one that settles.
pub(super) struct Session<'a> {
    pub(super) shared: &'a Shared,
    /// Whoever submits commands holds this. So what is tried again comes before what was received later.
    pub(super) order: tokio::sync::Mutex<OrderedStream>,
    room: Arc<Semaphore>,
    /// The deliveries that are not acknowledged, each with when the source has last heard of it.
    held: Mutex<BTreeMap<DeliveryId, Duration>>,
    /// When the source was last told of them.
    told: Mutex<Duration>,
    failure: Mutex<Option<SourceError>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code in here panics half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Session<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            order: tokio::sync::Mutex::new(shared.ports.engine.ordered()),
            room: Arc::new(Semaphore::new(WINDOW_BYTES as usize)),
            held: Mutex::default(),
            told: Mutex::new(shared.ports.clock.monotonic()),
            failure: Mutex::default(),
        }
    }

    /// The source has failed: what it has delivered means nothing to it any more.
    pub(super) fn fail(&self, error: SourceError) {
        locked(&self.failure).get_or_insert(error);
    }

    pub(super) fn has_failed(&self) -> bool {
        locked(&self.failure).is_some()
    }

    /// Why it has failed.
    pub(super) fn into_failure(self) -> Option<SourceError> {
        self.failure.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for a message. One that is larger than all the room gets all of it. `None`: never, the room is not
    /// closed.
    pub(super) async fn room(&self, message: &Message) -> Option<OwnedSemaphorePermit> {
        let (Body::Whole(kept) | Body::TooLong { beginning: kept, .. }) = &message.body;
        let bytes = u32::try_from(kept.len()).unwrap_or(u32::MAX).min(WINDOW_BYTES);
        Arc::clone(&self.room).acquire_many_owned(bytes).await.ok()
    }

    /// Notes deliveries that are not acknowledged.
    pub(super) fn hold(&self, messages: &[Message]) {
        let now = self.shared.ports.clock.monotonic();
        locked(&self.held).extend(messages.iter().map(|message| (message.delivery, now)));
    }

    /// Forgets deliveries that are.
    pub(super) fn release(&self, settled: &[Pending]) {
        let mut held = locked(&self.held);
        for pending in settled {
            held.remove(&pending.delivery());
        }
    }

    /// Waits for something, and tells the source meanwhile that its messages are still worked on.
    pub(super) async fn awaiting<T>(&self, something: impl Future<Output = T>) -> T {
        let mut something = pin!(something);
        loop {
            let since = self.shared.ports.clock.monotonic().saturating_sub(*locked(&self.told));
            tokio::select! {
                biased;
                done = &mut something => return done,
                () = self.shared.ports.clock.pause(TELL_EVERY.saturating_sub(since)) => self.tell_in_time().await,
            }
        }
    }

    /// Tells the source which messages are still worked on, if it is time.
    pub(super) async fn tell_in_time(&self) {
        let now = self.shared.ports.clock.monotonic();
        if now.saturating_sub(*locked(&self.told)) < TELL_EVERY {
            return;
        }
        *locked(&self.told) = now;
        let old: Vec<DeliveryId> = {
            let mut held = locked(&self.held);
            let old = held
                .iter_mut()
                .filter(|(_, heard)| now.saturating_sub(**heard) >= TELL_EVERY / 2);
            old.map(|(delivery, heard)| {
                *heard = now;
                *delivery
            })
            .collect()
        };
        if old.is_empty() || self.has_failed() || !self.shared.source.redelivers() {
            return;
        }
        if let Err(error) = self.shared.source.still_working(&old).await {
            self.fail(error);
        }
    }
}
