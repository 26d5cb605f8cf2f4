//! Access: who asks, what they may do, and by which key the service knows them.
//!
//! [`may`] is the one place that decides what is allowed. Who asks is a [`Principal`] with [`Roles`] and perhaps [`Bounds`]; callers from outside
//! are known by a key, or by a provider as a [`Person`]; the [`KeyRing`](crate::KeyRing) looks both up. What was refused, and who has changed who may do what, is
//! an [`AccessEntry`] of a log, which the [`AccessRecorder`](crate::AccessRecorder) writes.

mod bounds;
mod entry;
mod key;
mod permission;
mod person;
mod principal;
mod role;
mod session;

pub use bounds::{BoundedAdministrator, Bounds, MAX_PREFIXES, Prefix, Prefixes, TooManyPrefixes};
pub use entry::{AccessDecision, AccessEntry, Caller, EntryId, UnknownDecision};
pub use key::{AccessKey, KeyHash, KeyName, KeyNameError, MAX_KEY_NAME_CHARS};
pub(crate) use permission::may_change;
pub use permission::{Action, Denied, Forbidden, OutOfBounds, may};
pub use person::{AccessToken, Person, PersonName, PersonNameError};
pub use principal::Principal;
pub use role::{Role, Roles, UnknownRole};
pub use session::{MAX_SESSIONS_OF_A_HOLDER, SESSION_LIFETIME, Session, SessionHash, SessionHolder};
