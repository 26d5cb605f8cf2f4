//! The idempotency store.

use async_trait::async_trait;
use earmark_application::{IdempotencyKey, IdempotencyStore, LeaseOutcome, LeaseRequest, LeaseToken, StoreError};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl IdempotencyStore for MemoryStore {
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        Ok(self.idempotency_keys()?.acquire(request))
    }

    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        Ok(self.idempotency_keys()?.complete(key, token, answer))
    }

    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        self.idempotency_keys()?.release(key, token);
        Ok(())
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(self.idempotency_keys()?.purge_expired(now, limit))
    }
}
