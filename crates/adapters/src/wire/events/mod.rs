//! Events: the encoding of their `data`, there ([`fact_to_json`]) and back ([`fact_from_json`]), and the whole event as
//! readers outside get it ([`EventJson`]), with `data` passed on as it is stored. With the feature
//! `schema`, the contract of events: their JSON Schemas, in the version [`EVENT_FORMAT`].

mod decode;
mod encode;
mod error;
mod event_json;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
pub(crate) mod tests;
mod version;

#[cfg(feature = "schema")]
pub use decode::data_schemas;
pub use decode::{allocated_order, fact_from_json};
pub use encode::fact_to_json;
pub use error::{WireError, event_type};
pub use event_json::{EventJson, event_body};
#[cfg(feature = "schema")]
pub(crate) use schema::constant;
#[cfg(feature = "schema")]
pub use schema::{About, DataSchema, Named, any_event_schema, event_schema, exact_schema};
pub use version::{EVENT_FORMAT, SchemaUri};
