//! What planners ask.

pub(crate) mod backlog;
pub(crate) mod batches;
pub(crate) mod changes;
pub(crate) mod holds;
pub(crate) mod product;
pub(crate) mod risks;
