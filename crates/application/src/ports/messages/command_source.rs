//! Command sources: where other systems leave commands as messages. A stream of a message broker, a channel.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earmark_domain::{Command, MessageId};

use crate::answer::Answer;

/// A message as its source delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, by which a repeat is recognised: the same at each delivery, to whichever instance, and another for each
    /// other message, also after the source has lost some. `None`: the source has no ids, and delivers nothing twice.
    pub id: Option<MessageId>,
    /// What it says.
    pub body: Body,
    /// The id of the request that it belongs to, if it says so: the correlation id of the events it causes.
    pub correlation_id: Option<Arc<str>>,
    /// Where the answer is awaited, if anywhere.
    pub reply_to: Option<Arc<str>>,
    /// By which the source knows this delivery.
    pub delivery: DeliveryId,
}

/// The body of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The whole.
    Whole(Vec<u8>),
    /// It is longer than any command, and was not kept: its length in bytes, and how it begins.
    TooLong {
        /// The length of the whole, in bytes.
        bytes: usize,
        /// At most [`BODY_BEGINNING_BYTES`] of it.
        beginning: Vec<u8>,
    },
}

/// How much of a body that is too long is kept, in bytes: enough to recognise the sender.
pub const BODY_BEGINNING_BYTES: usize = 1_024;

/// The most bytes of bodies that are received at once, but for the last message: a bound on memory, and hundreds of
/// commands as they mostly are.
pub const RECEIVED_BYTES: usize = 1024 * 1024;

/// Identifies a delivery within one session of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// The answer to a message, for whoever awaits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where it goes.
    pub to: Arc<str>,
    /// The answer: one JSON object.
    pub body: String,
}

/// Why a source did not do what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It can't be reached, or is too slow. Trying again may help. What was delivered and not acknowledged is delivered
    /// again.
    #[error("it does not answer: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// It is not one that commands can be taken from: it is set up otherwise than it has to be. Somebody has to mend it;
    /// it is tried again all the same.
    #[error("no commands can be taken from it: {0}")]
    Unfit(String),
}

/// Delivers messages from one source, each until it is acknowledged.
///
/// One caller receives at a time, and one acknowledges, replies and tells that it still works, and both may do so at once. Every wait MUST have a
/// bound. After an error the source starts a new session: [`DeliveryId`]s of earlier ones mean nothing to it any more, and
/// what they name is delivered again.
#[async_trait]
pub trait CommandSource: Send + Sync {
    /// Whether an acknowledged message is gone for good and an unacknowledged one comes again. `false`: it comes once or,
    /// while nobody listens, not at all.
    fn redelivers(&self) -> bool {
        true
    }

    /// Waits for messages, for at most `wait`; answers as soon as there are any, with at most `most`, and SHOULD answer
    /// with fewer rather than with more than [`RECEIVED_BYTES`] of bodies. May be dropped at any time: what it had
    /// received is then delivered again.
    ///
    /// # Errors
    /// [`SourceError`].
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, SourceError>;

    /// Acknowledges deliveries: these messages MUST NOT be needed any more, whatever happens next. The source may deliver
    /// some of them again all the same.
    ///
    /// # Errors
    /// [`SourceError`].
    async fn acknowledge(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError>;

    /// Tells the source that these are still worked on, before it takes them for lost.
    ///
    /// # Errors
    /// [`SourceError`].
    async fn still_working(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError>;

    /// Sends answers. Whoever awaited one may be gone: that is no error.
    ///
    /// # Errors
    /// [`SourceError`].
    async fn reply(&self, replies: &[Reply]) -> Result<(), SourceError>;
}

/// Reads what messages say, and writes answers.
pub trait MessageFormat: Send + Sync {
    /// The command that a body is.
    ///
    /// # Errors
    /// Why it is none, for whoever sent it: every fault of it, in one line of text.
    fn read(&self, body: &[u8]) -> Result<Command, String>;

    /// An answer as one JSON object.
    fn answer(&self, answer: &Answer) -> String;

    /// The answer to a message that is no command, for this reason.
    fn unreadable(&self, reason: &str) -> String;
}
