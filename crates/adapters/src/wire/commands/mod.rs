//! Commands: one reader for each, shared by single calls, bulk lines and messages.
//!
//! A reader takes the fields of an object and collects their faults; `None` means that at least one was found. What a
//! transport sends outside the body, such as a name in a path, is an argument: `None` where that is at fault.

pub mod batches;
pub mod envelope;
pub mod keys;
pub mod orders;
pub mod products;
pub mod sources;
pub mod subscriptions;
