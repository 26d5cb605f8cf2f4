//! Stock: the product aggregate with its batches, lines and backlog, and the search for units for a line.

pub(crate) mod backlog;
pub(crate) mod batch;
pub(crate) mod cause;
pub(crate) mod draft;
pub(crate) mod index;
pub(crate) mod line;
pub(crate) mod product;
