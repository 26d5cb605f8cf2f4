//! Look-ups: questions for what has a key, asked together.
//!
//! Those who ask while others are being answered wait, and are asked for in one statement when these have been; whoever
//! asks alone is asked for at once. So a look-up costs the less the more there are, and a thousand who look at one
//! product have it read once.
//!
//! The connections are shared by all look-ups, and used for nothing else. What may take longer, a page or a transaction,
//! has a connection of the pool to itself, so that nobody waits behind it.

use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::time::timeout;

use super::connect::Address;
use super::error::store_error;
use super::queries::OrderByKey;
use super::sums::{BatchByKey, ProductByKey};
use super::{POOL_WAIT, PostgresStore, is_lost, no_connection_in_time};

/// The most keys that are asked for in one statement: beyond that it gains nothing, and the others wait longer.
const MOST_TOGETHER: usize = 64;

/// How often somebody looks whose answer was given up by those who saw to it. A defect would give up each time.
const MOST_ATTEMPTS: usize = 2;

/// A kind of thing that is looked up by its key.
pub(super) trait Lookup: Send + Sync + Sized + 'static {
    /// What the database has of it.
    type Row: Send + 'static;
    /// What it comes to.
    type Found: Clone + Send + 'static;

    /// The rows of all that have one of these keys, which are all different.
    fn rows(keys: Vec<&str>, conn: &AsyncPgConnection) -> impl Future<Output = QueryResult<Vec<Self::Row>>> + Send;

    /// Of which key a row is.
    fn key(row: &Self::Row) -> &str;

    /// Reads the rows of one, of which there is at least one, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn read(rows: Vec<Self::Row>) -> Result<Self::Found, StoreError>;

    /// Where those wait who look for such a thing.
    fn queue(place: &Place) -> &Queue<Self>;
}

/// What somebody who looked something up is told: `None` if there is no such thing.
type Answer<L> = Result<Option<<L as Lookup>::Found>, StoreError>;

/// Where an answer goes.
type Reply<L> = oneshot::Sender<Answer<L>>;

/// Those who wait for their look-ups of one kind on one connection.
pub(super) struct Queue<L: Lookup>(Mutex<Waiting<L>>);

struct Waiting<L: Lookup> {
    /// What each looks for, and where its answer goes. No more than there are requests under way.
    askers: VecDeque<(String, Reply<L>)>,
    /// Whether there is a task that asks for them.
    served: bool,
}

impl<L: Lookup> Default for Queue<L> {
    fn default() -> Self {
        Self(Mutex::new(Waiting {
            askers: VecDeque::new(),
            served: false,
        }))
    }
}

impl<L: Lookup> Queue<L> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<L>> {
        // Nothing in there is ever half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has somebody wait. Answers whether nobody serves those who do: the caller has to see to that then.
    fn join(&self, key: &str, reply: Reply<L>) -> bool {
        let mut waiting = self.waiting();
        waiting.askers.push_back((key.to_owned(), reply));
        !std::mem::replace(&mut waiting.served, true)
    }

    /// Those whose turn it is, by what they look for. When there are none, nobody serves the queue any more.
    fn next(&self) -> BTreeMap<String, Vec<Reply<L>>> {
        let mut waiting = self.waiting();
        let mut together = BTreeMap::<_, Vec<_>>::new();
        while together.len() < MOST_TOGETHER
            && let Some((key, reply)) = waiting.askers.pop_front()
        {
            if !reply.is_closed() {
                together.entry(key).or_default().push(reply);
            }
        }
        waiting.served = !together.is_empty();
        together
    }

    /// Sends away all who wait. Nobody serves the queue any more.
    fn give_up(&self) {
        let mut waiting = self.waiting();
        waiting.askers.clear();
        waiting.served = false;
    }
}

/// A connection that look-ups share, with those who wait for it.
#[derive(Default)]
pub(super) struct Place {
    /// Once there is one.
    connection: AsyncMutex<Option<Arc<AsyncPgConnection>>>,
    pub(super) orders: Queue<OrderByKey>,
    pub(super) batches: Queue<BatchByKey>,
    pub(super) products: Queue<ProductByKey>,
}

/// The connections.
pub(super) struct Lookups {
    address: Address,
    places: Vec<Arc<Place>>,
}

impl Lookups {
    /// As many connections as `places`, each made when it is first needed.
    pub(super) fn new(address: Address, places: usize) -> Self {
        Self {
            address,
            places: (0..places).map(|_| Arc::default()).collect(),
        }
    }

    /// The place of the thread that asks; `None` where there is none at all. Those on one thread are asked for together:
    /// to wake one another costs them no system call.
    fn place(&self) -> Option<&Arc<Place>> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
        }
        let thread = THREAD.with(|thread| *thread);
        self.places.get(thread.checked_rem(self.places.len())?)
    }
}

impl PostgresStore {
    /// Looks something up by its key. A caller that goes away disturbs nobody.
    pub(super) async fn look_up<L: Lookup>(&self, key: &str) -> Answer<L> {
        let Some(place) = self.lookups.place() else {
            return one::<L>(key, &*self.connection().await?).await;
        };
        // Whoever is sent away, because the runtime has ended on which somebody else saw to it, sees to it himself.
        for _ in 0..MOST_ATTEMPTS {
            let (reply, answer) = oneshot::channel();
            if L::queue(place).join(key, reply) {
                let service = Service::<L> {
                    lookups: Arc::clone(&self.lookups),
                    place: Arc::clone(place),
                    done: false,
                    kind: PhantomData,
                };
                tokio::spawn(service.run());
            }
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
        Err(StoreError::Unavailable("the look-up was given up".to_owned()))
    }
}

/// Looks something up on a connection of one's own.
pub(super) async fn one<L: Lookup>(key: &str, conn: &AsyncPgConnection) -> Answer<L> {
    let rows = L::rows(vec![key], conn).await.map_err(store_error)?;
    (!rows.is_empty()).then(|| L::read(rows)).transpose()
}

/// Asks for those who wait in a place until nobody does.
struct Service<L: Lookup> {
    lookups: Arc<Lookups>,
    place: Arc<Place>,
    /// Whether it has ended as it should.
    done: bool,
    kind: PhantomData<fn() -> L>,
}

impl<L: Lookup> Service<L> {
    async fn run(mut self) {
        loop {
            let together = L::queue(&self.place).next();
            if together.is_empty() {
                self.done = true;
                return;
            }
            match self.ask(together.keys().map(String::as_str).collect()).await {
                Ok(mut found) => {
                    for (key, replies) in together {
                        tell::<L>(replies, found.remove(&key).transpose());
                    }
                }
                Err(why) => {
                    for replies in together.into_values() {
                        tell::<L>(replies, Err(why.clone()));
                    }
                }
            }
        }
    }

    /// Asks once. A connection may have died without anybody noticing; as nothing depends on how often such a question is
    /// asked, it is asked again then, on a new one.
    async fn ask(&self, keys: Vec<&str>) -> Result<BTreeMap<String, Result<L::Found, StoreError>>, StoreError> {
        let mut again = true;
        loop {
            let connection = timeout(POOL_WAIT, self.connection())
                .await
                .map_err(|_| no_connection_in_time())??;
            match L::rows(keys.clone(), &connection).await {
                Err(error) if again && is_lost(&error) => {
                    self.forget(&connection).await;
                    again = false;
                }
                rows => return Ok(by_key::<L>(rows.map_err(store_error)?)),
            }
        }
    }

    /// The connection of the place. Those who come while it is being made wait for it.
    async fn connection(&self) -> Result<Arc<AsyncPgConnection>, StoreError> {
        let mut kept = self.place.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(Arc::clone(connection));
        }
        let made = self.lookups.address.open().await;
        let made = Arc::new(made.map_err(|why| StoreError::Unavailable(why.to_string()))?);
        *kept = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Takes a lost connection from the place, unless another is there already.
    async fn forget(&self, lost: &Arc<AsyncPgConnection>) {
        let mut kept = self.place.connection.lock().await;
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, lost)) {
            *kept = None;
        }
    }
}

impl<L: Lookup> Drop for Service<L> {
    /// Where a defect has ended it, or the end of the runtime that it ran on, those who wait are sent away, and the next
    /// one who asks is served again.
    fn drop(&mut self) {
        if !self.done {
            L::queue(&self.place).give_up();
        }
    }
}

/// Reads the rows of each key. What is broken is so for those alone who look for it.
fn by_key<L: Lookup>(rows: Vec<L::Row>) -> BTreeMap<String, Result<L::Found, StoreError>> {
    let mut of_keys = BTreeMap::<String, Vec<L::Row>>::new();
    for row in rows {
        match of_keys.get_mut(L::key(&row)) {
            Some(rows) => rows.push(row),
            None => drop(of_keys.insert(L::key(&row).to_owned(), vec![row])),
        }
    }
    of_keys.into_iter().map(|(key, rows)| (key, L::read(rows))).collect()
}

/// Tells all who looked for the same. Whoever has left is not told.
fn tell<L: Lookup>(mut replies: Vec<Reply<L>>, answer: Answer<L>) {
    let last = replies.pop();
    for reply in replies {
        drop(reply.send(answer.clone()));
    }
    if let Some(last) = last {
        drop(last.send(answer));
    }
}
