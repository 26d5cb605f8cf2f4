//! Commands from a stream of JetStream.
//!
//! All instances pull from one durable consumer, which remembers what was acknowledged. A session ends with its first
//! fault; what it has left is delivered again to the next one, and after a while to another instance.

mod address;
mod message;
mod pull;
mod session;
mod source;
mod stream;
mod unreadable;

pub use self::address::NatsCommandsAddress;
pub use self::source::NatsCommandSource;
