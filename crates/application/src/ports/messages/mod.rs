//! What hears from others: where commands come from as messages, and what became of each.

mod command_source;
mod inbox;

pub use command_source::{
    BODY_BEGINNING_BYTES, Body, CommandSource, DeliveryId, Message, MessageFormat, RECEIVED_BYTES, Reply, SourceError,
};
pub use inbox::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_LIFETIME, INBOX_PURGE_BATCH, Inbox,
    MAX_DEAD_BODY_BYTES, MAX_DEAD_MESSAGES, MAX_DEAD_REASON_CHARS, MessagesForgotten, REPLAYED_BYTES,
    SHOWN_DEAD_BODY_BYTES, SourceName, SourceStatus,
};
