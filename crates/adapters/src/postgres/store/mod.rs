//! The store: its connections and what its clones share. The modules below run its transactions.
//!
//! A transaction takes one of two paths ([`transact`]). Lines are mostly placed on the fast path: decided on cached
//! products and stored by one statement that validates what the decision read ([`fast_path`], [`pipeline`]). Everything
//! else, and what failed validation, takes the general path: lock and load ([`load`]), decide, write ([`write`]).

mod detached;
mod fast_path;
mod inbox;
mod load;
mod locked;
mod pipeline;
mod products;
mod suspects;
mod transact;
mod unknown_outcome;
mod write;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use earmark_application::{Clock, StoreError};
use tokio::sync::Semaphore;

use super::batcher::Batcher;
use super::connect::Address;
use super::connections::{Connections, PooledSession, SHORT, Sessions, Shares, UNBOUNDED, be_patient};
use super::error::{OpenError, store_error};
use super::inspect;
use super::lookups::lookup::{ByKey, Lookup, look_up};
use super::lookups::{Lookups, SharedLookups};
use super::migrate;
use super::server::Access;
use super::session::Session;
pub(super) use inbox::processed;
pub(super) use load::dispatches_of;
use products::Products;
use suspects::Suspects;

/// How a read of several statements begins: all of them see one snapshot.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The store in a PostgreSQL database. Cheap to clone: clones share the connections.
#[derive(Clone)]
pub struct PostgresStore {
    connections: Connections,
    address: Address,
    clock: Arc<dyn Clock>,
    lookups: Arc<SharedLookups>,
    /// Limits the connections that are busy with idempotency keys.
    pub(super) idempotency_slots: Arc<Semaphore>,
    /// Limits those that are busy with subscriptions.
    pub(super) subscription_slots: Arc<Semaphore>,
    /// Limits those that are busy with the inbox.
    pub(super) inbox_slots: Arc<Semaphore>,
    /// Limits those that are busy with access keys.
    pub(super) access_key_slots: Arc<Semaphore>,
    /// The products that this program has last read or stored.
    product_cache: Arc<Mutex<Products>>,
    /// The next pipeline token.
    pipeline_tokens: Arc<AtomicU64>,
    /// The products that others were found to have locked.
    suspects: Arc<Suspects>,
    /// Whether there is an index for searches.
    search_index: Arc<AtomicBool>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may contain a password.
        f.debug_struct("PostgresStore")
            .field("connections", &self.connections.commands.max_size())
            .finish_non_exhaustive()
    }
}

/// How many connections of a pool may be busy with idempotency keys at once: few, so that however many callers send
/// keys, their commands find a connection.
const fn idempotency_connections(pool: usize) -> usize {
    match pool {
        0..6 => 1,
        _ => 2,
    }
}

/// How many connections of a pool may be busy with subscriptions at once: however many there are, commands find one.
const SUBSCRIPTION_CONNECTIONS: usize = 1;

/// How many connections of a pool may be busy with the inbox at once, beside those that store messages with their effects.
const INBOX_CONNECTIONS: usize = 1;

/// How many connections of a pool may be busy with access keys at once: however many secrets are tried, commands find one.
const ACCESS_KEY_CONNECTIONS: usize = 1;

impl PostgresStore {
    /// Opens the database behind a `postgres://` URL, with at most `connections` connections. `clock` measures waits.
    ///
    /// `migrate`: brings the schema up to date first. Several programs may do so at once; one of them does the work.
    ///
    /// # Errors
    /// [`OpenError`]; without `migrate` a schema that is not up to date is one.
    pub async fn open(url: &str, connections: usize, migrate: bool, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let store = Self::connect(url, connections, clock)?;
        inspect::pooler(&store.address).await?;
        if migrate {
            store.migrate().await?;
        } else {
            let pending = store.pending_migrations().await?;
            if !pending.is_empty() {
                return Err(OpenError::Pending(pending));
            }
        }
        let session = store.address.connect_to_books(SHORT).await?;
        inspect::triggers(&session).await?;
        store.look_for_search_index(&session).await?;
        Ok(store)
    }

    /// Opens the database to read it: on a standby, too, and with no right but to read its tables. Nothing is written.
    ///
    /// # Errors
    /// [`OpenError`]; a schema that is not up to date is one.
    pub async fn open_to_read(url: &str, connections: usize, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let store = Self::connect_to_read(url, connections, clock)?;
        inspect::pooler(&store.address).await?;
        let pending = store.pending_migrations().await?;
        if !pending.is_empty() {
            return Err(OpenError::Pending(pending));
        }
        let session = store.address.connect_to_books(SHORT).await?;
        store.look_for_search_index(&session).await?;
        Ok(store)
    }

    async fn look_for_search_index(&self, session: &Session) -> Result<(), OpenError> {
        let has_index = inspect::has_search_index(session).await?;
        if !has_index {
            tracing::warn!(
                "searches for products walk through all of them: there is no index. \
                 Create the extension pg_trgm, and the index as the schema's first migration has it"
            );
        }
        self.search_index.store(has_index, Ordering::Relaxed);
        Ok(())
    }

    /// A store that has not yet checked whether there is a database, and which schema it has: to migrate it.
    ///
    /// # Errors
    /// [`OpenError::Url`] or [`OpenError::NoConnections`].
    pub fn connect(url: &str, connections: usize, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::unopened(url, Access::Write, connections, clock)
    }

    /// The same, to look at the schema of a database that may be a standby, or that may only be read.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_to_read(url: &str, connections: usize, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::unopened(url, Access::Read, connections, clock)
    }

    fn unopened(url: &str, access: Access, connections: usize, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if connections == 0 {
            return Err(OpenError::NoConnections);
        }
        let address = Address::parse(url, access, Arc::clone(&clock))?;
        let shares = Shares::of(connections);
        Ok(Self {
            connections: Connections::new(&address, shares)?,
            lookups: Arc::new(SharedLookups::new(&address, shares.lookups)),
            idempotency_slots: Arc::new(Semaphore::new(idempotency_connections(shares.commands))),
            subscription_slots: Arc::new(Semaphore::new(SUBSCRIPTION_CONNECTIONS)),
            inbox_slots: Arc::new(Semaphore::new(INBOX_CONNECTIONS)),
            access_key_slots: Arc::new(Semaphore::new(ACCESS_KEY_CONNECTIONS)),
            address,
            clock,
            product_cache: Arc::default(),
            pipeline_tokens: Arc::new(AtomicU64::new(first_token())),
            suspects: Arc::default(),
            search_index: Arc::default(),
        })
    }

    /// Brings the schema up to date, and returns the migrations that were missing. They run under a lock of the
    /// database, so that two programs that start at once do not interfere.
    ///
    /// # Errors
    /// [`OpenError`]; a migration that fails is rolled back.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        migrate::run(self.address.connect(UNBOUNDED).await?).await
    }

    /// The missing migrations; none if the schema is up to date. Changes nothing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        migrate::pending(&self.address.connect(UNBOUNDED).await?).await
    }

    /// The sessions for commands.
    pub(super) const fn commands(&self) -> &Sessions {
        &self.connections.commands
    }

    /// The sessions for long questions.
    pub(super) fn questions(&self) -> &Sessions {
        self.connections.questions()
    }

    /// The sessions for probes.
    pub(super) fn probes(&self) -> &Sessions {
        self.connections.probes()
    }

    /// Whether there is an index for searches.
    pub(super) fn has_search_index(&self) -> bool {
        self.search_index.load(Ordering::Relaxed)
    }

    /// A session for a step of an export or an audit: its answers may take long.
    pub(super) async fn export_session(&self) -> Result<PooledSession, StoreError> {
        let session = self.questions().get().await?;
        be_patient(&session);
        Ok(session)
    }

    /// A session with a snapshot: a read-only transaction whose statements all see one state. It ends with
    /// [`roll_back`]. If the caller is dropped before, the session is closed.
    ///
    /// A connection may have died unnoticed. Nothing was sent on it yet, so the next one is tried.
    pub(super) async fn snapshot(&self) -> Result<PooledSession, StoreError> {
        let mut left = self.questions().max_size();
        loop {
            let session = self.questions().get().await?;
            match session.begin(BEGIN_SNAPSHOT).await {
                Ok(()) => return Ok(session),
                Err(error) if left > 0 && error.is_lost() => left -= 1,
                Err(error) => return Err(store_error(error)),
            }
        }
    }

    /// Looks up one value: on a shared connection, together with other look-ups, or on a pooled one if none is shared.
    pub(super) async fn look_up<L: Lookup>(
        &self,
        key: &str,
        batcher: impl FnOnce(&Lookups) -> &Batcher<ByKey<L>>,
    ) -> Result<Option<L::Value>, StoreError> {
        match self.lookups.of_this_thread() {
            Some(lookups) => batcher(lookups).get(key.to_owned()).await,
            None => look_up::<L>(key, &*self.commands().get().await?).await,
        }
    }

    /// The product cache, of the last epoch that is known. If a panic has poisoned it, it is emptied.
    fn product_cache(&self) -> MutexGuard<'_, Products> {
        let mut products = self.product_cache.lock().unwrap_or_else(|poisoned| {
            let mut products = poisoned.into_inner();
            products.forget_all();
            self.product_cache.clear_poison();
            products
        });
        products.turn_to(self.address.epoch());
        products
    }

    /// The product cache, if it is of the epoch that this session is in.
    fn product_cache_for(&self, session: &Session) -> Option<MutexGuard<'_, Products>> {
        Some(self.product_cache()).filter(|products| products.epoch() == session.epoch())
    }
}

/// Ends a transaction that stores nothing. A session that can't even roll back is closed, and the server rolls back.
pub(super) async fn roll_back(session: PooledSession) {
    // If a COMMIT was pipelined behind a statement that failed, the transaction has ended, and the server only warns.
    if let Err(why) = session.roll_back().await {
        tracing::debug!(%why, "a session is closed, its transaction could not be rolled back");
    }
}

/// Where a process begins with its pipeline tokens: anywhere. Two processes that share a session of the server, through
/// something that pools connections, must not take each other's tokens for their own. The hash of nothing under the
/// random keys of a new hasher is the randomness that the standard library has.
fn first_token() -> u64 {
    RandomState::new().build_hasher().finish()
}
