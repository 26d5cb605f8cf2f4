//! What a measurement yields, and the statistics over several of them.

pub(crate) mod results;
pub(crate) mod stats;
