//! A failed command of a background job, as the job reports it.

use crate::answer::CommandError;
use crate::store_error::StoreError;

/// A command of a background job failed; the job will issue it again.
pub(super) fn job_failed(error: CommandError) -> StoreError {
    match error {
        CommandError::Internal => StoreError::Corrupt(error.to_string()),
        error => StoreError::Unavailable(error.to_string()),
    }
}
