//! What is PostgreSQL's own in the PostgreSQL store: what the tables refuse, what is locked and in which order, when
//! events get their numbers, and what becomes of callers and connections that go away.
//!
//! `cargo xtask test` starts a server for these tests and names it in `EARMARK_TEST_POSTGRES`.
#![expect(clippy::panic, reason = "a test that finds what can't be fails")]

mod connections;
mod database;
mod lookups;
mod pipeline;
mod plans;
mod reading;
mod schema;
mod shop;
mod side_by_side;
mod transactions;
