//! Connections to the file: where it is, and how they are set.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, RunQueryDsl, SqliteConnection, declare_sql_function};

use super::error::OpenError;
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

#[declare_sql_function]
extern "SQL" {
    /// Whether a text contains another in any case, whatever the script. `folded` is in lower case already.
    fn contains_in_any_case(text: Text, folded: Text) -> diesel::sql_types::Bool;
}

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

    /// A connection for one who asks.
    pub(super) fn open_reader(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.open_plain()?;
        connection
            .batch_execute(SETTINGS)
            .and_then(|()| connection.batch_execute(READER_SETTINGS))
            .and_then(|()| {
                contains_in_any_case_utils::register_impl(&mut connection, |text: String, folded: String| {
                    text.to_lowercase().contains(&folded)
                })
            })
            .map_err(|why| unreachable(&self.0, why))?;
        Ok(connection)
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
