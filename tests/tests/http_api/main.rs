//! The HTTP interface, call by call, as a client sees it: the real service, on every database.

mod allocations;
mod backlog;
mod bad_input;
mod batches;
mod bulk;
mod document;
mod events;
mod fulfilment;
mod holds;
mod hot_sku;
mod idempotency_keys;
mod instances;
mod lists;
mod misbehaving_clients;
mod orders;
mod previews;
mod problems;
mod products;
mod quantity_changes;
mod quotes;
mod receipts;
mod request_ids;
mod stream;
mod support;
mod unfair_clients;
mod versions;
