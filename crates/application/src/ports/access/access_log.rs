//! The log of access decisions: what was refused, and who has changed who may do what, at all instances.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::AccessEntry;
use crate::store_error::StoreError;

/// For how long entries are kept: a quarter of a year, in which whoever looks after the keys has looked.
pub const ACCESS_LOG_DAYS: u16 = 90;

/// How many entries of refusals are kept, however young: some 300 MB. Refusals are what strangers can cause. What was done
/// is kept for all of its time, so that nobody pushes it out by guessing keys.
pub const ACCESS_LOG_REFUSALS: u64 = 1_000_000;

/// The most entries that one step forgets.
pub const ACCESS_LOG_PURGE_BATCH: usize = 1_000;

/// An entry as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Its place in the log. It rises in the order in which entries get into the log, at whatever instance, so that a reader
    /// with a cursor misses none; there may be gaps.
    pub number: u64,
    /// The entry.
    pub entry: AccessEntry,
}

/// The log of access decisions.
#[async_trait]
pub trait AccessLog: Send + Sync {
    /// Writes entries, each with an id of its own; new ones get their numbers in this order. One whose id is there gets the count and the last instant that it has
    /// now, and keeps all else; so writing them again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; all are stored, or none.
    async fn log_access(&self, entries: &[AccessEntry]) -> Result<(), StoreError>;

    /// At most `limit` entries behind a number, ascending.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn access_entries(&self, after: u64, limit: usize) -> Result<Vec<LoggedEntry>, StoreError>;

    /// At most `limit` entries before a number, descending: the newest first. `None`: before every number.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn newest_access_entries(&self, before: Option<u64>, limit: usize) -> Result<Vec<LoggedEntry>, StoreError>;

    /// Forgets entries that ended before an instant, and refusals before the `keep` newest entries: at most
    /// [`ACCESS_LOG_PURGE_BATCH`] of each, those that were written first. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn forget_access_entries(&self, before: Timestamp, keep: u64) -> Result<usize, StoreError>;
}
