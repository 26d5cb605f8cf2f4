//! The store: its connections and what its clones share. The modules below run its transactions.
//!
//! A transaction takes one of two paths ([`transact`]). Lines are mostly placed on the fast path: decided on cached
//! products and stored by one statement that validates what the decision read ([`fast_path`], [`pipeline`]). Everything
//! else, and what failed validation, takes the general path: lock and load ([`load`]), decide, write ([`write`]).

mod detached;
mod fast_path;
mod inbox;
mod load;
mod pipeline;
mod transact;
mod write;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};

use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use earmark_application::{Clock, StoreError};
use tokio::sync::Semaphore;

use super::batcher::Batcher;
use super::connect::{Address, CONNECTION_WAIT, at_most, no_free_connection};
use super::error::{OpenError, is_lost, store_error};
use super::lookups::lookup::{ByKey, Lookup, look_up};
use super::lookups::{Lookups, SharedLookups};
use super::migrate;
use super::statement::statement;
use crate::sql::product_cache::ProductCache;

/// Of how many connections look-ups share one.
const CONNECTIONS_PER_SHARED: usize = 4;

/// The most connections that look-ups share: each keeps a core of the database busy.
const MAX_SHARED: usize = 2;

/// How a read of several statements begins: all of them see one snapshot.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The store in a PostgreSQL database. Cheap to clone: clones share the connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool<AsyncPgConnection>,
    address: Address,
    lookups: Arc<SharedLookups>,
    /// Limits the connections that are busy with idempotency keys.
    pub(super) idempotency_slots: Arc<Semaphore>,
    /// The products that this program has last read or stored.
    product_cache: Arc<Mutex<ProductCache>>,
    /// The next pipeline token.
    pipeline_tokens: Arc<AtomicU64>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may contain a password.
        f.debug_struct("PostgresStore")
            .field("pool", &self.pool.status())
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

impl PostgresStore {
    /// Opens the database behind a `postgres://` URL, with at most `connections` connections. `clock` measures waits.
    ///
    /// `migrate`: brings the schema up to date first. Several programs may do so at once; one of them does the work.
    ///
    /// # Errors
    /// [`OpenError`]; without `migrate` a schema that is not up to date is one.
    pub async fn open(url: &str, connections: usize, migrate: bool, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let store = Self::connect(url, connections, clock)?;
        if migrate {
            store.migrate().await?;
            return Ok(store);
        }
        match store.pending_migrations().await? {
            pending if pending.is_empty() => Ok(store),
            pending => Err(OpenError::Pending(pending)),
        }
    }

    /// A store that has not yet checked whether there is a database, and which schema it has: to migrate it.
    ///
    /// # Errors
    /// [`OpenError::Url`] or [`OpenError::NoConnections`].
    pub fn connect(url: &str, connections: usize, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if connections == 0 {
            return Err(OpenError::NoConnections);
        }
        let address = Address::parse(url, clock)?;
        let shared = (connections / CONNECTIONS_PER_SHARED).min(MAX_SHARED);
        let pooled = connections - shared;
        Ok(Self {
            pool: address.pool(pooled)?,
            lookups: Arc::new(SharedLookups::new(&address, shared)),
            idempotency_slots: Arc::new(Semaphore::new(idempotency_connections(pooled))),
            address,
            product_cache: Arc::default(),
            pipeline_tokens: Arc::default(),
        })
    }

    /// Brings the schema up to date, and returns the migrations that were missing. They run under a lock of the
    /// database, so that two programs that start at once do not interfere.
    ///
    /// # Errors
    /// [`OpenError`]; a migration that fails is rolled back.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        migrate::run(self.address.connect().await?).await
    }

    /// The missing migrations; none if the schema is up to date. Changes nothing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        migrate::pending(self.address.connect().await?).await
    }

    /// A connection from the pool, waited for no longer than [`CONNECTION_WAIT`]. Those known to be dead are replaced.
    pub(super) async fn connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        match at_most(self.address.clock(), CONNECTION_WAIT, self.pool.get()).await {
            Some(Ok(connection)) => Ok(connection),
            Some(Err(why)) => Err(StoreError::Unavailable(why.to_string())),
            None => Err(no_free_connection()),
        }
    }

    /// How many connections the pool has at most: so many may be found dead, one after the other, before one must be
    /// new.
    pub(super) fn pool_size(&self) -> usize {
        self.pool.status().max_size
    }

    /// A connection with a snapshot: a read-only transaction whose statements all see one state. It ends with
    /// [`end_snapshot`]. If the caller is dropped before, the pool closes the connection.
    ///
    /// A connection may have died unnoticed. Nothing was sent on it yet, so the next one is tried.
    pub(super) async fn snapshot(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        let mut left = self.pool_size();
        loop {
            let mut connection = self.connection().await?;
            match AnsiTransactionManager::begin_transaction_sql(&mut *connection, BEGIN_SNAPSHOT).await {
                Ok(()) => return Ok(connection),
                Err(error) => {
                    drop(Object::take(connection));
                    if left == 0 || !is_lost(&error) {
                        return Err(store_error(error));
                    }
                    left -= 1;
                }
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
            None => look_up::<L>(key, &*self.connection().await?).await,
        }
    }

    /// The product cache. If a panic has poisoned it, it is emptied.
    fn product_cache(&self) -> MutexGuard<'_, ProductCache> {
        self.product_cache.lock().unwrap_or_else(|poisoned| {
            let mut product_cache = poisoned.into_inner();
            product_cache.forget_all();
            self.product_cache.clear_poison();
            product_cache
        })
    }
}

/// Ends a snapshot. A connection that can't even roll back is closed, and the server rolls back.
pub(super) async fn end_snapshot(mut connection: Object<AsyncPgConnection>) {
    if let Err(why) = AnsiTransactionManager::rollback_transaction(&mut *connection).await {
        tracing::debug!(%why, "a connection is closed, its transaction could not be rolled back");
        drop(Object::take(connection));
    }
}

/// Ends a transaction that was begun by a plain statement and stores nothing. A connection that can't even roll back is
/// closed, and the server rolls back.
pub(super) async fn roll_back(connection: Object<AsyncPgConnection>) {
    // If a COMMIT was pipelined behind a statement that failed, the transaction has ended, and the server only warns.
    if let Err(why) = statement::<()>("ROLLBACK").execute(&connection).await {
        tracing::debug!(%why, "a connection is closed, its transaction could not be rolled back");
        drop(Object::take(connection));
    }
}
