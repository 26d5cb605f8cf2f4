//! Background jobs, as steps: each does a bounded piece of work and says whether there is more. The binary decides when
//! to call them.

mod backlog;
mod holds;
mod idempotency_keys;

pub use backlog::serve_backlogs;
pub use holds::sweep_holds;
pub use idempotency_keys::purge_expired_keys;

use crate::answer::CommandError;
use crate::store_error::StoreError;

/// A command of a background job failed; the job will issue it again.
fn job_failed(error: CommandError) -> StoreError {
    match error {
        CommandError::Internal => StoreError::Corrupt(error.to_string()),
        error => StoreError::Unavailable(error.to_string()),
    }
}
