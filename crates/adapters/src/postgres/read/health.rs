//! Health: whether the database answers.

use async_trait::async_trait;
use earmark_application::{Health, StoreError};

use crate::postgres::error::store_error;
use crate::postgres::server::check_writable;
use crate::postgres::store::PostgresStore;

#[async_trait]
impl Health for PostgresStore {
    async fn ready(&self) -> Result<(), StoreError> {
        // A connection may have died unnoticed: the next one is tried.
        let mut left = self.probes().max_size();
        loop {
            let session = self.probes().get().await?;
            match check_writable(&session).await {
                Err(error) if left > 0 && error.is_lost() => left -= 1,
                answer => return answer.map_err(store_error),
            }
        }
    }
}
