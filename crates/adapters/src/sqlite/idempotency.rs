//! The idempotency store: each call hands a write to the thread that writes.

use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{IdempotencyKey, IdempotencyStore, LeaseOutcome, LeaseRequest, LeaseToken, StoreError};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::connection::gone;
use super::sqlite_store::SqliteStore;
use super::store::{Outcome, Write, purge};

impl SqliteStore {
    /// Has a write stored together with those that wait beside it.
    async fn store(&self, write: Write) -> Result<Outcome, StoreError> {
        let (reply, outcome) = oneshot::channel();
        self.idempotency_queue.push(write, reply)?;
        // Each call queues a task, which finds nothing left to do where an earlier one took its write along: so no
        // write waits for a caller that has gone away.
        let waiting = Arc::clone(&self.idempotency_queue);
        self.writer()?.write(move |connection| waiting.run(connection)).await?;
        outcome.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        match self.store(Write::Acquire(request.clone())).await? {
            Outcome::Lease(outcome) => Ok(outcome),
            Outcome::Rows(_) => Err(StoreError::Corrupt(
                "a request for a lease got the result of another write".to_owned(),
            )),
        }
    }

    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        let write = Write::Complete(key.clone(), token, answer.to_owned());
        Ok(matches!(self.store(write).await?, Outcome::Rows(1)))
    }

    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        self.store(Write::Release(key.clone(), token)).await.map(drop)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.write_beside(move |connection| purge(connection, now, limit)).await
    }
}
