//! Connections to the file, and the threads that own them: one that writes, a few that read, and one that checkpoints.

mod checkpoint;
mod connect;
mod pipeline;
mod position;
mod readers;
mod writer_thread;

pub(super) use self::connect::{Address, Purpose};
pub(super) use self::pipeline::transact_pipelined;
pub(super) use self::readers::{ReaderPools, Readers};
pub(super) use self::writer_thread::{Writer, WriterBounds, gone};
