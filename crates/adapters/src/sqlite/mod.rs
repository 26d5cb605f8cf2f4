//! The store in a SQLite file: one service on one machine, with nothing to install.
//!
//! One thread owns the one connection that writes (`connection::writer_thread`): transactions run one after the other,
//! whole, whether or not their callers still wait. A few other threads answer queries beside it (`connection::readers`,
//! `read`), each on the state that was stored last. The tables enforce the first rule of stock themselves: see the
//! migration.
//!
//! The file has a write-ahead log, and every commit reaches the disk before it is answered. A further thread copies the
//! log into the file (`connection::checkpoint`). Before a commit is answered, the files are looked at, too: whether they
//! are still there and whole (`file`).
//!
//! The query builder says what it can (`schema`, `rows`, `builder`); SQL by hand is for the rest (`statement`).

mod access_keys;
mod access_log;
mod backup;
mod builder;
mod connection;
mod cursors;
mod epochs;
mod error;
mod file;
mod idempotency;
mod inbox;
mod migrations;
mod ngrams;
mod read;
mod rows;
mod schema;
mod sessions;
mod snapshot;
mod sqlite_store;
mod statement;
mod store;
mod subscriptions;
#[cfg(test)]
mod tests;

pub use self::backup::{
    BackupError, Occupied, Unfinished, check_copy, copy_database, discard_left_behind, put_in_place,
};
pub use self::error::OpenError;
pub use self::sqlite_store::{DEFAULT_READERS, SqliteStore};
