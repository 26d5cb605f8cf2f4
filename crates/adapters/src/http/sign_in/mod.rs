//! Signing in with a key: a page that takes one, and the session of a browser that has shown it.

pub(super) mod cookie;
pub(super) mod page;
