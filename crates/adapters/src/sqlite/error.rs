//! SQLite's errors as the errors of the ports.

use std::path::PathBuf;

use diesel::result::{DatabaseErrorKind, Error};
use earmark_application::StoreError;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite takes UTF-8 paths only.
    #[error("the path {} is not UTF-8", .0.display())]
    Path(PathBuf),
    /// A store without readers can't answer any query.
    #[error("a SQLite store needs at least one reader")]
    NoReaders,
    /// The folder of the file is missing.
    #[error("the folder of the SQLite database {} is missing", .0.display())]
    NoFolder(PathBuf),
    /// The path leads to a folder.
    #[error("{} is a folder; name the file of a SQLite database", .0.display())]
    IsFolder(PathBuf),
    /// The file or its folder can't be read, written or made.
    #[error(
        "the SQLite database {} can't be used by this user: {why}; it takes the right to read and write the file, and \
         to make files in its folder",
        .path.display()
    )]
    NoRight {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The file lies on a file system that can't be written.
    #[error("the SQLite database {} is on a read-only file system", .0.display())]
    ReadOnly(PathBuf),
    /// The file is not a SQLite database.
    #[error("{} is not a database of SQLite", .0.display())]
    NotADatabase(PathBuf),
    /// The file is a SQLite database of another program.
    #[error("the SQLite database {} is not Earmark's: another program made its tables", .0.display())]
    NotOurs(PathBuf),
    /// The file was in use with a log, which is not beside it.
    #[error(
        "the SQLite database {path} is incomplete: the log that it was used with, {path}-wal, is not beside it; put the \
         log there or restore a backup. Copy a database with `earmark backup`, not with `cp`. If the log is lost for \
         good, `earmark migrate --without-log` goes on without the commits in it",
        path = .0.display()
    )]
    LogMissing(PathBuf),
    /// The log beside the file is of another file, or of the same file at another time.
    #[error(
        "the log {path}-wal does not belong to the SQLite database {path} as it is; put the right log there, or \
         restore a backup. If there is none, move the log away",
        path = .0.display()
    )]
    ForeignLog(PathBuf),
    /// The file's log can't be read where nothing can be written.
    #[error(
        "the SQLite database {} has commits in its log, which can't be read where nothing can be written: {why}; copy \
         the database and its log to another folder",
        .path.display()
    )]
    LogUnreadable {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// The file can't be opened for another reason.
    #[error("the SQLite database {} can't be opened: {why}", .path.display())]
    Unreachable {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// The file system does not allow a write-ahead log, without which readers and the writer block each other.
    #[error(
        "the SQLite database {} can't keep a write-ahead log (journal mode is {mode}); put it on a local disk",
        .path.display()
    )]
    NoWriteAheadLog {
        /// Which file.
        path: PathBuf,
        /// The journal mode that SQLite chose instead.
        mode: String,
    },
    /// Opening was interrupted: no thread could be started, or the runtime is shutting down.
    #[error("opening the SQLite database was cut short: {0}")]
    CutShort(String),
    /// The schema is older than this program, and the caller does not allow a migration.
    #[error("the database schema is not up to date (missing: {}); run `earmark migrate`", .0.join(", "))]
    Pending(Vec<String>),
    /// The schema is newer than this program.
    #[error(
        "the database schema is newer than this program (unknown: {}); run the earmark that brought it \
         there, or a later one",
        .0.join(", ")
    )]
    Newer(Vec<String>),
    /// A migration failed; it has been rolled back.
    #[error("bringing the database schema up to date failed: {0}")]
    Migration(String),
}

/// Classifies the error of a statement by what the caller can do about it.
pub(super) fn store_error(error: Error) -> StoreError {
    match error {
        Error::DatabaseError(kind, information) => database_error(kind, information.message()),
        Error::DeserializationError(why) => StoreError::Corrupt(format!("a row can't be read: {why}")),
        other => StoreError::Unavailable(other.to_string()),
    }
}

fn database_error(kind: DatabaseErrorKind, message: &str) -> StoreError {
    // For these the driver has no code, only SQLite's message, which is the same in every language.
    const BROKEN: [&str; 2] = ["database disk image is malformed", "file is not a database"];
    match kind {
        // Another transaction stored the same key first.
        DatabaseErrorKind::UniqueViolation => StoreError::Conflict,
        DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::NotNullViolation => StoreError::Corrupt(message.to_owned()),
        // A message of the schema's own triggers.
        _ if message.contains(" refuses ") => StoreError::Corrupt(message.to_owned()),
        _ if BROKEN.contains(&message) => StoreError::Corrupt(message.to_owned()),
        // The rest is about the file: another program has it locked, the disk is full or fails.
        _ => StoreError::Unavailable(message.to_owned()),
    }
}

/// Checks the number of rows that a conditional write wrote: another number means that the rows have changed since they
/// were read.
pub(super) fn expect_rows(expected: usize, written: usize) -> Result<(), StoreError> {
    if written == expected {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}
