//! Answers: what a command did, why it was refused, and what the stored state looks like to a reader.

pub(crate) mod availability;
pub(crate) mod explain;
pub(crate) mod outcome;
pub(crate) mod refusal;
pub(crate) mod view;
