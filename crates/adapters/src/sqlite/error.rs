//! What SQLite answers, in the words of the port.

use std::path::PathBuf;

use diesel::result::{DatabaseErrorKind, Error};
use earmark_application::StoreError;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A path that SQLite can't be given.
    #[error("the path {} is not UTF-8", .0.display())]
    Path(PathBuf),
    /// A store without readers could answer no question.
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
    /// The file system does not allow the write-ahead log, without which readers and the writer would block each other.
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
    /// The program could not see it through: no thread could be started, or the runtime is shutting down.
    #[error("opening the SQLite database was cut short: {0}")]
    CutShort(String),
    /// The schema is older than this program, which was told not to touch it.
    #[error("the database schema is not up to date (missing: {}); run `earmark migrate`", .0.join(", "))]
    Pending(Vec<String>),
    /// The schema is newer than this program.
    #[error(
        "the database schema is newer than this program (unknown: {}); run the earmark that brought it there, or a later one",
        .0.join(", ")
    )]
    Newer(Vec<String>),
    /// A migration failed; it has been rolled back.
    #[error("bringing the database schema up to date failed: {0}")]
    Migration(String),
}

/// Tells an error of a statement apart by what the caller can do about it.
pub(super) fn store_error(error: Error) -> StoreError {
    match error {
        Error::DatabaseError(kind, information) => database_error(kind, information.message()),
        Error::DeserializationError(why) => StoreError::Corrupt(format!("a row can't be read: {why}")),
        other => StoreError::Unavailable(other.to_string()),
    }
}

fn database_error(kind: DatabaseErrorKind, placing_event: &str) -> StoreError {
    // The driver hands out no code for what follows, only SQLite's words, which are the same in every language.
    const BROKEN: [&str; 2] = ["database disk image is malformed", "file is not a database"];
    match kind {
        // Somebody else stored the same key first.
        DatabaseErrorKind::UniqueViolation => StoreError::Conflict,
        DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::NotNullViolation => StoreError::Corrupt(placing_event.to_owned()),
        // The words of the schema's own triggers.
        _ if placing_event.contains(" refuses ") => StoreError::Corrupt(placing_event.to_owned()),
        _ if BROKEN.contains(&placing_event) => StoreError::Corrupt(placing_event.to_owned()),
        // What remains is trouble around the file: another program holds it, the disk is full or fails.
        _ => StoreError::Unavailable(placing_event.to_owned()),
    }
}

/// Counts the rows of a conditional write: another number means that the rows are not as they were read.
pub(super) fn expect_rows(wanted: usize, written: usize) -> Result<(), StoreError> {
    if written == wanted {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}
