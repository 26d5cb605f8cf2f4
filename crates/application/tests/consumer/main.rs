//! Consumers: what becomes of messages, through crashes and with sources, stores and people that fail.

mod dead;
mod draining;
mod failures;
mod kills;
mod messages;
mod shop;
mod source;
mod support;
