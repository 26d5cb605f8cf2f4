//! Events into a stream of Redis (server 6 or later), and what the book's service says on its channel.
//!
//! [`RedisPublisher`] implements the port `Publisher`. [`RedisAddress`] says which stream. Each event is one entry,
//! whose id is the event's place in the log ([`EntryId`]), with the fields `id`, `type` and `event`: the event as JSON.
//!
//! For each batch that a line got units from, the channel `line_allocated` gets the message of "Architecture Patterns
//! with Python", once the event's entry is new in the stream ([`line_allocated`]).

mod address;
mod answers;
mod append;
mod connection;
mod entry_id;
mod last_entry;
pub mod line_allocated;
mod publisher;

pub use self::address::RedisAddress;
pub use self::entry_id::EntryId;
pub use self::publisher::RedisPublisher;
pub use crate::broker::AddressError;
