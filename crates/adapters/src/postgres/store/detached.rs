//! Transactions in tasks of their own.

use std::panic::resume_unwind;

use earmark_application::StoreError;

/// Runs a transaction in a task of its own. A caller that goes away leaves it to run to its end: a commit is never cut
/// off, and no connection goes back to the pool in the middle of a transaction.
pub(super) async fn run_to_end<T: Send + 'static>(
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
