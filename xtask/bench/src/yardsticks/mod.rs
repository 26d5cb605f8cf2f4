//! The yardsticks: the least work that makes an allocation safe, done directly in the database.

pub(crate) mod pgbench;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod yardstick;
