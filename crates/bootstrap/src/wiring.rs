//! Wiring: builds the ports from the settings. The only module that names concrete stores, and who knows people.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use earmark_adapters::clock::SystemClock;
use earmark_adapters::ids::RandomIds;
use earmark_adapters::memory::MemoryStore;
use earmark_adapters::openid::{OpenIdProvider, ProviderSettings};
use earmark_adapters::postgres::PostgresStore;
use earmark_adapters::sqlite::{self, DEFAULT_READERS, Occupied, SqliteStore, Unfinished};
use earmark_application::{
    AccessLog, Audit, Clock, EventFeed, Exports, Health, IdempotencyStore, IdentityProvider, Ids, Inbox, Keys, Outlook,
    Sessions, Store, Subscriptions, Views, Worklist,
};
use earmark_domain::Calendar;

use crate::failure::Failure;
use crate::settings::{StoreSettings, StoreUrl};

/// The default number of connections to PostgreSQL: one for each lane of the engine, the others for queries. A few are
/// enough, because one transaction carries a group of commands.
const POSTGRES_CONNECTIONS: usize = 10;

/// What a command opens the store for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessMode {
    /// To serve requests: a missing database is created.
    Serve,
    /// To write from the command line: a missing database is created, and the data must outlast the process.
    Write,
    /// To change what is there from the command line: the database must exist, with a schema that is up to date.
    Change,
    /// To read: the same. Nothing is written, and the right to is not needed.
    Read,
}

impl AccessMode {
    /// Whether a missing database is made, and a schema brought up to date.
    const fn makes(self) -> bool {
        matches!(self, Self::Serve | Self::Write)
    }
}

/// The ports of the application, with adapters behind them.
pub(crate) struct Ports {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) worklist: Arc<dyn Worklist>,
    pub(crate) views: Arc<dyn Views>,
    pub(crate) outlook: Arc<dyn Outlook>,
    pub(crate) events: Arc<dyn EventFeed>,
    pub(crate) exports: Arc<dyn Exports>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) idempotency: Arc<dyn IdempotencyStore>,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) access_log: Arc<dyn AccessLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    /// The name of the store's kind, for display.
    pub(crate) kind: &'static str,
}

/// Opens the store of the settings, and puts an adapter behind every port.
///
/// # Errors
/// When the store can't be opened.
pub(crate) async fn wire(settings: &StoreSettings, calendar: &Calendar, mode: AccessMode) -> Result<Ports, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new().with_calendar(calendar.clone()));
    let migrate = settings.migrate && mode.makes();
    match &settings.url {
        StoreUrl::Sqlite(path) => {
            if !mode.makes() {
                must_exist(path)?;
            }
            let readers = settings.connections.map_or(DEFAULT_READERS, NonZeroUsize::get);
            let store = match mode {
                AccessMode::Read => SqliteStore::open_to_read(path, readers).await,
                AccessMode::Serve | AccessMode::Write | AccessMode::Change => {
                    SqliteStore::open(path, readers, migrate).await
                }
            };
            Ok(ports(Arc::new(store.map_err(failed)?), clock, "SQLite"))
        }
        StoreUrl::Postgres(url) => {
            let connections = settings.connections.map_or(POSTGRES_CONNECTIONS, NonZeroUsize::get);
            let store = match mode {
                AccessMode::Read => PostgresStore::open_to_read(url.expose(), connections, Arc::clone(&clock)).await,
                AccessMode::Serve | AccessMode::Write | AccessMode::Change => {
                    PostgresStore::open(url.expose(), connections, migrate, Arc::clone(&clock)).await
                }
            };
            Ok(ports(Arc::new(store.map_err(failed)?), clock, "PostgreSQL"))
        }
        StoreUrl::Memory if mode == AccessMode::Serve => Ok(ports(Arc::new(MemoryStore::new()), clock, "memory")),
        StoreUrl::Memory => Err(memory_is_not_shared()),
    }
}

fn ports<S>(store: Arc<S>, clock: Arc<dyn Clock>, kind: &'static str) -> Ports
where
    S: Store
        + Worklist
        + Views
        + Outlook
        + EventFeed
        + Exports
        + Audit
        + Health
        + IdempotencyStore
        + Inbox
        + Subscriptions
        + Keys
        + Sessions
        + AccessLog
        + 'static,
{
    Ports {
        store: Arc::clone(&store) as _,
        worklist: Arc::clone(&store) as _,
        views: Arc::clone(&store) as _,
        outlook: Arc::clone(&store) as _,
        events: Arc::clone(&store) as _,
        exports: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        health: Arc::clone(&store) as _,
        idempotency: Arc::clone(&store) as _,
        inbox: Arc::clone(&store) as _,
        subscriptions: Arc::clone(&store) as _,
        keys: Arc::clone(&store) as _,
        sessions: Arc::clone(&store) as _,
        access_log: store,
        clock,
        ids: Arc::new(RandomIds),
        kind,
    }
}

/// Who knows people, by these settings. It is not asked yet.
///
/// # Errors
/// When it can't be asked from this machine.
pub(crate) fn identity_provider(
    settings: Option<&ProviderSettings>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn IdentityProvider>>, Failure> {
    let Some(settings) = settings else {
        return Ok(None);
    };
    let provider = OpenIdProvider::new(settings.clone(), Arc::clone(clock)).map_err(failed)?;
    Ok(Some(Arc::new(provider)))
}

/// Checks what can be checked of a store's settings without opening it.
///
/// # Errors
/// When the driver does not take the URL.
pub(crate) fn check(settings: &StoreSettings) -> Result<(), Failure> {
    match &settings.url {
        StoreUrl::Postgres(url) => PostgresStore::connect(url.expose(), 1, Arc::new(SystemClock::new()))
            .map(drop)
            .map_err(|error| Failure::Usage(error.to_string())),
        StoreUrl::Sqlite(_) | StoreUrl::Memory => Ok(()),
    }
}

/// The migrations that the database lacks. Changes nothing.
///
/// # Errors
/// When the database can't be read, or the store has no schema.
pub(crate) async fn pending_migrations(settings: &StoreSettings) -> Result<Vec<String>, Failure> {
    match &settings.url {
        StoreUrl::Sqlite(path) => SqliteStore::pending_migrations(path).await.map_err(failed),
        StoreUrl::Postgres(url) => PostgresStore::connect_to_read(url.expose(), 1, Arc::new(SystemClock::new()))
            .map_err(failed)?
            .pending_migrations()
            .await
            .map_err(failed),
        StoreUrl::Memory => Err(memory_is_not_shared()),
    }
}

/// Runs the migrations that the database lacks, and returns their names.
///
/// # Errors
/// When a migration fails, or the store has no schema.
pub(crate) async fn migrate(settings: &StoreSettings) -> Result<Vec<String>, Failure> {
    match &settings.url {
        StoreUrl::Sqlite(path) => SqliteStore::migrate(path).await.map_err(failed),
        StoreUrl::Postgres(url) => PostgresStore::connect(url.expose(), 1, Arc::new(SystemClock::new()))
            .map_err(failed)?
            .migrate()
            .await
            .map_err(failed),
        StoreUrl::Memory => Err(memory_is_not_shared()),
    }
}

/// The file of a SQLite store.
///
/// # Errors
/// When it is another store.
pub(crate) fn sqlite_file(settings: &StoreSettings) -> Result<&Path, Failure> {
    match &settings.url {
        StoreUrl::Sqlite(path) => Ok(path),
        StoreUrl::Postgres(_) => Err(Failure::Usage(
            "this command is for SQLite; copy a PostgreSQL database with pg_dump, and restore it with pg_restore"
                .to_owned(),
        )),
        StoreUrl::Memory => Err(memory_is_not_shared()),
    }
}

/// Copies the SQLite database to a file, in the place of a copy that was left behind when an earlier copying was cut off.
///
/// # Errors
/// When it is another store, the same copy is being made, or the copying fails.
pub(crate) async fn copy_database(settings: &StoreSettings, copy: &Path) -> Result<Unfinished, Failure> {
    let path = sqlite_file(settings)?;
    must_exist(path)?;
    sqlite::discard_left_behind(copy).await.map_err(failed)?;
    sqlite::copy_database(path, copy).await.map_err(failed)
}

/// Checks that the pages of a copy of a SQLite database belong together.
///
/// # Errors
/// When they do not, or can't be read.
pub(crate) async fn check_copy(copy: &Path) -> Result<(), Failure> {
    sqlite::check_copy(copy).await.map_err(failed)
}

/// Gives a copy of a SQLite database its name.
///
/// # Errors
/// When there is a file of that name, unless it may be replaced.
pub(crate) async fn put_copy(copy: &Path, file: &Path, replace: bool) -> Result<(), Failure> {
    let occupied = if replace { Occupied::Replace } else { Occupied::Keep };
    sqlite::put_in_place(copy, file, occupied)
        .await
        .map(drop)
        .map_err(failed)
}

/// Puts a copy in the place of a SQLite database, and answers where that one is now.
///
/// # Errors
/// When the database is in use.
pub(crate) async fn replace_database(copy: &Path, database: &Path) -> Result<Option<PathBuf>, Failure> {
    sqlite::put_in_place(copy, database, Occupied::MoveAside)
        .await
        .map_err(failed)
}

/// Takes a SQLite file for complete though its log is missing; answers whether it was.
///
/// # Errors
/// When it is another store, or the file can't be opened.
pub(crate) async fn give_up_log(settings: &StoreSettings) -> Result<bool, Failure> {
    SqliteStore::give_up_log(sqlite_file(settings)?).await.map_err(failed)
}

/// Checks that the database exists. Opening a missing one to read would create an empty file and report on nothing.
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

fn memory_is_not_shared() -> Failure {
    Failure::Usage(
        "memory: keeps its data in the process of the service, so this command can't reach it; \
         name a database with --store, or a running service with `earmark import --to URL`"
            .to_owned(),
    )
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}
