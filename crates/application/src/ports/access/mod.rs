//! What is kept of access: who has a key, and who has signed in, and who was let in or refused; and who knows people.

mod access_log;
mod identity_provider;
mod keys;
mod sessions;

pub use access_log::{ACCESS_LOG_DAYS, ACCESS_LOG_PURGE_BATCH, ACCESS_LOG_REFUSALS, AccessLog, LoggedEntry};
pub use identity_provider::{IdentityProvider, SignInAttempt, SignInError, TokenHolder};
pub use keys::{Keys, MAX_KEYS};
pub use sessions::Sessions;
