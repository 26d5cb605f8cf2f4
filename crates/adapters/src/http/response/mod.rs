//! Responses: outcomes as replies, everything that goes wrong as problems.

pub(crate) mod html;
pub(crate) mod outage_log;
pub(crate) mod outcomes;
pub(crate) mod problem;
pub(crate) mod problem_kinds;
pub(crate) mod problem_members;
pub(crate) mod product_preview;
pub(crate) mod refusals;
pub(crate) mod reply;
