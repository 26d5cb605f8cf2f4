//! Events into a stream of Redis, and what the book's service says on its channel; commands from another stream, and what
//! the book's service hears (server 6.2 or later).
//!
//! [`RedisPublisher`] implements the port `Publisher`. [`RedisAddress`] says which stream. Each event is one entry,
//! whose id is the event's place in the log ([`EntryId`]), with the fields `id`, `type` and `event`: the event as JSON.
//!
//! For each batch that a line got units from, the channel `line_allocated` gets the message of "Architecture Patterns
//! with Python", once the event's entry is new in the stream ([`line_allocated`]).
//!
//! [`RedisCommandSource`] and [`RedisChannelSource`] implement the port `CommandSource`: from a stream, in a consumer group,
//! and from the book's channel `change_batch_quantity`. [`RedisCommandsAddress`] says where.

mod address;
mod answers;
mod append;
mod channel;
mod commands;
mod connection;
mod entry_id;
mod last_entry;
pub mod line_allocated;
mod publisher;

pub use self::address::RedisAddress;
pub use self::channel::{CHANGE_BATCH_QUANTITY, RedisChannelSource};
pub use self::commands::{RedisCommandSource, RedisCommandsAddress};
pub use self::entry_id::EntryId;
pub use self::publisher::RedisPublisher;
pub use crate::broker::AddressError;
