//! The port of sessions.

use async_trait::async_trait;
use earmark_application::{AccessEntry, Session, SessionHash, Sessions, StoreError};
use jiff::Timestamp;

use super::memory_store::MemoryStore;

#[async_trait]
impl Sessions for MemoryStore {
    async fn begin_session(&self, session: &Session, log: &AccessEntry) -> Result<(), StoreError> {
        let mut sessions = self.session_table()?;
        let mut entries = self.access_log_table()?;
        sessions.begin(session);
        entries.write(log);
        Ok(())
    }

    async fn session_of(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        Ok(self.session_table()?.of(hash))
    }

    async fn end_session(&self, hash: SessionHash, log: &AccessEntry) -> Result<bool, StoreError> {
        let mut sessions = self.session_table()?;
        let mut entries = self.access_log_table()?;
        let is_ended = sessions.end(hash);
        if is_ended {
            entries.write(log);
        }
        Ok(is_ended)
    }

    async fn all_sessions(&self, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        Ok(self.session_table()?.all(now))
    }
}
