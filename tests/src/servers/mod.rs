//! Message brokers and mail servers of one's own for one case, which may set them up, kill them, put older files back and cut
//! connections to them.
//!
//! They listen on the loopback interface only, keep their files in a temporary folder, and end with the value that
//! stands for them. Nothing here needs another part of this workspace: the tests of the adapters include these files.

mod nats;
mod process;
mod proxy;
mod redis;
mod smtp;

pub use nats::NatsServer;
pub use process::FilesCopy;
pub use proxy::Proxy;
pub use redis::RedisServer;
pub use smtp::{Deed, SmtpSink, Stage, TakenMail};
