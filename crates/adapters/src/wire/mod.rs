//! The domain's words as JSON: one spelling of the events for the databases that store them, the HTTP interface that
//! shows them, and the files they are exported to.
//!
//! What happened ([`Fact`](earmark_domain::Fact)) becomes an event's `data` object by [`fact_to_json`] and comes back by
//! [`fact_from_json`]. Nothing is lost on the way, and nothing comes back that the domain would not have let in.
//! [`EventJson`] is the whole event as readers get it; for them the stored `data` is handed on as it was written.

mod decode;
mod encode;
mod event;
#[cfg(test)]
mod tests;

pub use decode::{WireError, allocated_order, fact_from_json};
pub use encode::{Text, fact_to_json};
pub use event::{EventJson, event_type};
