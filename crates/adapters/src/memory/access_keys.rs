//! The port of access keys.

use async_trait::async_trait;
use earmark_application::{AccessEntry, AccessKey, KeyHash, KeyName, Keys, StoreError};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl Keys for MemoryStore {
    async fn add_key(&self, key: &AccessKey, log: &AccessEntry) -> Result<bool, StoreError> {
        let mut keys = self.access_key_table()?;
        let mut entries = self.access_log_table()?;
        let added = keys.add(key)?;
        if added {
            entries.write(log);
        }
        Ok(added)
    }

    async fn rotate_key(
        &self,
        name: &KeyName,
        hash: KeyHash,
        expires_at: Option<Timestamp>,
        log: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let mut keys = self.access_key_table()?;
        let mut entries = self.access_log_table()?;
        let rotated = keys.rotate(name, hash, expires_at)?;
        if rotated {
            entries.write(log);
        }
        Ok(rotated)
    }

    async fn revoke_key(&self, name: &KeyName, now: Timestamp, log: &AccessEntry) -> Result<bool, StoreError> {
        let mut keys = self.access_key_table()?;
        let mut entries = self.access_log_table()?;
        let revoked = keys.revoke(name, now);
        if revoked == Some(true) {
            entries.write(log);
        }
        Ok(revoked.is_some())
    }

    async fn all_keys(&self) -> Result<Vec<AccessKey>, StoreError> {
        Ok(self.access_key_table()?.all())
    }

    async fn key_of(&self, hash: KeyHash) -> Result<Option<AccessKey>, StoreError> {
        Ok(self.access_key_table()?.of(hash))
    }

    async fn has_keys(&self) -> Result<bool, StoreError> {
        Ok(self.access_key_table()?.has_any())
    }

    async fn note_key_used(&self, hash: KeyHash, now: Timestamp) -> Result<(), StoreError> {
        self.access_key_table()?.note_used(hash, now);
        Ok(())
    }
}
