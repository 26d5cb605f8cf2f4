//! The port of subscriptions.

use async_trait::async_trait;
use earmark_application::{
    DeadLetter, DeadLetterAction, LeaseClaim, Progress, Retried, StoreError, SubscriptionLease, SubscriptionName,
    SubscriptionStatus, Subscriptions,
};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl Subscriptions for MemoryStore {
    async fn lease(&self, claim: &LeaseClaim) -> Result<Option<SubscriptionLease>, StoreError> {
        Ok(self.subscription_table()?.lease(claim))
    }

    async fn save(
        &self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        letters: &[DeadLetter],
    ) -> Result<bool, StoreError> {
        Ok(self.subscription_table()?.save(name, fence, progress, letters))
    }

    async fn release(&self, name: &SubscriptionName, fence: u64) -> Result<(), StoreError> {
        self.subscription_table()?.release(name, fence);
        Ok(())
    }

    async fn subscriptions(&self, now: Timestamp) -> Result<Vec<SubscriptionStatus>, StoreError> {
        Ok(self.subscription_table()?.all(now))
    }

    async fn dead_letters(
        &self,
        name: &SubscriptionName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.subscription_table()?.letters(name, after, limit))
    }

    async fn decide_on_dead_letters(
        &self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> Result<u64, StoreError> {
        Ok(self.subscription_table()?.decide(name, sequences, action))
    }

    async fn retried(&self, name: &SubscriptionName, fence: u64, letter: &DeadLetter) -> Result<Retried, StoreError> {
        Ok(self.subscription_table()?.retried(name, fence, letter))
    }

    async fn bury(&self, name: &SubscriptionName, fence: u64, sequences: &[u64]) -> Result<bool, StoreError> {
        Ok(self.subscription_table()?.bury(name, fence, sequences))
    }

    async fn disable(&self, name: &SubscriptionName, reason: Option<&str>) -> Result<bool, StoreError> {
        Ok(self.subscription_table()?.disable(name, reason))
    }
}
