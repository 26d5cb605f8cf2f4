//! Inbox records: the messages that were processed.

use jiff::Timestamp;

use crate::language::message::{MessageId, Processed};

/// A message that was processed. It is stored with what its command has changed, so that the message is recognised when
/// it is delivered again, and its end is known, whatever became of the one who processed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRecord {
    /// Which message.
    pub id: MessageId,
    /// How it ended.
    pub ended: Processed,
    /// When it was processed.
    pub processed_at: Timestamp,
}
