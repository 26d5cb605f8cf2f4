//! The port of the inbox.

use std::collections::HashMap;

use async_trait::async_trait;
use earmark_application::{
    DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_PURGE_BATCH, Inbox, SourceName, SourceStatus, StoreError,
};
use earmark_domain::{MessageId, Processed};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl Inbox for MemoryStore {
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError> {
        Ok(self.tables()?.inbox.among(messages).collect())
    }

    async fn forget(&self, before: Timestamp) -> Result<usize, StoreError> {
        Ok(self.tables()?.inbox.forget(before, INBOX_PURGE_BATCH))
    }

    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        Ok(self.dead_message_table()?.bury(source, messages))
    }

    async fn sources(&self) -> Result<Vec<SourceStatus>, StoreError> {
        Ok(self.dead_message_table()?.sources())
    }

    async fn dead_messages(
        &self,
        source: &SourceName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadMessage>, StoreError> {
        Ok(self.dead_message_table()?.page(source, after, limit))
    }

    async fn decide_on_dead_messages(
        &self,
        source: &SourceName,
        numbers: Option<&[u64]>,
        after: u64,
        action: DeadMessageAction,
    ) -> Result<DeadMessagesDecided, StoreError> {
        Ok(self.dead_message_table()?.decide(source, numbers, after, action))
    }

    async fn replays(&self, source: &SourceName, limit: usize) -> Result<Vec<DeadMessage>, StoreError> {
        Ok(self.dead_message_table()?.replays(source, limit))
    }

    async fn replay_ended(&self, message: &DeadMessage, reason: Option<&str>) -> Result<(), StoreError> {
        self.dead_message_table()?.replay_ended(message, reason);
        Ok(())
    }
}
