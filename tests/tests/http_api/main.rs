//! The HTTP interface, call by call, as a client meets it: the real service, on every database.

mod allocations;
mod backlog;
mod bad_input;
mod batches;
mod bulk;
mod counting;
mod events;
mod holds;
mod hot_sku;
mod idempotency_keys;
mod instances;
mod leaving;
mod orders;
mod previews;
mod problems;
mod products;
mod quotes;
mod receipts;
mod request_ids;
mod rude_clients;
mod stream;
mod support;
mod versions;
