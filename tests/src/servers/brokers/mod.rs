//! Message brokers of one's own for one case, which may set them up, kill them, put older files back and cut connections to
//! them.

mod nats;
mod process;
mod proxy;
mod redis;

pub use nats::NatsServer;
pub use process::FilesCopy;
pub use proxy::Proxy;
pub use redis::RedisServer;
