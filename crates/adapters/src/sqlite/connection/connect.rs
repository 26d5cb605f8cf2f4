//! Connections to the file: where it is, and how they are set.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, RunQueryDsl, SqliteConnection};

use super::super::builder::contains_in_any_case_utils;
use super::super::error::OpenError;
use super::super::file::{
    APPLICATION_ID, DatabaseStart, FileConnection, FileGuard, bind, check_log, check_writable, create, hold,
    log_index_of, log_of,
};
use super::super::statement::statement;

/// How long a statement waits for another program that has the file locked, in milliseconds: an import beside a running
/// service commits many times in that. After that the caller gets "unavailable".
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// The settings of every connection. `FULL`: a commit is on the disk before it is answered.
const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";

/// More settings of the writer. Its page cache (32 MiB) holds the hot end of the tables and indexes; twice as much would be
/// half of what the service may take, and the system's own cache is behind it. No commit runs a checkpoint, which is another
/// thread's work (`checkpoint`); a log that a long read let grow beyond its bound is cut to it (128 MiB) when it restarts.
/// What it takes to undo a statement of many rows stays in memory: it is some hundred pages, and would otherwise be written
/// to a file each time.
const WRITER_SETTINGS: &str = "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 0; \
     PRAGMA journal_size_limit = 134217728; PRAGMA temp_store = MEMORY";

/// More settings of the readers. Their page caches (8 MiB) stand in front of the system's own.
const READER_SETTINGS: &str = "PRAGMA cache_size = -8192; PRAGMA query_only = ON";

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) enum Purpose {
    /// To be read only.
    Read,
    /// To be written.
    Write,
}

/// Where the file is.
#[derive(Debug, Clone)]
pub(in crate::sqlite) struct Address {
    path: PathBuf,
    /// Whether the index of the log is made in memory: there is none, and none can be made. So no other program has the
    /// file open, and no lock is needed.
    index_in_memory: bool,
}

impl Address {
    pub(in crate::sqlite) fn new(path: &Path) -> Result<Self, OpenError> {
        if path.to_str().is_none() {
            return Err(OpenError::Path(path.to_owned()));
        }
        let path = std::path::absolute(path).map_err(|why| unreachable(path, &why))?;
        Ok(Self {
            path,
            index_in_memory: false,
        })
    }

    /// The same file, to be read. Where nothing can be written, its log may lie there without an index, which SQLite would
    /// make: a copy on another medium is so.
    pub(in crate::sqlite) fn to_read(&self) -> Self {
        Self {
            path: self.path.clone(),
            index_in_memory: check_writable(&self.path).is_err()
                && log_of(&self.path).exists()
                && !log_index_of(&self.path).exists(),
        }
    }

    /// Whether another program has opened the file since it was found that none has.
    pub(super) fn was_opened_meanwhile(&self) -> bool {
        self.index_in_memory && log_index_of(&self.path).exists()
    }

    /// Whether there is a file at all.
    pub(in crate::sqlite) fn exists(&self) -> bool {
        self.path.exists()
    }

    pub(in crate::sqlite) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::sqlite) fn as_str(&self) -> &str {
        self.path.to_str().expect("the path was checked to be UTF-8")
    }

    /// Checks that the file, if there is one, is a database of Earmark that lies beside its own log, and that it can be
    /// used for a purpose. Answers whether it has a log.
    pub(in crate::sqlite) fn inspect(&self, purpose: Purpose) -> Result<bool, OpenError> {
        let diagnose = |why: io::Error| diagnose(&self.path, purpose, &why);
        if purpose == Purpose::Write {
            check_writable(&self.path).map_err(diagnose)?;
        }
        if self.path.is_dir() {
            return Err(OpenError::IsFolder(self.path.clone()));
        }
        if !self.path.try_exists().map_err(diagnose)? {
            return Ok(false);
        }
        let file = hold(&self.path).map_err(diagnose)?;
        let start = DatabaseStart::read(&file).map_err(diagnose)?;
        let has_log = match start {
            DatabaseStart::Empty => false,
            DatabaseStart::Foreign => return Err(OpenError::NotADatabase(self.path.clone())),
            DatabaseStart::Header(header) => {
                if header.schema_version != 0 && header.application_id != APPLICATION_ID {
                    return Err(OpenError::NotOurs(self.path.clone()));
                }
                header.has_log
            }
        };
        check_log(&self.path, &file)?;
        Ok(has_log)
    }

    /// A connection that writes, with a write-ahead log. Makes the file if it is not there.
    pub(in crate::sqlite) fn open_writer(&self) -> Result<FileConnection, OpenError> {
        let made = create(&self.path).map_err(|why| diagnose(&self.path, Purpose::Write, &why))?;
        let connection = self.open_writer_again();
        // It must not be closed before the connection holds it.
        drop(made);
        connection
    }

    /// The same, on a file that is there.
    pub(in crate::sqlite) fn open_writer_again(&self) -> Result<FileConnection, OpenError> {
        let mut connection = self.open_plain()?;
        let unreachable = |why| unreachable(&self.path, &why);
        // By hand, as every PRAGMA: the builder has none.
        let mode = |connection: &mut SqliteConnection, pragma| statement::<Text>(pragma).get_result(connection);
        let before: String = mode(&mut connection, "PRAGMA journal_mode").map_err(unreachable)?;
        if before != "wal" {
            // The log that begins now is another than the one that the file was bound to.
            connection
                .batch_execute("PRAGMA synchronous = FULL; PRAGMA user_version = 0")
                .map_err(unreachable)?;
        }
        let mode: String = mode(&mut connection, "PRAGMA journal_mode = WAL").map_err(unreachable)?;
        if mode != "wal" {
            return Err(OpenError::NoWriteAheadLog {
                path: self.path.clone(),
                mode,
            });
        }
        connection
            .batch_execute(SETTINGS)
            .and_then(|()| connection.batch_execute(WRITER_SETTINGS))
            .map_err(unreachable)?;
        Ok(connection)
    }

    /// Binds the file to its log, and begins to guard both.
    pub(in crate::sqlite) fn guard(&self, connection: &mut FileConnection) -> Result<Arc<FileGuard>, OpenError> {
        let file = Arc::clone(connection.file());
        bind(connection, &self.path, &file)?;
        connection.unbind_at_the_end();
        Ok(Arc::new(FileGuard::new(&self.path, &file, connection)?))
    }

    /// The file, which exists, to be kept as long as a connection to it.
    pub(super) fn hold(&self) -> Result<Arc<File>, OpenError> {
        hold(&self.path).map_err(|why| diagnose(&self.path, Purpose::Read, &why))
    }

    /// A connection that reads.
    pub(in crate::sqlite) fn open_reader(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.establish()?;
        connection
            .batch_execute(SETTINGS)
            .and_then(|()| connection.batch_execute(READER_SETTINGS))
            .and_then(|()| {
                contains_in_any_case_utils::register_impl(&mut connection, |text: String, folded: String| {
                    text.to_lowercase().contains(&folded)
                })
            })
            .map_err(|why| unreachable(&self.path, &why))?;
        Ok(connection)
    }

    /// A connection that leaves the file as it is.
    pub(in crate::sqlite) fn open_plain(&self) -> Result<FileConnection, OpenError> {
        let file = self.hold()?;
        Ok(FileConnection::new(self.establish()?, self.path.clone(), file))
    }

    /// A connection to the file, which is not created.
    fn establish(&self) -> Result<SqliteConnection, OpenError> {
        let diagnose = |why: &dyn std::fmt::Display| diagnose_connection(&self.path, why);
        let mut connection = SqliteConnection::establish(&self.uri()).map_err(|why| diagnose(&why))?;
        if self.index_in_memory {
            // The connection shares its log with no other: so SQLite keeps the index to itself.
            connection
                .batch_execute("PRAGMA locking_mode = EXCLUSIVE")
                .map_err(|why| diagnose(&why))?;
        }
        connection.batch_execute(BUSY_TIMEOUT).map_err(|why| diagnose(&why))?;
        // SQLite looks at the file with the first question.
        statement::<BigInt>("PRAGMA schema_version")
            .get_result::<i64>(&mut connection)
            .map_err(|why| diagnose(&why))?;
        Ok(connection)
    }

    /// The path as a URI for SQLite, which would create a file that is only named.
    fn uri(&self) -> String {
        let escaped = self
            .as_str()
            .replace('%', "%25")
            .replace('?', "%3f")
            .replace('#', "%23");
        match self.index_in_memory {
            // It could lock nothing exclusively on a file that it can't write.
            true => format!("file:{escaped}?mode=ro&vfs=unix-none"),
            false => format!("file:{escaped}?mode=rw"),
        }
    }
}

/// Why the system does not let a file be used.
fn diagnose(path: &Path, purpose: Purpose, why: &io::Error) -> OpenError {
    let folder_is_missing = path.parent().is_some_and(|folder| !folder.is_dir());
    match why.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory if folder_is_missing => OpenError::NoFolder(path.to_owned()),
        ErrorKind::IsADirectory => OpenError::IsFolder(path.to_owned()),
        ErrorKind::ReadOnlyFilesystem if purpose == Purpose::Write => OpenError::ReadOnly(path.to_owned()),
        ErrorKind::PermissionDenied => OpenError::NoRight {
            path: path.to_owned(),
            why: why.to_string(),
        },
        _ => unreachable(path, why),
    }
}

/// Why SQLite can't open or read a file, which is there.
fn diagnose_connection(path: &Path, why: &dyn std::fmt::Display) -> OpenError {
    let log_is_there = log_of(path).metadata().is_ok_and(|log| log.len() > 0);
    match check_writable(path) {
        Err(_) if log_is_there => OpenError::LogUnreadable {
            path: path.to_owned(),
            why: why.to_string(),
        },
        Err(system) if system.kind() != ErrorKind::ReadOnlyFilesystem => diagnose(path, Purpose::Read, &system),
        _ => unreachable(path, why),
    }
}

fn unreachable(path: &Path, why: &(impl std::fmt::Display + ?Sized)) -> OpenError {
    OpenError::Unreachable {
        path: path.to_owned(),
        why: why.to_string(),
    }
}
