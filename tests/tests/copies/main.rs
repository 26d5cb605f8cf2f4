//! Copies of the books that are taken under load, and brought back: each is a prefix of what was acknowledged, is sound, and
//! goes on in another epoch.
//!
//! [`load`] has the callers and what must hold of a copy; [`sqlite`] is `earmark backup`, [`postgres`] the recipes of the
//! manual, and [`litestream`] a program beside SQLite.

mod litestream;
mod load;
mod postgres;
mod sqlite;
