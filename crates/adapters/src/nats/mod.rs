//! Events into a stream of NATS JetStream (server 2.9 or later), and commands from another one.
//!
//! [`NatsPublisher`] implements the port `Publisher`. [`NatsAddress`] says which stream. Each event is one message,
//! whose subject names its type and its SKU ([`subject_of`]).
//!
//! The messages of one call are sent without waiting in between, and each names the one that it follows. The server
//! stores none that follows another than the last one of the stream. So a connection that breaks in the middle of a
//! call, a message that is sent again, a relay that has lost its lease and does not know it, and a stream that has lost
//! its end can neither change the order of events nor leave one out: `delivery` says how.
//!
//! [`NatsCommandSource`] implements the port `CommandSource`. [`NatsCommandsAddress`] says from which stream.

mod address;
mod answers;
mod commands;
mod delivery;
mod last_message;
mod publisher;
mod session;
mod stream;
mod subject;
mod trust;

pub use self::address::NatsAddress;
pub use self::commands::{NatsCommandSource, NatsCommandsAddress};
pub use self::publisher::NatsPublisher;
pub use self::subject::{sku_of_token, subject_of};
pub use crate::broker::AddressError;
