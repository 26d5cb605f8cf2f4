//! Events: what happened, recorded with the change that caused it.

pub(crate) mod event;
pub(crate) mod fact;
pub(crate) mod recorder;
