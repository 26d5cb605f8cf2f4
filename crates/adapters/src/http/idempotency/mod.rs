//! Idempotency keys: a request that is sent again under its `Idempotency-Key` gets the first answer again.

pub(crate) mod in_flight;
pub(crate) mod key;
pub(crate) mod key_queue;
pub(crate) mod middleware;
pub(crate) mod stored_response;
