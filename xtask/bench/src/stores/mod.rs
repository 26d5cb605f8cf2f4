//! Where the service stores its state: a SQLite file, or a database on the throwaway PostgreSQL server.

pub(crate) mod postgres;
pub(crate) mod store;
