//! Events: the encoding of their `data`, there ([`fact_to_json`]) and back ([`fact_from_json`]), and the whole event as
//! readers outside get it ([`EventJson`]), with `data` passed on as it is stored.

mod decode;
mod encode;
mod error;
mod event_json;
#[cfg(test)]
mod tests;

pub use decode::{allocated_order, fact_from_json};
pub use encode::fact_to_json;
pub use error::{WireError, event_type};
pub use event_json::EventJson;
