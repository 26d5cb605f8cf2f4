//! The wire format: commands, views and events as JSON, in one spelling for every adapter that reads or writes them.
//!
//! - [`answers`] writes what a command did, and everything that goes wrong, with its status.
//! - [`commands`] reads commands. Single calls, bulk lines and messages share its readers, and so accept the same
//!   fields and report the same faults.
//! - [`views`] writes batches, orders, products, quotes and what a command did to order lines.
//! - [`events`] writes and reads the `data` of events as the databases store it, and writes the whole event as readers
//!   outside get it. What comes back passes the domain's own constructors, so nothing enters that the domain would
//!   refuse.
//! - [`reading`] parses JSON into a tree and walks it field by field, so that every fault is reported and not only the
//!   first.
//! - [`words`] are the enums of the domain as JSON shows them.
//!
//! Nothing here knows a transport. With the feature `schema` the types also describe themselves for OpenAPI.

/// The longest command as JSON, in bytes: the body of a single call, a line of a bulk stream, a line of a file.
///
/// The largest order fits: 500 lines whose ids and SKUs have 64 characters of four bytes each take 0.3 MB, and 0.8 MB
/// where each character is escaped. So do the locations of the order, or a few for each line.
pub const MAX_COMMAND_BYTES: usize = 1024 * 1024;

pub mod answers;
pub mod commands;
pub mod events;
pub mod reading;
mod text;
pub mod views;
pub mod words;

pub use events::{
    EVENT_FORMAT, EventJson, SchemaUri, WireError, allocated_order, event_body, event_type, fact_from_json,
    fact_to_json,
};
pub use text::Text;
