//! Replay: a product's events from the first, compared with its records.
//!
//! The events alone determine every balance. So a change of the tables by another program, or a lost row, shows here.

pub(crate) mod audit;
pub(crate) mod projection;
