//! What a server must be, so that the service can work on it: looked at in each session that begins.

use diesel::sql_types::{Bool, Integer, Text};

use super::error::{OpenError, StatementError, StatementResult};
use super::session::Session;
use super::statement::statement;

/// What sessions are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To read alone. Any server will do, and none is written to.
    Read,
    /// To read and write.
    Write,
}

impl Access {
    /// The settings that it takes.
    pub(super) const fn settings(self) -> &'static str {
        match self {
            Self::Read => "SET default_transaction_read_only = on",
            Self::Write => "",
        }
    }
}

/// Checks that the service can work in this session at all.
///
/// # Errors
/// [`OpenError::Unusable`] with the reason, and those of the connection.
pub(super) async fn check(session: &Session, access: Access) -> Result<(), OpenError> {
    const FACTS: &str = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', \
         current_setting('server_encoding'), current_setting('session_replication_role')";
    let facts: Vec<(bool, bool, String, String)> = statement::<(Bool, Bool, Text, Text)>(FACTS)
        .rows(session)
        .await
        .map_err(OpenError::of)?;
    let Some((in_recovery, read_only, encoding, role)) = facts.into_iter().next() else {
        return Err(OpenError::Unreachable("the server does not say what it is".to_owned()));
    };
    let writes = access == Access::Write;
    let reason = if encoding != "UTF8" {
        format!(
            "its encoding is {encoding}; names and searches need UTF8: \
             create another one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    } else if writes && in_recovery {
        "it is a standby; name the primary in the URL, or all hosts, separated by commas".to_owned()
    } else if writes && read_only {
        "its transactions are read-only; set default_transaction_read_only to off for this user and database".to_owned()
    } else if writes && role != "origin" {
        format!(
            "session_replication_role is {role}, which switches the triggers off that keep the balances; \
             set it to origin for this user and database"
        )
    } else {
        return Ok(());
    };
    Err(OpenError::Unusable(reason))
}

/// Whether the server still takes what is written: a primary that was made read-only keeps its sessions.
///
/// # Errors
/// Those of the connection. A session with a server that takes nothing has ended.
pub(super) async fn check_writable(session: &Session) -> StatementResult<()> {
    const WRITABLE: &str = "SELECT current_setting('transaction_read_only') = 'off'";
    let writable: Vec<bool> = statement::<Bool>(WRITABLE).rows(session).await?;
    if writable == [true] {
        return Ok(());
    }
    session.give_up();
    Err(StatementError::read_only())
}

/// The process that serves a session. If it is not the one that the session was told of, something that pools
/// connections stands between this program and the server.
///
/// # Errors
/// Those of the connection.
pub(super) async fn backend(session: &Session) -> StatementResult<i32> {
    let found: Vec<i32> = statement::<Integer>("SELECT pg_backend_pid()").rows(session).await?;
    Ok(found.into_iter().next().unwrap_or_default())
}
