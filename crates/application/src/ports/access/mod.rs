//! What is kept of access: who has a key, and who has signed in, and who was let in or refused.

mod access_log;
mod keys;
mod sessions;

pub use access_log::{ACCESS_LOG_DAYS, ACCESS_LOG_PURGE_BATCH, ACCESS_LOG_REFUSALS, AccessLog, LoggedEntry};
pub use keys::{Keys, MAX_KEYS};
pub use sessions::Sessions;
