//! Responses: outcomes as replies, everything that goes wrong as problems.

pub(crate) mod outage_log;
pub(crate) mod outcomes;
pub(crate) mod problem;
pub(crate) mod product_preview;
pub(crate) mod rate_limit;
pub(crate) mod reply;
pub(crate) mod status;
