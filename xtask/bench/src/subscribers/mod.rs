//! Those who are told of events: a broker, receivers of webhooks, and those who never answer.

pub(crate) mod nats;
pub(crate) mod receivers;
