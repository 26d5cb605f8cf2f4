//! The port of access keys.

use async_trait::async_trait;
use earmark_application::{AccessKey, KeyHash, KeyName, Keys, StoreError};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl Keys for MemoryStore {
    async fn add_key(&self, key: &AccessKey) -> Result<bool, StoreError> {
        self.access_key_table()?.add(key)
    }

    async fn rotate_key(
        &self,
        name: &KeyName,
        hash: KeyHash,
        expires_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.access_key_table()?.rotate(name, hash, expires_at)
    }

    async fn revoke_key(&self, name: &KeyName, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.access_key_table()?.revoke(name, now))
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
