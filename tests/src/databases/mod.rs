//! The databases that the stores are tested on: a fresh one for each case, deleted afterwards.

mod memory;
#[cfg(feature = "servers")]
mod own_postgres;
#[cfg(feature = "servers")]
mod postgres;
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{
    AccessLog, Audit, EventFeed, Exports, Health, IdempotencyStore, Inbox, Keys, Outlook, Sessions, Store,
    Subscriptions, Views, Worklist,
};

pub use memory::MemoryDatabase;
#[cfg(feature = "servers")]
pub use own_postgres::{OwnPostgres, free_port};
#[cfg(feature = "servers")]
pub use postgres::PostgresDatabase;
pub use sqlite::SqliteDatabase;

/// All ports that a test reads through. Every adapter that has them is one.
pub trait ReadPorts: Views + Outlook + EventFeed + Exports + Audit + Worklist + Health {}

impl<T: Views + Outlook + EventFeed + Exports + Audit + Worklist + Health + ?Sized> ReadPorts for T {}

/// The ports of a store adapter.
#[derive(Clone)]
pub struct Adapter {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The read ports.
    pub reads: Arc<dyn ReadPorts>,
    /// The idempotency store.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// The inbox.
    pub inbox: Arc<dyn Inbox>,
    /// The subscriptions.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// The access keys.
    pub keys: Arc<dyn Keys>,
    /// The sessions of browsers.
    pub sessions: Arc<dyn Sessions>,
    /// The log of access decisions.
    pub access_log: Arc<dyn AccessLog>,
}

impl Adapter {
    /// An adapter that implements all of them.
    pub fn of<A>(adapter: A) -> Self
    where
        A: Store + ReadPorts + IdempotencyStore + Inbox + Subscriptions + Keys + Sessions + AccessLog + 'static,
    {
        let adapter = Arc::new(adapter);
        Self {
            store: adapter.clone(),
            reads: adapter.clone(),
            idempotency: adapter.clone(),
            inbox: adapter.clone(),
            subscriptions: adapter.clone(),
            keys: adapter.clone(),
            sessions: adapter.clone(),
            access_log: adapter,
        }
    }
}

/// Whether transactions of a store decide concurrently.
///
/// A case that holds one transaction open has to know whether the others can go on meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overlap {
    /// Never: there is one writer at a time.
    Never,
    /// On different products only.
    OnOtherProducts,
    /// Always.
    Always,
}

/// One database, empty at first. It can be opened any number of times.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Creates an empty database.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// Opens it, as an instance of the service does when it starts.
    async fn open(&self) -> Adapter;

    /// Its address, as in the service's setting `store.url`.
    fn url(&self) -> String;

    /// Whether its transactions decide concurrently.
    fn overlap(&self) -> Overlap;

    /// Deletes the database.
    async fn discard(&self);
}

/// A database that a case is run on.
pub type Db = Arc<dyn Database>;

/// Runs a case on a fresh database, and deletes the database whether the case passed or not.
pub async fn on_fresh<D, F>(case: impl FnOnce(Db) -> F)
where
    D: Database,
    F: Future<Output = ()> + Send + 'static,
{
    let db: Db = Arc::new(D::fresh().await);
    let passed = tokio::spawn(case(db.clone())).await;
    db.discard().await;
    if let Err(failed) = passed {
        std::panic::resume_unwind(failed.into_panic());
    }
}
