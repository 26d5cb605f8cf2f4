//! Operations: probes, metrics, the document with its explorer, and the pages of problems.

pub(crate) mod explorer;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod problems;
