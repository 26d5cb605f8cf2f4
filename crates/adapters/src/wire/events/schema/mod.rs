//! The contract of events: a JSON Schema (draft 2020-12) for each type, made from the types that its `data` is read as.
//!
//! There are two of each. [`exact_schema`] is what this release writes, and nothing else: tests hold the encoder to it,
//! and it is the one in the OpenAPI document. [`event_schema`] is what others may rely on: it says of the same fields
//! the same, and lets pass what a later release of the same version may add ([`open`]).

mod about;
mod data;
mod document;
mod examples;
mod json;
mod open;
#[cfg(test)]
pub(crate) mod tests;

pub use about::About;
pub(crate) use data::constant;
pub use data::{DataSchema, Named};
pub use document::{any_event_schema, event_schema, exact_schema};
