//! The database file and what lies beside it: the log (`-wal`) and the index of the log (`-shm`). SQLite itself trusts
//! whatever lies there (docs/adr/0028).

mod binding;
mod file_connection;
mod guard;
mod header;
mod held_file;
mod log;
mod paths;

pub(super) use self::binding::{bind, bind_to, check_log};
pub(super) use self::file_connection::FileConnection;
pub(super) use self::guard::{Checked, FileGuard};
#[cfg(test)]
pub(super) use self::header::Salts;
pub(super) use self::header::{APPLICATION_ID, DatabaseStart, LogHeader};
pub(super) use self::held_file::{MODE, check_writable, create, hold, origin};
pub(super) use self::log::{LogLength, copy, length};
pub(super) use self::paths::{log_index_of, log_of};
