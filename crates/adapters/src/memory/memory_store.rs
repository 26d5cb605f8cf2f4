//! The handle on the store, and its transactions.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use async_trait::async_trait;
use earmark_application::{Books, BooksId, Decide, Decided, Epoch, Health, Store, StoreError};
use earmark_domain::{Processed, Scope};

use super::tables::Tables;
use super::tables::access_keys::AccessKeyTable;
use super::tables::access_log::AccessLogTable;
use super::tables::dead_messages::DeadMessageTable;
use super::tables::idempotency::IdempotencyKeys;
use super::tables::sessions::SessionTable;
use super::tables::subscriptions::SubscriptionTable;

/// A store in memory.
///
/// A clone is another handle on the same tables, as a second instance of the service on one database would be.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    books: Books,
    tables: Arc<Mutex<Tables>>,
    idempotency_keys: Arc<Mutex<IdempotencyKeys>>,
    subscriptions: Arc<Mutex<SubscriptionTable>>,
    dead_messages: Arc<Mutex<DeadMessageTable>>,
    access_keys: Arc<Mutex<AccessKeyTable>>,
    sessions: Arc<Mutex<SessionTable>>,
    access_log: Arc<Mutex<AccessLogTable>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// A store with empty tables: new books, and the only epoch that they will have.
    #[must_use]
    pub fn new() -> Self {
        Self {
            books: Books::new(new_id(), [Epoch { number: 1, after: 0 }].into()),
            tables: Arc::default(),
            idempotency_keys: Arc::default(),
            subscriptions: Arc::default(),
            dead_messages: Arc::default(),
            access_keys: Arc::default(),
            sessions: Arc::default(),
            access_log: Arc::default(),
        }
    }

    /// The books.
    pub(super) const fn books(&self) -> &Books {
        &self.books
    }

    /// The tables, for as long as one step takes: never across a decision.
    pub(super) fn tables(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        self.tables
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the tables in memory panicked half-way".to_owned()))
    }

    /// The subscriptions, likewise.
    pub(super) fn subscription_table(&self) -> Result<MutexGuard<'_, SubscriptionTable>, StoreError> {
        self.subscriptions
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the subscriptions in memory panicked half-way".to_owned()))
    }

    /// The dead messages, likewise.
    pub(super) fn dead_message_table(&self) -> Result<MutexGuard<'_, DeadMessageTable>, StoreError> {
        self.dead_messages
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the dead messages in memory panicked half-way".to_owned()))
    }

    /// The access keys, likewise.
    pub(super) fn access_key_table(&self) -> Result<MutexGuard<'_, AccessKeyTable>, StoreError> {
        self.access_keys
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the access keys in memory panicked half-way".to_owned()))
    }

    /// The sessions, likewise.
    pub(super) fn session_table(&self) -> Result<MutexGuard<'_, SessionTable>, StoreError> {
        self.sessions
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the sessions in memory panicked half-way".to_owned()))
    }

    /// The log of access decisions, likewise. Who locks the access keys or the sessions too locks those first.
    pub(super) fn access_log_table(&self) -> Result<MutexGuard<'_, AccessLogTable>, StoreError> {
        self.access_log
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the access log in memory panicked half-way".to_owned()))
    }

    /// The idempotency keys, likewise.
    pub(super) fn idempotency_keys(&self) -> Result<MutexGuard<'_, IdempotencyKeys>, StoreError> {
        self.idempotency_keys
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the idempotency keys in memory panicked half-way".to_owned()))
    }
}

/// A name that no other books have: whoever drops repeats by the ids of events must not take the events of another store
/// for those of this one. The hash of nothing under the random keys of a new hasher is the randomness that the standard
/// library has.
fn new_id() -> BooksId {
    let random = || RandomState::new().build_hasher().finish();
    BooksId::of((u128::from(random()) << u64::BITS | u128::from(random())).to_be_bytes())
}

#[async_trait]
impl Store for MemoryStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        let read = self.tables()?.load(scope);
        // No lock is held from here on, and the task yields on purpose: the decisions of a test should meet the
        // conflicts that decisions on a database meet.
        let mut yielded = false;
        poll_fn(|context| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let decided = decide(read.clone())?;

        // From here to the end there is no await: a caller that goes away leaves all of the change or none.
        let mut tables = self.tables()?;
        // Read again, the scope must say what it said. That covers versions, and what was looked for and not found: a
        // product, a line under another SKU, an order's header, one more line of an order, a message.
        if tables.load(scope) != read {
            return Err(StoreError::Conflict);
        }
        tables.check(&decided.changes)?;
        let mut dead_messages = self.dead_message_table()?;
        tables.apply(&decided.changes);
        let carried_out = decided
            .changes
            .inbox
            .iter()
            .filter(|message| message.ended == Processed::Done);
        carried_out.for_each(|message| dead_messages.carried_out(&message.id));
        Ok(decided)
    }
}

#[async_trait]
impl Health for MemoryStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.tables().map(drop)
    }
}
