//! Load generators: closed-loop (`wrk`), open-loop, a bulk stream, and readers of the event feed.

pub(crate) mod bulk;
pub(crate) mod events;
pub(crate) mod idle;
pub(crate) mod open_loop;
pub(crate) mod wrk;
