//! The port of the inbox.

use std::collections::HashMap;

use async_trait::async_trait;
use earmark_application::{
    DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_PURGE_BATCH, Inbox, MessagesForgotten, SourceName,
    SourceStatus, StoreError,
};
use earmark_domain::{MessageId, Processed};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl Inbox for MemoryStore {
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError> {
        Ok(self.tables()?.inbox.among(messages).collect())
    }

    async fn forget(&self, before: Timestamp, after: u64) -> Result<MessagesForgotten, StoreError> {
        // They lie in the order of their age, so there is nothing to pass over.
        let messages = self.tables()?.inbox.forget(before, INBOX_PURGE_BATCH);
        Ok(MessagesForgotten {
            messages: messages as u64,
            next: (messages == INBOX_PURGE_BATCH).then_some(after),
        })
    }

    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        // Until they are buried nothing is carried out.
        let tables = self.tables()?;
        let is_carried_out = |message: &DeadMessage| {
            let id = MessageId::new(source.as_str(), &message.id);
            id.is_ok_and(|id| tables.inbox.is_carried_out(&id))
        };
        Ok(self.dead_message_table()?.bury(source, messages, is_carried_out))
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
