//! Messages that carry commands: what they say, and how they are answered.

mod answers;
mod book;
mod commands;

pub use book::BookMessages;
pub use commands::CommandMessages;
