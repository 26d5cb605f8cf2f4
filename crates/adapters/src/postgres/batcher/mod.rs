//! A request batcher: requests for single values, fetched together. The pattern is known as DataLoader.
//!
//! A request that comes while no fetch is running starts one at once, for its own key. Requests that come meanwhile
//! wait in a queue; when the fetch ends, the next one takes all of their keys. So nothing ever waits for company, a
//! fetch costs the less per request the more requests there are, and a thousand requests for one key share one fetch.
//!
//! ```text
//! get(a) ──▶ fetch [a] ─────────▶
//!      get(b), get(c), get(b) ──▶ fetch [b, c] ──▶
//! ```
//!
//! A [`Batcher`] knows nothing of what it fetches: a [`Fetch`] does. It is an optimisation that can be taken out.
//! Without it each caller would call [`Fetch::fetch`] with its own key, and everything else would stay as it is.
//!
//! What holds:
//! - A caller that goes away disturbs no other. The fetch runs in a task of its own, and keys that no caller waits for
//!   any more are left out.
//! - At most one fetch of a batcher runs at a time, of at most [`Fetch::MAX_KEYS`] keys.
//! - The queue is as long as there are callers that wait, and never longer: what bounds the callers bounds the queue.
//! - A value is never kept: a request gets what was fetched after it came.
//! - If the task dies, because the fetch panics or its runtime ends, all that wait are sent away. Each tries again, at
//!   most [`MAX_ATTEMPTS`] times in all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How often a request is made whose fetch dies with its task. A fetch that always panics must not be tried for ever.
const MAX_ATTEMPTS: usize = 2;

/// How values are fetched.
pub(super) trait Fetch: Send + Sync + 'static {
    /// What a value is requested by.
    type Key: Ord + Send + 'static;
    /// What is fetched.
    type Value: Clone + Send + 'static;
    /// Why it could not be.
    type Error: Clone + Send + 'static;

    /// The most keys that are fetched at once. With more of them a fetch gains little, and all of its callers wait
    /// longer.
    const MAX_KEYS: usize;

    /// Fetches the values of several keys, which are all different. A key that is missing in the result has no value.
    ///
    /// # Errors
    /// For all keys, or within the result for a single one.
    fn fetch(&self, keys: Vec<&Self::Key>) -> impl Future<Output = Result<Fetched<Self>, Self::Error>> + Send;

    /// The error of a request whose fetch died each time.
    fn aborted() -> Self::Error;
}

/// What was fetched, by key.
pub(super) type Fetched<F> = BTreeMap<<F as Fetch>::Key, Result<<F as Fetch>::Value, <F as Fetch>::Error>>;

/// What a request comes to: `None` if the key has no value.
type Answer<F> = Result<Option<<F as Fetch>::Value>, <F as Fetch>::Error>;

/// Where an answer is sent.
type Reply<F> = oneshot::Sender<Answer<F>>;

/// Fetches values for many callers together.
pub(super) struct Batcher<F: Fetch>(Arc<Shared<F>>);

struct Shared<F: Fetch> {
    fetch: F,
    queue: Mutex<Queue<F>>,
}

/// The requests that wait.
struct Queue<F: Fetch> {
    requests: VecDeque<(F::Key, Reply<F>)>,
    /// Whether there is a task that serves them.
    served: bool,
}

impl<F: Fetch> Batcher<F> {
    /// A batcher of what `fetch` fetches.
    pub(super) fn new(fetch: F) -> Self {
        let queue = Mutex::new(Queue {
            requests: VecDeque::new(),
            served: false,
        });
        Self(Arc::new(Shared { fetch, queue }))
    }

    /// The value of a key; `None` if it has none. May be dropped at any time. Runs the fetch on the current runtime, or
    /// waits for a fetch on the runtime of another caller.
    ///
    /// # Errors
    /// Those of the fetch, and [`Fetch::aborted`].
    pub(super) async fn get(&self, key: F::Key) -> Answer<F>
    where
        F::Key: Clone,
    {
        for _ in 0..MAX_ATTEMPTS {
            let (reply, answer) = oneshot::channel();
            if self.0.enqueue(key.clone(), reply) {
                let service = Service {
                    shared: Arc::clone(&self.0),
                    done: false,
                };
                tokio::spawn(service.run());
            }
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
        Err(F::aborted())
    }
}

impl<F: Fetch> Shared<F> {
    fn queue(&self) -> MutexGuard<'_, Queue<F>> {
        // Every change of the queue is complete before anything can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request. Returns whether the queue is not served, so that the caller has to start a task that does.
    fn enqueue(&self, key: F::Key, reply: Reply<F>) -> bool {
        let mut queue = self.queue();
        queue.requests.push_back((key, reply));
        !std::mem::replace(&mut queue.served, true)
    }

    /// The next requests, by key. If there are none, the queue is not served any more.
    fn next(&self) -> BTreeMap<F::Key, Vec<Reply<F>>> {
        let mut queue = self.queue();
        let mut batch = BTreeMap::<_, Vec<_>>::new();
        while batch.len() < F::MAX_KEYS
            && let Some((key, reply)) = queue.requests.pop_front()
        {
            if !reply.is_closed() {
                batch.entry(key).or_default().push(reply);
            }
        }
        queue.served = !batch.is_empty();
        batch
    }

    /// Sends away all that wait. The queue is not served any more.
    fn abort(&self) {
        let mut queue = self.queue();
        queue.requests.clear();
        queue.served = false;
    }
}

/// Serves the queue until it is empty.
struct Service<F: Fetch> {
    shared: Arc<Shared<F>>,
    done: bool,
}

impl<F: Fetch> Service<F> {
    async fn run(mut self) {
        loop {
            let batch = self.shared.next();
            if batch.is_empty() {
                self.done = true;
                return;
            }
            match self.shared.fetch.fetch(batch.keys().collect()).await {
                Ok(mut found) => {
                    for (key, replies) in batch {
                        answer::<F>(replies, found.remove(&key).transpose());
                    }
                }
                Err(error) => {
                    for replies in batch.into_values() {
                        answer::<F>(replies, Err(error.clone()));
                    }
                }
            }
        }
    }
}

impl<F: Fetch> Drop for Service<F> {
    /// Sends away all that wait if the task ends early, even before it has begun.
    fn drop(&mut self) {
        if !self.done {
            self.shared.abort();
        }
    }
}

/// Answers all requests for one key. A caller that has gone away gets no answer.
fn answer<F: Fetch>(mut replies: Vec<Reply<F>>, answer: Answer<F>) {
    let last = replies.pop();
    for reply in replies {
        drop(reply.send(answer.clone()));
    }
    if let Some(last) = last {
        drop(last.send(answer));
    }
}

#[cfg(test)]
mod tests;
