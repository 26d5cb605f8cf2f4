//! PostgreSQL's errors as the errors of the ports.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};
use earmark_application::StoreError;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of PostgreSQL.
    #[error("the PostgreSQL URL is wrong: {0}; it reads like postgres://user:password@host:5432/database")]
    Url(String),
    /// The store was given no connections.
    #[error("a PostgreSQL store needs at least one connection")]
    NoConnections,
    /// The database does not answer.
    #[error("the PostgreSQL database can't be reached: {0}")]
    Unreachable(String),
    /// The schema is older than this program, which was not allowed to migrate it.
    #[error("the database schema is not up to date (missing: {}); run `earmark migrate`", .0.join(", "))]
    Pending(Vec<String>),
    /// The schema is newer than this program.
    #[error(
        "the database schema is newer than this program (unknown: {}); \
         run the earmark that brought it there, or a later one",
        .0.join(", ")
    )]
    Newer(Vec<String>),
    /// A migration failed, and was rolled back.
    #[error("bringing the database schema up to date failed: {0}")]
    Migration(String),
}

/// Maps an error of a statement to what the caller can do about it.
pub(super) fn store_error(error: Error) -> StoreError {
    match error {
        Error::DatabaseError(kind, information) => database_error(kind, information.as_ref()),
        Error::DeserializationError(why) => StoreError::Corrupt(format!("a row can't be read: {why}")),
        other => StoreError::Unavailable(other.to_string()),
    }
}

fn database_error(kind: DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> StoreError {
    match kind {
        // Another transaction stored the same key first, or the database could not serialize two transactions.
        DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::SerializationFailure => StoreError::Conflict,
        DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::RestrictViolation
        | DatabaseErrorKind::NotNullViolation => StoreError::Corrupt(message(information)),
        // The driver has no error kind for a deadlock, only the server's message. A server with another language makes
        // it `Unavailable`: the command may be sent again then, too.
        DatabaseErrorKind::Unknown if information.message() == "deadlock detected" => StoreError::Conflict,
        // The rest is a fault of the server: it shuts down, lacks memory or space, or cancels.
        _ => StoreError::Unavailable(message(information)),
    }
}

/// The server's message with where it happened.
fn message(information: &dyn DatabaseErrorInformation) -> String {
    let mut message = information.message().to_owned();
    if let Some(table) = information.table_name() {
        message.push_str(" (table ");
        message.push_str(table);
        message.push(')');
    }
    if let Some(details) = information.details() {
        message.push_str(": ");
        message.push_str(details);
    }
    message
}

/// Whether the connection is lost, so that the server never got the statement or has rolled it back.
pub(super) fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
            _
        )
    )
}

/// Checks how many rows a conditional write wrote: another number means that the rows are not as they were read.
pub(super) fn expect_rows(written: usize, expected: usize) -> Result<(), StoreError> {
    if written == expected {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}
