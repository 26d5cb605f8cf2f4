//! The sources of commands, each with a server of its own.

mod cases;
mod channel;
mod jetstream;
mod redis_streams;
mod support;
mod unreadable;

pub(crate) use self::support::{nats_source, redis_source};
