//! The OpenAPI description of the interface.

pub(crate) mod components;
pub(crate) mod description;
pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod examples;
pub(crate) mod lines;
pub(crate) mod objects;
pub(crate) mod parameters;
pub(crate) mod problem_schemas;
pub(crate) mod problems;
pub mod schema;
pub(crate) mod write_operations;
