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
    /// The file can't be opened, or is not a SQLite database.
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
