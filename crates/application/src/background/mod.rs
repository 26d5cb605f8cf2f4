//! Background jobs, as steps: each does a bounded piece of work and says whether there is more. The binary decides when
//! to call them.

mod access_log;
mod idempotency_keys;
mod inbox;
mod product_job;

pub use access_log::forget_old_access_entries;
pub use idempotency_keys::purge_expired_keys;
pub use inbox::forget_old_messages;
pub use product_job::{ProductJob, ProductWork};
