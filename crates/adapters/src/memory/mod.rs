//! The store in memory: for tests, demonstrations and trials.
//!
//! An honest fake. Transactions really overlap, versions really move, decisions taken on stale state really are
//! conflicts, and the rule that no batch holds more than its quantity is checked here as a database would check it. But
//! nothing is written anywhere, and nothing is ever removed, so the memory it takes grows with every line and every
//! event. A real shop needs one of the other stores.

mod access_keys;
mod access_log;
mod audit;
mod constraints;
mod event_feed;
mod exports;
mod idempotency;
mod inbox;
mod load;
mod memory_store;
mod outlook;
mod reads;
mod sessions;
mod subscriptions;
mod tables;
#[cfg(test)]
mod tests;
mod views;
mod worklist;

pub use self::memory_store::MemoryStore;
