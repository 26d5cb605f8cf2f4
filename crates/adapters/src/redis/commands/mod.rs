//! Commands from a stream of Redis.
//!
//! Each instance is a consumer of one group, which remembers what was delivered to whom and not acknowledged. A session
//! ends with its first fault; what it has left is delivered again to the next one, and after a while to another instance.

mod address;
mod scripts;
mod session;
mod source;

pub use self::address::RedisCommandsAddress;
pub use self::source::RedisCommandSource;
