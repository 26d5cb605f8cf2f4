//! Steps: one statement each, and so a transaction of its own that no caller can cut off.

use earmark_application::StoreError;
use tokio::sync::Semaphore;

use super::error::{StatementResult, store_error};
use super::session::Session;
use super::store::PostgresStore;

/// A step: one statement. It may be run twice, if the connection is lost, and must have the same result then.
pub(super) trait Step: Sync {
    type Answer;

    fn run(&self, conn: &Session) -> impl Future<Output = StatementResult<Self::Answer>> + Send;
}

impl PostgresStore {
    /// Runs a step on a connection of the pool for commands. `slots` limits how many of these are busy with such steps,
    /// so that commands find a connection.
    ///
    /// A connection may have died unnoticed: the next one is tried, and after as many as the pool holds, one must be
    /// new.
    pub(super) async fn run_step<S: Step>(&self, slots: &Semaphore, step: S) -> Result<S::Answer, StoreError> {
        let _slot = slots.acquire().await.map_err(|_| closed())?;
        let mut left = self.commands().max_size();
        loop {
            let connection = self.commands().get().await?;
            match step.run(&connection).await {
                Err(error) if left > 0 && error.is_lost() => left -= 1,
                answer => return answer.map_err(store_error),
            }
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
