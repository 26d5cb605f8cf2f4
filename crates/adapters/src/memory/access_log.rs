//! The port of the log of access decisions.

use async_trait::async_trait;
use earmark_application::{AccessEntry, AccessLog, LoggedEntry, StoreError};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl AccessLog for MemoryStore {
    async fn log_access(&self, entries: &[AccessEntry]) -> Result<(), StoreError> {
        let mut table = self.access_log_table()?;
        entries.iter().for_each(|entry| table.write(entry));
        Ok(())
    }

    async fn access_entries(&self, after: u64, limit: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        Ok(self.access_log_table()?.page(after, limit))
    }

    async fn newest_access_entries(&self, before: Option<u64>, limit: usize) -> Result<Vec<LoggedEntry>, StoreError> {
        Ok(self.access_log_table()?.newest(before, limit))
    }

    async fn forget_access_entries(&self, before: Timestamp, keep: u64) -> Result<usize, StoreError> {
        Ok(self.access_log_table()?.forget(before, keep))
    }
}
