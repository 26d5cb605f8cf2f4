//! The HTTP interface, call by call, as a client meets it: the real service, on every database.

mod allocations;
mod backlog;
mod bad_input;
mod batches;
mod bulk;
mod counting;
mod events;
mod hot_sku;
mod idempotency_keys;
mod instances;
mod orders;
mod problems;
mod products;
mod request_ids;
mod rude_clients;
mod stream;
mod support;
