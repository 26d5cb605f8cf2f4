//! Connections to the file: where it is, and how they are set.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, RunQueryDsl, SqliteConnection};

use super::super::builder::contains_in_any_case_utils;
use super::super::error::OpenError;
use super::super::statement::statement;
use super::held_file::hold;

/// How long a statement waits for another program that has the file locked, in milliseconds: an import beside a running
/// service commits many times in that. After that the caller gets "unavailable".
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// The settings of every connection. `FULL`: a commit is on the disk before it is answered.
const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";

/// More settings of the writer. Its page cache (64 MiB) holds the hot end of the tables and indexes. No commit runs a
/// checkpoint, which is another thread's work (`checkpoint`); a log that a long read let grow beyond its bound is cut
/// to it (128 MiB) when it restarts. What it takes to undo a statement of many rows stays in memory: it is some hundred
/// pages, and would otherwise be written to a file each time.
const WRITER_SETTINGS: &str = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 0; \
     PRAGMA journal_size_limit = 134217728; PRAGMA temp_store = MEMORY";

/// More settings of the readers. Their page caches (8 MiB) stand in front of the system's own.
const READER_SETTINGS: &str = "PRAGMA cache_size = -8192; PRAGMA query_only = ON";

/// Where the file is.
#[derive(Debug, Clone)]
pub(in crate::sqlite) struct Address(PathBuf);

impl Address {
    pub(in crate::sqlite) fn new(path: &Path) -> Result<Self, OpenError> {
        if path.to_str().is_none() {
            return Err(OpenError::Path(path.to_owned()));
        }
        // SQLite takes a relative path for something else when it begins with "file:", or is ":memory:".
        Ok(Self(match std::path::absolute(path) {
            Ok(absolute) => absolute,
            Err(why) => return Err(unreachable(path, why)),
        }))
    }

    /// Whether there is a file at all.
    pub(in crate::sqlite) fn exists(&self) -> bool {
        self.0.exists()
    }

    fn as_str(&self) -> &str {
        self.0.to_str().expect("the path was checked to be UTF-8")
    }

    /// A connection that writes, with a write-ahead log.
    pub(in crate::sqlite) fn open_writer(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.open_plain()?;
        // By hand, as every PRAGMA: the builder has none.
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

    /// The file, which exists, to have it written to the disk.
    pub(super) fn hold(&self) -> Result<Arc<File>, OpenError> {
        hold(&self.0).map_err(|why| unreachable(&self.0, why))
    }

    /// A connection that reads.
    pub(in crate::sqlite) fn open_reader(&self) -> Result<SqliteConnection, OpenError> {
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

    /// A connection that leaves the file as it is.
    pub(in crate::sqlite) fn open_plain(&self) -> Result<SqliteConnection, OpenError> {
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
