//! Bulk: commands as lines in, answers as lines out, both streamed.

pub(crate) mod in_flight;
pub(crate) mod lines;
pub(crate) mod stream;
