//! The write side: a transaction that loads, decides and stores, and what it is made of.

pub(super) mod access_keys;
pub(super) mod access_log;
pub(super) mod dead_messages;
mod deferred_index;
mod idempotency;
mod insert;
mod load;
mod release;
mod search_index;
mod service;
pub(super) mod sessions;
pub(super) mod subscriptions;
mod write;
mod write_connection;

pub(super) use self::dead_messages::forget;
pub(super) use self::deferred_index::{DeferredIndexBounds, indexed_until};
pub(super) use self::idempotency::{IdempotencyQueue, Outcome, Write, purge};
pub(super) use self::load::processed;
pub(super) use self::release::lines_held_by;
pub(super) use self::write::newest_event;
pub(super) use self::write_connection::WriteConnection;
