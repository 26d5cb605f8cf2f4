//! Health: whether the database answers.

use async_trait::async_trait;
use earmark_application::{Health, StoreError};

use crate::postgres::store::{PostgresStore, end_snapshot};

#[async_trait]
impl Health for PostgresStore {
    async fn ready(&self) -> Result<(), StoreError> {
        // A transaction, because its beginning is where a dead connection is replaced.
        let connection = self.snapshot().await?;
        end_snapshot(connection).await;
        Ok(())
    }
}
