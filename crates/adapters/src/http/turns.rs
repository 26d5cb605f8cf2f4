//! Turns: of those in this process who call under one key, one is served at a time, in the order they came.
//!
//! Who waits here costs the store nothing, and hears the answer as soon as it is there. What other processes do, the
//! store tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use earmark_application::IdempotencyKey;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// Those under way. Cheap to clone: clones are one and the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<IdempotencyKey, Arc<Queue<()>>>>>);

/// A turn that has come. Dropped, it goes to the next.
#[derive(Debug)]
pub(super) struct Turn {
    // Given up before the place is, which looks whether anybody else is there.
    _held: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in the queue for a key. The last to leave it takes the queue away.
#[derive(Debug)]
struct Place {
    turns: Turns,
    key: IdempotencyKey,
}

impl Turns {
    /// Waits for the turn of a key. To be given up at any time.
    pub(super) async fn wait_for(&self, key: IdempotencyKey) -> Turn {
        let queue = Arc::clone(self.queues().entry(key.clone()).or_default());
        let place = Place {
            turns: self.clone(),
            key,
        };
        // The place outlives the waiting, and so sees no handle on the queue but those of others.
        let held = queue.lock_owned().await;
        Turn {
            _held: held,
            _place: place,
        }
    }

    /// Nothing in here panics half way.
    fn queues(&self) -> MutexGuard<'_, HashMap<IdempotencyKey, Arc<Queue<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.turns.queues();
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
    fn one_at_a_time_is_served_under_a_key_and_others_are_not_held_up() {
        let turns = Turns::default();
        let first = turns.wait_for(key("a")).now_or_never().expect("nobody is there");
        let mut second = Box::pin(turns.wait_for(key("a")));
        assert!((&mut second).now_or_never().is_none(), "it waits");
        assert!(turns.wait_for(key("b")).now_or_never().is_some());
        drop(first);
        assert!((&mut second).now_or_never().is_some());
    }

    #[test]
    fn nothing_is_left_when_all_have_gone() {
        let turns = Turns::default();
        let first = turns.wait_for(key("a")).now_or_never().expect("nobody is there");
        let mut gives_up = Box::pin(turns.wait_for(key("a")));
        assert!((&mut gives_up).now_or_never().is_none());
        drop(gives_up);
        assert_eq!(turns.queues().len(), 1);
        drop(first);
        assert!(turns.queues().is_empty());

        let first = turns.wait_for(key("a")).now_or_never().expect("nobody is there");
        let mut gives_up = Box::pin(turns.wait_for(key("a")));
        assert!((&mut gives_up).now_or_never().is_none());
        drop(first);
        // Its turn has come, and it never takes it.
        drop(gives_up);
        assert!(turns.queues().is_empty());
    }
}
