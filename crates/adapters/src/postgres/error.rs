//! PostgreSQL's errors as the errors of the ports.
//!
//! One table, [`Fault::of`], says what an SQLSTATE means: whether the command may be decided again, whether a lock was
//! not given, whether the connection is over, whether the trouble passes, or whether it is the statement's own. What
//! the table does not know is the statement's own fault: "send it again" would be wrong advice, for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};
use earmark_application::StoreError;
use tokio_postgres::error::SqlState;

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
    /// The database answers, and the service can't work on it. The sentence says why, and what to do.
    #[error("the PostgreSQL database can't be used: {0}")]
    Unusable(String),
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

impl OpenError {
    /// Why a statement failed without which no session can begin.
    pub(super) fn of(error: StatementError) -> Self {
        if error.is_of_another_session() {
            Self::pooled(&error)
        } else {
            Self::Unreachable(error.message)
        }
    }

    /// A statement has shown that transactions of one session are served by several sessions of the server.
    pub(super) fn pooled(why: &impl std::fmt::Display) -> Self {
        Self::Unusable(format!(
            "connections are pooled by the transaction ({why}), and the service keeps statements and settings in its \
             sessions; name the server itself in the URL, or let the pooler pool by the session (pool_mode = session)"
        ))
    }
}

/// What an error means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another transaction was first: decide again. Nothing was stored.
    Conflict,
    /// A lock was not given in time. Nothing was stored.
    LockNotGiven,
    /// The connection is over. Whether a commit in flight was stored is not known; the tables tell.
    Lost,
    /// There was no answer in time, or one with a reserve. Whether a commit in flight was stored is not known. The
    /// connection is over, and to go on would take as long again.
    NoAnswer,
    /// The server can't do it now: no space, no memory, cancelled. Nothing was stored, and it may work later.
    Passing,
    /// The stored state can't be true.
    Corrupt,
    /// The statement fails, however often it is sent. Nothing was stored.
    Statement,
}

impl Fault {
    /// What an SQLSTATE means: the table. Single states come before their class, which is the first two characters.
    pub(super) fn of(state: &SqlState) -> Self {
        let code = state.code();
        match code {
            // unique_violation: another stored the same key first.
            "23505" => return Self::Conflict,
            "55P03" => return Self::LockNotGiven,
            // statement_completion_unknown
            "40003" => return Self::Lost,
            // read_only_sql_transaction: the server was a primary, and is none any more.
            "25006" => return Self::Lost,
            // idle_in_transaction_session_timeout, transaction_timeout: the server ends the session with it.
            "25P03" | "25P04" => return Self::Lost,
            // in_failed_sql_transaction: an earlier statement of the flight has failed.
            "25P02" => return Self::Passing,
            // query_canceled: by `statement_timeout`, or by someone.
            "57014" => return Self::Passing,
            // object_in_use: a database that is being dropped or copied.
            "55006" => return Self::Passing,
            _ if OF_ANOTHER_SESSION.contains(&code) => return Self::Lost,
            // data_corrupted, index_corrupted
            "XX001" | "XX002" => return Self::Corrupt,
            _ => {}
        }
        match code.get(..2).unwrap_or_default() {
            // transaction_rollback: serialization_failure, deadlock_detected
            "40" => Self::Conflict,
            // connection_exception; operator_intervention: a shutdown, a crash, a start, a database that was dropped
            "08" | "57" => Self::Lost,
            // invalid_authorization; invalid_catalog_name
            "28" | "3D" => Self::Lost,
            // integrity_constraint_violation
            "23" => Self::Corrupt,
            // insufficient_resources; system_error
            "53" | "58" => Self::Passing,
            _ => Self::Statement,
        }
    }

    /// What Diesel's kind of error means, where the SQLSTATE is not known.
    const fn of_kind(kind: &DatabaseErrorKind) -> Self {
        match kind {
            DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::SerializationFailure => Self::Conflict,
            DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::ExclusionViolation
            | DatabaseErrorKind::NotNullViolation => Self::Corrupt,
            DatabaseErrorKind::ReadOnlyTransaction | DatabaseErrorKind::ClosedConnection => Self::Lost,
            _ => Self::Statement,
        }
    }
}

/// A prepared statement that vanished or exists already: something between has changed the session.
const OF_ANOTHER_SESSION: [&str; 2] = ["26000", "42P05"];

/// What a statement comes to.
pub(super) type StatementResult<T> = Result<T, StatementError>;

/// Why a statement failed.
#[derive(Debug, Clone)]
pub(super) struct StatementError {
    fault: Fault,
    state: Option<SqlState>,
    message: String,
}

impl StatementError {
    /// An error of the driver. `state_of` finds the SQLSTATE of the server's error with a message.
    pub(super) fn of(error: Error, state_of: impl FnOnce(&str) -> Option<SqlState>, is_closed: bool) -> Self {
        match error {
            // So the driver reports whatever did not come from the server: a connection that is lost, or a statement
            // that can't be sent at all.
            Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, why) => {
                let fault = if is_closed { Fault::Lost } else { Fault::Statement };
                Self::new(fault, why.message().to_owned())
            }
            Error::DatabaseError(kind, information) => {
                let state = state_of(information.message());
                let fault = state.as_ref().map_or_else(|| Fault::of_kind(&kind), Fault::of);
                let message = message(information.as_ref(), state.as_ref());
                Self { fault, state, message }
            }
            Error::DeserializationError(why) => Self::new(Fault::Corrupt, format!("a row can't be read: {why}")),
            other => Self::new(Fault::Statement, other.to_string()),
        }
    }

    /// There was no answer in this time.
    pub(super) fn no_answer(time: Duration) -> Self {
        Self::new(Fault::NoAnswer, format!("no answer within {} ms", time.as_millis()))
    }

    /// The server has stored a commit with a reserve.
    pub(super) fn not_acknowledged() -> Self {
        Self::new(
            Fault::NoAnswer,
            "the server warned at the commit: it may not be on the standby".to_owned(),
        )
    }

    /// The server was a primary, and takes nothing any more.
    pub(super) fn read_only() -> Self {
        Self::new(
            Fault::Lost,
            "the server's transactions have become read-only".to_owned(),
        )
    }

    /// Another number of rows than expected was written.
    pub(super) const fn stale() -> Self {
        Self::new(Fault::Conflict, String::new())
    }

    const fn new(fault: Fault, message: String) -> Self {
        Self {
            fault,
            state: None,
            message,
        }
    }

    /// What it means.
    pub(super) const fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether a key exists that was taken to be new.
    pub(super) fn is_unique_violation(&self) -> bool {
        self.state.as_ref() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether the server's session has not the prepared statements of this one, or has those of another: something
    /// pools connections by the transaction.
    fn is_of_another_session(&self) -> bool {
        let state = self.state.as_ref().map(SqlState::code);
        state.is_some_and(|state| OF_ANOTHER_SESSION.contains(&state))
    }

    /// Whether the connection was lost: a read may be tried on another one.
    pub(super) const fn is_lost(&self) -> bool {
        matches!(self.fault, Fault::Lost)
    }

    /// Whether the session can't be used any more.
    pub(super) fn ends_session(&self) -> bool {
        // feature_not_supported is what a prepared statement answers when a migration has changed its columns: another
        // session prepares it anew.
        self.leaves_outcome_unknown() || self.state.as_ref() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
    }

    /// Whether it is not known what became of the statement.
    pub(super) const fn leaves_outcome_unknown(&self) -> bool {
        matches!(self.fault, Fault::Lost | Fault::NoAnswer)
    }
}

impl std::fmt::Display for StatementError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// The server's message with where it happened.
fn message(information: &dyn DatabaseErrorInformation, state: Option<&SqlState>) -> String {
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
    if let Some(state) = state {
        message.push_str(" (SQLSTATE ");
        message.push_str(state.code());
        message.push(')');
    }
    message
}

/// Maps an error of a statement to what the caller can do about it.
pub(super) fn store_error(error: StatementError) -> StoreError {
    let StatementError { fault, message, .. } = error;
    match fault {
        Fault::Conflict => StoreError::Conflict,
        // By which rows is found out by those who know what was asked for.
        Fault::LockNotGiven => StoreError::Locked(BTreeSet::new()),
        Fault::Lost | Fault::NoAnswer | Fault::Passing => StoreError::Unavailable(message),
        Fault::Corrupt => StoreError::Corrupt(message),
        Fault::Statement => StoreError::Failed(message),
    }
}

/// Checks how many rows a conditional write wrote: another number means that the rows are not as they were read.
pub(super) fn expect_rows(written: usize, expected: usize) -> Result<(), StoreError> {
    if written == expected {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_means_what_the_table_says() {
        let table = [
            (Fault::Conflict, &["40001", "40P01", "23505"][..]),
            (Fault::LockNotGiven, &["55P03"]),
            (
                Fault::Lost,
                &[
                    "08000", "08003", "08006", "08P01", "57P01", "57P02", "57P03", "57P04", "57P05", "25006", "25P03",
                    "25P04", "40003", "26000", "42P05", "28P01", "3D000",
                ],
            ),
            (
                Fault::Passing,
                &["57014", "53100", "53200", "53300", "58030", "25P02", "55006"],
            ),
            (Fault::Corrupt, &["23502", "23503", "23514", "XX001", "XX002"]),
            // What the table does not know.
            (
                Fault::Statement,
                &[
                    "42703", "42P01", "22021", "22P05", "XX000", "P0001", "0A000", "54001", "99999",
                ],
            ),
        ];
        for (fault, states) in table {
            for state in states {
                assert_eq!(Fault::of(&SqlState::from_code(state)), fault, "{state}");
            }
        }
    }

    #[test]
    fn an_error_without_a_state_is_judged_by_its_kind() {
        let error = |kind| Error::DatabaseError(kind, Box::new("a message".to_owned()));
        let fault = |kind, closed| StatementError::of(error(kind), |_| None, closed).fault();
        assert_eq!(fault(DatabaseErrorKind::UniqueViolation, false), Fault::Conflict);
        assert_eq!(fault(DatabaseErrorKind::UnableToSendCommand, true), Fault::Lost);
        // A value that the driver can't encode is no lost connection.
        assert_eq!(fault(DatabaseErrorKind::UnableToSendCommand, false), Fault::Statement);
        assert_eq!(fault(DatabaseErrorKind::Unknown, false), Fault::Statement);
    }
}
