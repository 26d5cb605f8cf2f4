//! What only the PostgreSQL store has: what its tables refuse, what is locked in which order, when events get their
//! numbers, and how callers and connections that go away are handled.
//!
//! `cargo xtask test` starts a server for these tests and names it in `EARMARK_TEST_POSTGRES`.
#![expect(clippy::panic, reason = "a test fails by a panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "the bounds in time are held against the machine's clock"
)]

mod access_keys;
mod catalogue;
mod connections;
mod database;
mod deadlines;
mod epochs;
mod escrow;
mod inbox;
mod list_plans;
mod lookups;
mod outlook;
mod outlook_plans;
mod pipeline;
mod plans;
mod promise_plans;
mod promises;
mod reading;
mod refused;
mod schema;
mod shop;
mod transactions;
