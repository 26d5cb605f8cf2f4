//! Reading JSON that a caller sent, with every fault reported.
//!
//! A body becomes a tree first ([`json`]). [`fields`] walks an object of it and collects [`faults`], with the
//! converters in [`values`] from JSON values to domain types.

mod exact;
pub mod faults;
pub mod fields;
pub mod json;
pub mod values;
