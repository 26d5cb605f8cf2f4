//! Connections to the file: how they are set, and the readers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Error as AcquireError, Pool};
use diesel::result::QueryResult;
use diesel::sql_types::Text;
use diesel::{Connection, RunQueryDsl, SqliteConnection, declare_sql_function};
use earmark_application::StoreError;
use tokio::sync::Semaphore;

use super::error::{OpenError, store_error};
use super::flush::hold;
use super::statement::statement;

/// How long a statement waits for another program that holds the file, in milliseconds: an import beside a running
/// service commits many times in that. Longer is an honest "unavailable".
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// What every connection is set to. `FULL`: a commit is on the disk before it is answered.
const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";

/// What the writer is set to besides. Its page cache (64 MiB) holds the hot end of the tables and indexes; no commit
/// puts the log into the file, which is another thread's work (`log`); a log that a long reader let grow beyond its
/// bound is cut to that (128 MiB) when it begins anew. What a statement of many rows needs to be undone alone stays in
/// memory: it is some hundred pages, and would otherwise be written to a file each time.
const WRITER_SETTINGS: &str = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 0; \
     PRAGMA journal_size_limit = 134217728; PRAGMA temp_store = MEMORY";

/// What readers are set to besides. Their page caches (8 MiB) stand in front of the system's own.
const READER_SETTINGS: &str = "PRAGMA cache_size = -8192; PRAGMA query_only = ON";

/// How long a reader is waited for. None is ever waited for, as no more ask than there are; this is where the opening
/// of a connection in place of a broken one ends.
const READER_WAIT: Duration = Duration::from_secs(10);

/// Where the file is.
#[derive(Debug, Clone)]
pub(super) struct Address(PathBuf);

impl Address {
    pub(super) fn new(path: &Path) -> Result<Self, OpenError> {
        if path.to_str().is_none() {
            return Err(OpenError::Path(path.to_owned()));
        }
        // SQLite would take a relative path for something else when it begins with "file:", or is ":memory:".
        Ok(Self(match std::path::absolute(path) {
            Ok(absolute) => absolute,
            Err(why) => return Err(unreachable(path, why)),
        }))
    }

    /// Whether there is a file at all.
    pub(super) fn exists(&self) -> bool {
        self.0.exists()
    }

    fn as_str(&self) -> &str {
        self.0.to_str().expect("the path was checked to be UTF-8")
    }

    /// A connection for the one who writes, with the write-ahead log in force.
    pub(super) fn open_writer(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.open_plain()?;
        let mode: String = statement::<Text>("PRAGMA journal_mode = WAL")
            .get_result(&mut connection)
            .map_err(|why| unreachable(&self.0, why))?;
        if mode != "wal" {
            return Err(OpenError::NoWriteAheadLog {
                path: self.0.clone(),
                mode,
            });
        }
        connection
            .batch_execute(SETTINGS)
            .and_then(|()| connection.batch_execute(WRITER_SETTINGS))
            .map_err(|why| unreachable(&self.0, why))?;
        Ok(connection)
    }

    /// The file, which is there, to have it written to the disk.
    pub(super) fn hold(&self) -> Result<Arc<File>, OpenError> {
        hold(&self.0).map_err(|why| unreachable(&self.0, why))
    }

    /// A connection that has changed nothing yet.
    pub(super) fn open_plain(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = SqliteConnection::establish(self.as_str()).map_err(|why| unreachable(&self.0, why))?;
        connection
            .batch_execute(BUSY_TIMEOUT)
            .map_err(|why| unreachable(&self.0, why))?;
        Ok(connection)
    }
}

fn unreachable(path: &Path, why: impl std::fmt::Display) -> OpenError {
    OpenError::Unreachable {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

#[declare_sql_function]
extern "SQL" {
    /// Whether a text contains another in any case, whatever the script. `folded` is in lower case already.
    fn contains_in_any_case(text: Text, folded: Text) -> diesel::sql_types::Bool;
}

/// The connections that answer questions, a bounded number of them.
#[derive(Clone)]
pub(super) struct Readers {
    pool: Pool<ConnectionManager<SqliteConnection>>,
    /// As many permits as there are connections: those who wait do so without a thread.
    free: Arc<Semaphore>,
    /// Not to be closed before the connections are.
    file: Arc<File>,
}

impl Readers {
    /// Opens them.
    pub(super) fn open(address: &Address, readers: usize) -> Result<Self, OpenError> {
        let size = u32::try_from(readers).unwrap_or(u32::MAX);
        let pool = Pool::builder()
            .max_size(size)
            .connection_timeout(READER_WAIT)
            // A connection to a file doesn't die of age or idleness, and asking it whether it lives tells nothing.
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(false)
            .connection_customizer(Box::new(ReaderSettings))
            .build(ConnectionManager::new(address.as_str()))
            .map_err(|why| unreachable(&address.0, why))?;
        Ok(Self {
            pool,
            free: Arc::new(Semaphore::new(readers)),
            file: address.hold()?,
        })
    }

    /// Asks a question on a thread that may block. It is asked to its end even when the caller goes away.
    pub(super) async fn ask<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let gone = |_| StoreError::Unavailable("the store is closed".to_owned());
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(gone)?;
        let (pool, file) = (self.pool.clone(), Arc::clone(&self.file));
        let asked = tokio::task::spawn_blocking(move || {
            let answer = match pool.get() {
                Ok(mut connection) => question(&mut connection),
                Err(why) => Err(StoreError::Unavailable(why.to_string())),
            };
            drop(permit);
            drop((pool, file));
            answer
        });
        match asked.await {
            Ok(answer) => answer,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(StoreError::Unavailable("the runtime is shutting down".to_owned())),
            },
        }
    }

    /// Asks a question of several statements: all of them see one state.
    pub(super) async fn ask_in_one_snapshot<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        self.ask(|connection| {
            let mut answer = Err(StoreError::Unavailable("nothing was asked".to_owned()));
            connection
                .transaction(|connection| {
                    answer = question(connection);
                    QueryResult::Ok(())
                })
                .map_err(store_error)?;
            answer
        })
        .await
    }
}

#[derive(Debug)]
struct ReaderSettings;

impl CustomizeConnection<SqliteConnection, AcquireError> for ReaderSettings {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), AcquireError> {
        [BUSY_TIMEOUT, SETTINGS, READER_SETTINGS]
            .into_iter()
            .try_for_each(|settings| connection.batch_execute(settings))
            .and_then(|()| {
                contains_in_any_case_utils::register_impl(connection, |text: String, folded: String| {
                    text.to_lowercase().contains(&folded)
                })
            })
            .map_err(AcquireError::QueryError)
    }
}
