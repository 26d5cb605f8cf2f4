//! Access: who asks, what they may do, and by which key the service knows them.
//!
//! [`may`] is the one place that decides what is allowed. Who asks is a [`Principal`] with [`Roles`]; callers from outside
//! are known by a key, which the [`KeyRing`](crate::KeyRing) looks up. What was refused, and who has changed who may do what, is
//! an [`AccessEntry`] of a log, which the [`AccessRecorder`](crate::AccessRecorder) writes.

mod entry;
mod key;
mod permission;
mod principal;
mod role;

pub use entry::{AccessDecision, AccessEntry, Caller, EntryId, UnknownDecision};
pub use key::{AccessKey, KeyHash, KeyName, KeyNameError, MAX_KEY_NAME_CHARS};
pub use permission::{Action, Forbidden, may};
pub use principal::Principal;
pub use role::{Role, Roles, UnknownRole};
