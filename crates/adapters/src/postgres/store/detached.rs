//! Transactions in tasks of their own, within a bound of time.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Clock, StoreError};

use crate::postgres::session::at_most;

/// How long a transaction may take in all, from the wait for a session to the answer to its commit: its caller hears
/// within five seconds, whatever the server does. The bounds of the server and of single statements are shorter.
const TRANSACTION_TIME: Duration = Duration::from_secs(4);

/// Runs a transaction in a task of its own. A caller that goes away leaves it to run to its end: a commit is never cut
/// off by a caller. After [`TRANSACTION_TIME`] it is given up, and its session is closed.
pub(super) fn run_to_end<T: Send + 'static>(
    clock: Arc<dyn Clock>,
    transaction: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> impl Future<Output = Result<T, StoreError>> + Send {
    // In a box: the futures around it have room for what they are given and for what they run, and are moved.
    let transaction = Box::pin(transaction);
    in_task_of_its_own(async move {
        let done = at_most(&*clock, TRANSACTION_TIME, transaction).await;
        done.unwrap_or_else(|| {
            let seconds = TRANSACTION_TIME.as_secs();
            Err(StoreError::Unavailable(format!("no answer within {seconds} seconds")))
        })
    })
}

async fn in_task_of_its_own<T: Send + 'static>(
    transaction: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(transaction).await {
        Ok(outcome) => outcome,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(StoreError::Unavailable("the runtime is shutting down".to_owned())),
        },
    }
}
