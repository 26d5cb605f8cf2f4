//! Signing in: a page that takes a key, the way to an identity provider and back, and the session of a browser that has shown
//! either.

pub(super) mod cookie;
pub(super) mod page;
mod pending;
pub(super) mod person;
