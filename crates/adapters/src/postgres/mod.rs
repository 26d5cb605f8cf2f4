//! The store in PostgreSQL (13 or later): several instances of the service may run on one database.
//!
//! [`PostgresStore`] implements the ports:
//!
//! - `store`: transactions (the `Store`). They lock the products they touch, load, call the decision, and write. Row
//!   locks in the order of SKUs, and each product's version, keep several instances right. Lines are mostly placed
//!   without reading anything first, on cached products, and validated by the one statement that stores them.
//! - `read`: views, exports, the event feed, the worklist and the audit. They lock nothing. Look-ups by key are batched
//!   (`lookups`, `batcher`).
//! - `idempotency`: answers under idempotency keys.
//! - `inbox`: which messages were processed, and which are dead (`dead_messages`).
//! - `subscriptions`: who is told of events, and how far they have got.
//! - `access_keys`: by what callers from outside are known.
//! - `sessions`: the sessions of browsers.
//! - `access_log`: what was refused, and who has changed who may do what.
//!
//! The tables keep the first rule of stock themselves: see the migration. `schema` is what Diesel knows of them, `rows`
//! converts rows into records, and `statement` is SQL by hand, where the query builder can't say it.
//!
//! Connections are encrypted as the URL says (`connect`), and have bounds in time (`session`, `connections`). With each it
//! it is found out what the server is (`server`), and which history the database tells (`epochs`).

mod access_keys;
mod access_log;
mod batcher;
mod connect;
mod connections;
mod dead_messages;
mod epochs;
mod error;
mod idempotency;
mod inbox;
mod inspect;
mod lookups;
mod migrate;
mod numbering;
mod read;
mod rows;
mod schema;
mod server;
mod session;
mod sessions;
mod statement;
mod step;
mod store;
mod subscriptions;

pub use self::error::OpenError;
pub use self::store::PostgresStore;
