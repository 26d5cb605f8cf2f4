//! Background jobs, as steps: each does a bounded piece of work and says whether there is more. The binary decides when
//! to call them.

mod backlog;
mod holds;
mod idempotency_keys;
mod job_failed;

pub use backlog::serve_backlogs;
pub use holds::sweep_holds;
pub use idempotency_keys::purge_expired_keys;
