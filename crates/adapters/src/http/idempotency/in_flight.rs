//! The calls with a key that are in flight in this process: one at a time under each key, and a bounded number in all.

use std::sync::Arc;

use earmark_application::IdempotencyKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::key_queue::{KeyGuard, KeyQueues};

/// The most calls with a key that are served at once. They go on when their clients leave, so connections do not bound
/// them. The bound leaves room for as many as a full engine queues, and for those that wait for the idempotency store.
const MAX_KEYED_CALLS: usize = 4_096;

/// The calls in flight.
#[derive(Debug)]
pub(crate) struct KeyedCalls {
    queues: KeyQueues,
    permits: Arc<Semaphore>,
}

impl Default for KeyedCalls {
    fn default() -> Self {
        Self {
            queues: KeyQueues::default(),
            permits: Arc::new(Semaphore::new(MAX_KEYED_CALLS)),
        }
    }
}

/// What a call holds while it is served.
#[derive(Debug)]
pub(crate) struct KeyedCall {
    _key: KeyGuard,
    _permit: OwnedSemaphorePermit,
}

impl KeyedCalls {
    /// Waits until no other call is in flight under a key. May be dropped at any time.
    pub(crate) async fn lock(&self, key: IdempotencyKey) -> KeyGuard {
        self.queues.lock(key).await
    }

    /// Admits a call that has its key. `None`: too many calls are in flight.
    pub(crate) fn admit(&self, key: KeyGuard) -> Option<KeyedCall> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(KeyedCall {
            _key: key,
            _permit: permit,
        })
    }
}
