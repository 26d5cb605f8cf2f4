//! The wire format: commands, views and events as JSON, in one spelling for every adapter that reads or writes them.
//!
//! - [`commands`] reads commands. Single calls, bulk lines and messages share its readers, and so accept the same
//!   fields and report the same faults.
//! - [`views`] writes batches, orders, products, quotes and what a command did to order lines.
//! - [`events`] writes and reads the `data` of events as the databases store it, and writes the whole event as readers
//!   outside get it. What comes back passes the domain's own constructors, so nothing enters that the domain would
//!   refuse.
//! - [`reading`] parses JSON into a tree and walks it field by field, so that every fault is reported and not only the
//!   first.
//!
//! Nothing here knows a transport. With the feature `schema` the types also describe themselves for OpenAPI.

pub mod commands;
pub mod events;
pub mod reading;
mod text;
pub mod views;

pub use events::{EventJson, WireError, allocated_order, event_type, fact_from_json, fact_to_json};
pub use text::Text;
