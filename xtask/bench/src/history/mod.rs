//! A long history of allocations, written directly to the service's tables: through the service it would take hours.

pub(crate) mod fill;
pub(crate) mod size;
pub(crate) mod tables;
