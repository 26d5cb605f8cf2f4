//! The books in PostgreSQL (13 or later): several services may run on one database.
//!
//! A transaction of the [`Store`] ([`transact`]) locks the products it touches ([`load`]), asks for the decision, and
//! writes it ([`write`]); row locks taken in the order of SKUs, and each product's version, keep several instances right.
//! Lines are mostly placed without reading anything first, on what the store remembers, which the one statement that
//! stores them holds against the books ([`place`]). The [`Queries`] ([`queries`]) lock nothing. The tables guard the
//! first rule of stock themselves: see the migrations.
//!
//! Connections are made without TLS: the database is expected on the same machine or network.

mod answers;
mod columns;
mod connect;
mod deadlines;
mod error;
mod events;
mod history;
mod leaving;
mod load;
mod lookups;
mod migrate;
mod place;
mod queries;
mod row;
mod statement;
mod sums;
mod transact;
mod write;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use earmark_application::{Decide, Decided, InFlightSender, Store, StoreError};
use earmark_domain::Scope;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use self::error::OpenError;

use self::answers::connections_for_answers;
use self::connect::Address;
use self::error::store_error;
use self::lookups::Lookups;
use self::transact::in_a_task_of_its_own;
use crate::sql::product_cache::ProductCache;

/// How long a caller waits for a free connection, the making of a new one included. Longer, and the engine's queues
/// say "busy" with better reason than the pool.
const POOL_WAIT: Duration = Duration::from_secs(10);

/// Of how many connections one is shared by look-ups.
const ONE_OF_THEM_SHARED: usize = 4;

/// The most connections that look-ups share: each keeps a core of the database busy.
const MOST_SHARED: usize = 2;

/// How a question of several statements begins: all of them see one state.
const BEGIN_TO_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The books, kept in a PostgreSQL database. Cheap to clone: clones share the connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool<AsyncPgConnection>,
    /// Some of the connections, which look-ups share.
    lookups: Arc<Lookups>,
    /// How many connections may be busy with remembered answers.
    answering: Arc<Semaphore>,
    address: Address,
    /// The products that this program has read or stored last.
    product_cache: Arc<Mutex<ProductCache>>,
    /// The next mark for a transaction to leave in its session.
    marks: Arc<AtomicU64>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may bear a password.
        f.debug_struct("PostgresStore")
            .field("pool", &self.pool.status())
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens the books behind a `postgres://` URL with at most `connections` connections.
    ///
    /// `migrate`: brings the schema up to date first. Several programs may do so at once; one of them does the work.
    ///
    /// # Errors
    /// [`OpenError`]; without `migrate` a schema that is not up to date is one.
    pub async fn open(url: &str, connections: usize, migrate: bool) -> Result<Self, OpenError> {
        let store = Self::connect(url, connections)?;
        if migrate {
            store.migrate().await?;
            return Ok(store);
        }
        match store.pending_migrations().await? {
            pending if pending.is_empty() => Ok(store),
            pending => Err(OpenError::Pending(pending)),
        }
    }

    /// A store that has not yet looked whether there is a database, or what schema it has: for those who migrate it.
    ///
    /// # Errors
    /// [`OpenError::Url`] or [`OpenError::NoConnections`].
    pub fn connect(url: &str, connections: usize) -> Result<Self, OpenError> {
        if connections == 0 {
            return Err(OpenError::NoConnections);
        }
        let address = Address::parse(url)?;
        let shared = (connections / ONE_OF_THEM_SHARED).min(MOST_SHARED);
        Ok(Self {
            pool: address.pool(connections - shared)?,
            lookups: Arc::new(Lookups::new(address.clone(), shared)),
            answering: Arc::new(Semaphore::new(connections_for_answers(connections - shared))),
            address,
            product_cache: Arc::default(),
            marks: Arc::default(),
        })
    }

    /// Brings the schema up to date, and answers the migrations that were missing. They are run under a lock of the
    /// database, so that two programs that start at once don't trip over each other.
    ///
    /// # Errors
    /// [`OpenError`]; a migration that fails is rolled back.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        migrate::run(self.address.open().await?).await
    }

    /// The migrations that are missing; none when the schema is up to date. Changes nothing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        migrate::pending(self.address.open().await?).await
    }

    /// A connection from the pool, waited for no longer than [`POOL_WAIT`]. Those known to be dead are replaced.
    async fn connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        match timeout(POOL_WAIT, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(why)) => Err(StoreError::Unavailable(why.to_string())),
            Err(_) => Err(no_connection_in_time()),
        }
    }

    /// A connection with a transaction begun on it.
    ///
    /// A connection may have died without anybody noticing; nothing has been asked of it yet, so the next one is
    /// tried. Each dead one leaves the pool: after as many as the pool holds, one must be new.
    async fn begin(&self, how: &str) -> Result<Object<AsyncPgConnection>, StoreError> {
        let mut left = self.pool.status().max_size;
        loop {
            let mut connection = self.connection().await?;
            match AnsiTransactionManager::begin_transaction_sql(&mut *connection, how).await {
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

    /// What is remembered. Should a panic ever have torn it, it is forgotten.
    fn product_cache(&self) -> MutexGuard<'_, ProductCache> {
        self.product_cache.lock().unwrap_or_else(|torn| {
            let mut product_cache = torn.into_inner();
            product_cache.forget_all();
            self.product_cache.clear_poison();
            product_cache
        })
    }
}

fn no_connection_in_time() -> StoreError {
    let seconds = POOL_WAIT.as_secs();
    StoreError::Unavailable(format!("no connection became free within {seconds} seconds"))
}

/// Whether the connection is gone, so that the server knows nothing of the statement or has forgotten it.
fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
            _
        )
    )
}

/// Ends a transaction that stores nothing. A connection that can't even do that is closed, and the server rolls back.
async fn roll_back(mut connection: Object<AsyncPgConnection>) {
    if let Err(why) = AnsiTransactionManager::rollback_transaction(&mut *connection).await {
        tracing::debug!(%why, "a connection is closed, its transaction could not be rolled back");
        drop(Object::take(connection));
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        in_a_task_of_its_own(self.clone().run(scope.clone(), decide, None)).await
    }

    async fn transact_pipelined(
        &self,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Result<Decided, StoreError> {
        in_a_task_of_its_own(self.clone().run(scope.clone(), decide, Some(in_flight))).await
    }
}
