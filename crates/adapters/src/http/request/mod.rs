//! Requests: what comes before the decision. Path, query, conditions and body are read here, with every fault
//! collected.

pub(crate) mod body;
pub(crate) mod context;
pub(crate) mod cursor;
pub(crate) mod if_match;
pub(crate) mod input;
pub(crate) mod origin;
pub(crate) mod places;
pub(crate) mod query;
pub(crate) mod traced;
