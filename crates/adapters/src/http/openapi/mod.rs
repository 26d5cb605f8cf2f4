//! The OpenAPI description of the interface.

pub(crate) mod description;
pub(crate) mod document;
pub(crate) mod problems;
pub mod schema;
pub(crate) mod write_operations;
