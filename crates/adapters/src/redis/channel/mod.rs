//! The book's channel `change_batch_quantity`.

mod heard;
mod source;

pub use self::source::{CHANGE_BATCH_QUANTITY, RedisChannelSource};
