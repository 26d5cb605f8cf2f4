//! The inbox: which messages were processed, and the dead ones, which could not be.
//!
//! That a message was processed is stored with its effects, in the transaction of its command
//! ([`Envelope::message_id`](crate::Envelope::message_id)). Here it is asked for, and forgotten in the end.
//!
//! A message can be both: an instance that can't read it yet buries it, and fails before it has acknowledged it; then it
//! comes to one that can. Whichever comes first, it has one effect, and is not dead any more: what is carried out MUST take
//! the dead message of its id along, in the same transaction, and is not buried later.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earmark_domain::{MessageId, MessageIdError, Processed};
use jiff::Timestamp;

use crate::store_error::StoreError;

/// How long a processed message is remembered: longer than any broker that is in order delivers again.
pub const INBOX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many processed messages one step forgets.
pub const INBOX_PURGE_BATCH: usize = 1_000;

/// The most dead messages of a source. With so many it takes no more messages until some are decided on.
pub const MAX_DEAD_MESSAGES: u64 = 100_000;

/// The most bytes of a dead message's body that are kept. A command fits.
pub const MAX_DEAD_BODY_BYTES: usize = 1024 * 1024;

/// How much of a dead message's body a list shows, in bytes. Most commands fit.
pub const SHOWN_DEAD_BODY_BYTES: usize = 4 * 1024;

/// How many dead messages one step decides on.
pub const DEAD_MESSAGE_BATCH: usize = 1_000;

/// The most bytes of bodies that are read at once to be tried once more: a bound on memory, since a command has some ten
/// times as many while it is decided.
pub const REPLAYED_BYTES: usize = 1024 * 1024;

/// The longest reason that a dead message has, in characters.
pub const MAX_DEAD_REASON_CHARS: usize = 1_000;

/// The longest name of a source, in characters. Less than the source of a message id may have: a replay's has some words
/// more.
const MAX_SOURCE_NAME_CHARS: usize = 200;

/// The name of a source: the kind of its broker and the name of the stream there, `nats/ORDERS`. It does not say where
/// the broker is, so that it stays when the broker moves: the ids of messages name it as their source, and what was put
/// aside is found by it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(Arc<str>);

impl SourceName {
    /// A name as somebody asks for it: 1 to 200 characters, none of them a control character. Others are cut and
    /// replaced.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(printable(name, MAX_SOURCE_NAME_CHARS).into())
    }

    /// The name of the stream of a broker; `None`: it would have to be cut, or something in it replaced, and might then be
    /// that of another stream.
    #[must_use]
    pub fn of(broker: &str, stream: &str) -> Option<Self> {
        let whole = format!("{broker}/{stream}");
        let name = Self::new(&whole);
        (*name.0 == *whole).then_some(name)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of a text that others have a hand in, without control characters: every store keeps it, and every
/// terminal shows it.
fn printable(text: &str, most: usize) -> String {
    let chars = text.chars().take(most);
    chars.map(|char| if char.is_control() { '?' } else { char }).collect()
}

/// A message that could not be read, or whose command was refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadMessage {
    /// Its number among the dead messages of the books, given when it is buried. Rising.
    pub number: u64,
    /// Where it came from.
    pub source: SourceName,
    /// Its id there, as [`MessageId`] has it beside the source; empty where the source has none.
    pub id: String,
    /// The id of the request that it belongs to, if it said so.
    pub correlation_id: Option<Arc<str>>,
    /// What it says, as far as it was kept.
    pub body: Vec<u8>,
    /// How many bytes it has.
    pub bytes: u64,
    /// Whether all of them were kept. Only then can it be replayed.
    pub is_whole: bool,
    /// Why it is dead: the reason of the last attempt.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was put aside.
    pub since: Timestamp,
    /// Whether it is to be tried once more.
    pub replayed: bool,
}

impl DeadMessage {
    /// The id by which the inbox knows the message itself, and not a replay of it. `None`: its source has no ids.
    ///
    /// # Errors
    /// [`MessageIdError`]: it has an id that no message can have.
    pub fn message_id(&self) -> Result<Option<MessageId>, MessageIdError> {
        if self.id.is_empty() {
            return Ok(None);
        }
        MessageId::new(self.source.as_str(), &self.id).map(Some)
    }

    /// A reason as it is kept: at most [`MAX_DEAD_REASON_CHARS`] characters, and no control characters.
    #[must_use]
    pub fn reason(text: &str) -> String {
        printable(text, MAX_DEAD_REASON_CHARS)
    }
}

/// What a source has put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// Which.
    pub name: SourceName,
    /// How many dead messages it has.
    pub dead: u64,
    /// How many of them are to be tried once more.
    pub replayed: u64,
}

/// What is to be done with dead messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadMessageAction {
    /// They are tried once more.
    Replay,
    /// They are dropped.
    Skip,
}

/// How far a decision on dead messages has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadMessagesDecided {
    /// How many it has concerned.
    pub messages: u64,
    /// The last number that it looked at; `None`: there are no more.
    pub next: Option<u64>,
}

/// How far forgetting has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagesForgotten {
    /// How many it has concerned.
    pub messages: u64,
    /// Behind which place there may be more; `None`: there are no more that are old.
    pub next: Option<u64>,
}

/// Stores processed and dead messages. Every method is one transaction and is bounded.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Which of these messages were processed before, and how they ended.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError>;

    /// Forgets messages that were processed before an instant, the oldest first: looks at [`INBOX_PURGE_BATCH`] of them
    /// behind a place, which is 0 at first. What a clock has dated wrongly MUST NOT keep others from being forgotten.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget(&self, before: Timestamp, after: u64) -> Result<MessagesForgotten, StoreError>;

    /// Puts dead messages of one source aside. One that is there already, by its source and its id, stays as it is, and one
    /// that was carried out is not put aside; one without an id is always another. The numbers in `messages` count for nothing. `false`: the source would have more
    /// than [`MAX_DEAD_MESSAGES`], and nothing was put aside.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError>;

    /// The sources that have dead messages, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sources(&self) -> Result<Vec<SourceStatus>, StoreError>;

    /// The dead messages of a source, after a number, ascending. Of each body the first [`SHOWN_DEAD_BODY_BYTES`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn dead_messages(
        &self,
        source: &SourceName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadMessage>, StoreError>;

    /// Decides on the next [`DEAD_MESSAGE_BATCH`] dead messages after a number: all of a source, or those with these
    /// numbers. Replaying is of whole ones that are not replayed yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn decide_on_dead_messages(
        &self,
        source: &SourceName,
        numbers: Option<&[u64]>,
        after: u64,
        action: DeadMessageAction,
    ) -> Result<DeadMessagesDecided, StoreError>;

    /// The dead messages of a source that are to be tried once more, ascending, with their whole bodies: as many as have
    /// [`REPLAYED_BYTES`], and one at least.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replays(&self, source: &SourceName, limit: usize) -> Result<Vec<DeadMessage>, StoreError>;

    /// Stores how a replay ended, if the message was tried as often as it says here: `None`, it was carried out, and the
    /// dead message is gone; otherwise the reason, one attempt more, and it is no longer to be replayed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replay_ended(&self, message: &DeadMessage, reason: Option<&str>) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_reasons_are_bounded_and_have_no_control_characters() {
        assert_eq!(
            SourceName::new("nats://broker/\u{0}ORDERS\n").as_str(),
            "nats://broker/?ORDERS?"
        );
        assert_eq!(SourceName::new(&"é".repeat(300)).as_str().chars().count(), 200);
        let longest = "é".repeat(195);
        let name = SourceName::of("nats", &longest).expect("a name");
        assert_eq!(name.as_str(), format!("nats/{longest}"));
        assert_eq!(SourceName::of("redis", &longest), None);
        assert_eq!(SourceName::of("redis", "a\nb"), None);
        assert_eq!(DeadMessage::reason("no\u{0}\u{1b}[31m field"), "no??[31m field");
        assert_eq!(
            DeadMessage::reason(&"é".repeat(3_000)).chars().count(),
            MAX_DEAD_REASON_CHARS
        );
    }
}
