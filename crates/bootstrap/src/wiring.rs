//! Wiring: settings become ports, here and nowhere else. The only module that names concrete stores.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use earmark_adapters::clock::SystemClock;
use earmark_adapters::ids::RandomIds;
use earmark_adapters::memory::MemoryStore;
use earmark_adapters::postgres::PostgresStore;
use earmark_adapters::sqlite::{DEFAULT_READERS, SqliteStore};
use earmark_application::{Audit, Clock, EventFeed, Exports, Health, IdempotencyStore, Ids, Store, Views, Worklist};

use crate::failure::Failure;
use crate::settings::{StoreSettings, StoreUrl};

/// How many connections to Postgres where nobody says otherwise: one for each lane of the engine, the others for
/// questions. A few are plenty, because commands travel in groups.
const POSTGRES_CONNECTIONS: usize = 8;

/// What the books are opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// To serve: books that are not there are begun.
    Serve,
    /// To change them from the command line: as to serve, but they have to outlast the process.
    Change,
    /// To read them: they have to be there, and are not touched.
    Read,
}

/// The ports of the application, with adapters behind them.
pub(crate) struct Ports {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) worklist: Arc<dyn Worklist>,
    pub(crate) views: Arc<dyn Views>,
    pub(crate) events: Arc<dyn EventFeed>,
    pub(crate) exports: Arc<dyn Exports>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) idempotency: Arc<dyn IdempotencyStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    /// The kind of store, for people.
    pub(crate) kind: &'static str,
}

/// Opens the books that the settings name, and puts an adapter behind every port.
///
/// # Errors
/// When they can't be opened, told in one sentence.
pub(crate) async fn wire(settings: &StoreSettings, to: Use) -> Result<Ports, Failure> {
    let migrate = settings.migrate && to != Use::Read;
    match &settings.url {
        StoreUrl::Sqlite(path) => {
            if to == Use::Read {
                must_exist(path)?;
            }
            let readers = settings.connections.map_or(DEFAULT_READERS, NonZeroUsize::get);
            let store = SqliteStore::open(path, readers, migrate).await.map_err(failed)?;
            Ok(ports(Arc::new(store), "SQLite"))
        }
        StoreUrl::Postgres(url) => {
            let connections = settings.connections.map_or(POSTGRES_CONNECTIONS, NonZeroUsize::get);
            let store = PostgresStore::open(url, connections, migrate).await.map_err(failed)?;
            Ok(ports(Arc::new(store), "PostgreSQL"))
        }
        StoreUrl::Memory if to == Use::Serve => Ok(ports(Arc::new(MemoryStore::new()), "memory")),
        StoreUrl::Memory => Err(nothing_in_memory()),
    }
}

fn ports<S>(store: Arc<S>, kind: &'static str) -> Ports
where
    S: Store + Worklist + Views + EventFeed + Exports + Audit + Health + IdempotencyStore + 'static,
{
    Ports {
        store: Arc::clone(&store) as _,
        worklist: Arc::clone(&store) as _,
        views: Arc::clone(&store) as _,
        events: Arc::clone(&store) as _,
        exports: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        health: Arc::clone(&store) as _,
        idempotency: store,
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
        kind,
    }
}

/// The migrations that the books are missing. Changes nothing.
///
/// # Errors
/// When the books can't be asked, or have no schema.
pub(crate) async fn pending_migrations(settings: &StoreSettings) -> Result<Vec<String>, Failure> {
    match &settings.url {
        StoreUrl::Sqlite(path) => SqliteStore::pending_migrations(path).await.map_err(failed),
        StoreUrl::Postgres(url) => PostgresStore::connect(url, 1)
            .map_err(failed)?
            .pending_migrations()
            .await
            .map_err(failed),
        StoreUrl::Memory => Err(nothing_in_memory()),
    }
}

/// Runs the migrations that the books are missing, and says which.
///
/// # Errors
/// When the books can't be brought up to date, or have no schema.
pub(crate) async fn migrate(settings: &StoreSettings) -> Result<Vec<String>, Failure> {
    match &settings.url {
        StoreUrl::Sqlite(path) => SqliteStore::migrate(path).await.map_err(failed),
        StoreUrl::Postgres(url) => PostgresStore::connect(url, 1)
            .map_err(failed)?
            .migrate()
            .await
            .map_err(failed),
        StoreUrl::Memory => Err(nothing_in_memory()),
    }
}

/// Reading what is not there would leave an empty database behind, and an answer that means nothing.
fn must_exist(path: &Path) -> Result<(), Failure> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Failed(format!("there is no database {}", path.display()))),
        Err(error) => Err(Failure::Failed(format!(
            "can't read the database {}: {error}",
            path.display()
        ))),
    }
}

fn nothing_in_memory() -> Failure {
    Failure::Usage(
        "memory: keeps its books in the process that serves them, so there is nothing here for this command; \
         name a database with --store, or a running service with `earmark import --to URL`"
            .to_owned(),
    )
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}
