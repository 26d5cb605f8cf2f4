//! What PostgreSQL answers, in the words of the port.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};
use earmark_application::StoreError;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of PostgreSQL.
    #[error("the PostgreSQL URL is wrong: {0}; it reads like postgres://user:password@host:5432/database")]
    Url(String),
    /// A store without connections could answer nobody.
    #[error("a PostgreSQL store needs at least one connection")]
    NoConnections,
    /// The database does not answer.
    #[error("the PostgreSQL database can't be reached: {0}")]
    Unreachable(String),
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
        Error::DatabaseError(kind, information) => database_error(kind, information.as_ref()),
        Error::DeserializationError(why) => StoreError::Corrupt(format!("a row can't be read: {why}")),
        other => StoreError::Unavailable(other.to_string()),
    }
}

fn database_error(kind: DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> StoreError {
    match kind {
        // Somebody else stored the same key first, or the database could not put two transactions in an order.
        DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::SerializationFailure => StoreError::Conflict,
        DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::RestrictViolation
        | DatabaseErrorKind::NotNullViolation => StoreError::Corrupt(placing_event(information)),
        // The driver hands out no code for a deadlock, only the server's words. A server that speaks another language
        // makes it "unavailable": the command may be sent again then too.
        DatabaseErrorKind::Unknown if information.message() == "deadlock detected" => StoreError::Conflict,
        // What remains is the server's own trouble: it shuts down, lacks memory or space, was told to cancel.
        _ => StoreError::Unavailable(placing_event(information)),
    }
}

/// The server's message with where it happened.
fn placing_event(information: &dyn DatabaseErrorInformation) -> String {
    let mut placing_event = information.message().to_owned();
    if let Some(table) = information.table_name() {
        placing_event.push_str(" (table ");
        placing_event.push_str(table);
        placing_event.push(')');
    }
    if let Some(details) = information.details() {
        placing_event.push_str(": ");
        placing_event.push_str(details);
    }
    placing_event
}

/// Counts the rows of a conditional write: another number means that the rows are not as they were read.
pub(super) fn expect_rows(written: usize, expected: usize) -> Result<(), StoreError> {
    if written == expected {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}
