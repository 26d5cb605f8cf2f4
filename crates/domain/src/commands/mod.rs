//! Commands: what can be asked, and what a store must load before it can be decided.

pub(crate) mod command;
pub(crate) mod delivery;
pub(crate) mod place_order;
pub(crate) mod scope;
