//! Message brokers and mail servers of one's own for one case.
//!
//! They listen on the loopback interface only, keep their files in a temporary folder, and end with the value that
//! stands for them. Nothing here needs another part of this workspace: the tests of the adapters include these files.

mod brokers;
mod smtp;

pub use brokers::{FilesCopy, NatsServer, Proxy, RedisServer};
pub use smtp::{Deed, SmtpSink, Stage, TakenMail};
