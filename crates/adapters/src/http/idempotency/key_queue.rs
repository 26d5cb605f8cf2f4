//! A queue for each key: of the calls in this process under one key, one is served at a time, in the order of arrival.
//!
//! A call that waits here costs the store nothing, and gets the answer as soon as it is there. The calls of other
//! processes are known from the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use earmark_application::IdempotencyKey;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// The queues of all keys that are in use. Cheap to clone: clones share the queues.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyQueues(Arc<Mutex<HashMap<IdempotencyKey, Arc<Queue<()>>>>>);

/// The exclusive use of a key. Dropped, it goes to the next call in the queue.
#[derive(Debug)]
pub(crate) struct KeyGuard {
    // Dropped before the place, which counts the other handles on the queue.
    _lock: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in the queue of a key. The last one to be dropped removes the queue.
#[derive(Debug)]
struct Place {
    queues: KeyQueues,
    key: IdempotencyKey,
}

impl KeyQueues {
    /// Waits for the exclusive use of a key. May be dropped at any time.
    pub(crate) async fn lock(&self, key: IdempotencyKey) -> KeyGuard {
        let queue = Arc::clone(self.queues().entry(key.clone()).or_default());
        let place = Place {
            queues: self.clone(),
            key,
        };
        // The place is dropped after this handle on the queue, and so counts the handles of other calls only.
        let lock = queue.lock_owned().await;
        KeyGuard {
            _lock: lock,
            _place: place,
        }
    }

    /// Nothing panics with the lock held, so a poisoned one is as good as any.
    fn queues(&self) -> MutexGuard<'_, HashMap<IdempotencyKey, Arc<Queue<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.queues.queues();
        if queues.get(&self.key).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::new(text).expect("a key")
    }

    #[test]
    fn calls_under_one_key_take_turns_and_other_keys_do_not_wait() {
        let queues = KeyQueues::default();
        let first = queues.lock(key("a")).now_or_never().expect("no other call");
        let mut second = Box::pin(queues.lock(key("a")));
        assert!((&mut second).now_or_never().is_none(), "it waits");
        assert!(queues.lock(key("b")).now_or_never().is_some());
        drop(first);
        assert!((&mut second).now_or_never().is_some());
    }

    #[test]
    fn the_last_call_removes_the_queue() {
        let queues = KeyQueues::default();
        let first = queues.lock(key("a")).now_or_never().expect("no other call");
        let mut gives_up = Box::pin(queues.lock(key("a")));
        assert!((&mut gives_up).now_or_never().is_none());
        drop(gives_up);
        assert_eq!(queues.queues().len(), 1);
        drop(first);
        assert!(queues.queues().is_empty());

        let first = queues.lock(key("a")).now_or_never().expect("no other call");
        let mut gives_up = Box::pin(queues.lock(key("a")));
        assert!((&mut gives_up).now_or_never().is_none());
        drop(first);
        // The lock is free, and it never takes it.
        drop(gives_up);
        assert!(queues.queues().is_empty());
    }
}
