//! The publisher: a sink that events are delivered to. A message broker, a webhook, the log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::books::{Books, EventId, LogPosition};
use crate::envelope::is_trace_context;
use crate::ports::reading::EncodedEvent;

/// An event as it leaves the service. Shared by all who deliver it.
#[derive(Debug, PartialEq, Eq)]
pub struct EventMessage {
    /// Its id: repeats are recognised by it.
    pub id: EventId,
    /// The event.
    pub event: EncodedEvent,
    /// The event as readers outside get it: one JSON object, without line ends.
    pub body: String,
}

impl EventMessage {
    /// The context of the trace that caused it, if whoever caused it has told it: its correlation id, which is stored with it
    /// and known to whichever instance publishes it.
    #[must_use]
    pub fn trace_context(&self) -> Option<&str> {
        Some(self.event.correlation_id.as_str()).filter(|id| is_trace_context(id))
    }
}

/// How much of the log one delivery may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// At most so many events, at least one.
    pub events: usize,
    /// At most so many bytes of their bodies, but for one event that is larger alone.
    pub bytes: usize,
}

/// What a sink says about the last event that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastPublished {
    /// The place behind it, in the history that it was published from.
    Event(LogPosition),
    /// It has had events, and none is left: what it keeps is bounded. The place of the subscription counts.
    Emptied,
    /// The place behind an event that it has; whether it had later ones, it can't tell. The later of this place and that of
    /// the subscription counts.
    AtLeast(LogPosition),
    /// It never had any.
    Nothing,
    /// It can't tell: the place of the subscription counts.
    Unknown,
}

/// When a delivery that failed is tried again: after `first`, then after twice as long each time, up to `longest`. Each
/// wait is shortened by a random part of up to a half, so that many who failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// After how long without any delivery the subscription is disabled; `None`: never.
    pub give_up_after: Option<Duration>,
}

impl RetryPolicy {
    /// For a broker that the operator runs: it is looked for every few seconds, for ever.
    pub const BROKER: Self = Self {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(5),
        give_up_after: None,
    };
}

/// Why events were not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The sink can't be reached, is too slow, or does not take anything now. Some of the events may have arrived. Trying
    /// again may help.
    #[error("it does not answer: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
        /// When to try again, if the sink says so.
        retry_after: Option<Duration>,
    },
    /// The sink answered and has taken nothing of the delivery: because of one of the events, or for a reason of its own.
    #[error("it did not take the delivery: {0}")]
    NotTaken(String),
    /// The last event of the sink is not the one that was supposed: it has lost some, or another relay publishes to it.
    /// Whoever goes on asks for it anew.
    #[error("it is not where it was: {0}")]
    OutOfStep(String),
    /// The sink refuses an event for good. Those before it have arrived, those behind it have not.
    #[error("it refuses event {}: {reason}", .index)]
    Refused {
        /// Which of those that were to be published.
        index: usize,
        /// Why.
        reason: String,
    },
    /// The sink wants no more events: nothing is sent to it until somebody says so.
    #[error("it wants no more events: {0}")]
    Gone(String),
    /// The sink is not one that can be published to: it belongs to other books, or is set up otherwise than it has to be.
    #[error("it can't be published to: {0}")]
    Unfit(String),
}

/// Delivers events to one sink.
///
/// One caller uses it at a time, and calls [`last_published`](Self::last_published) before it publishes first, and again
/// after each error where the sink can tell. A call may be dropped at any time: some of its events may then have arrived. Every wait MUST have a
/// bound.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// How much one call takes.
    fn limits(&self) -> DeliveryLimits;

    /// Whether a delivery is repeated exactly as it was, after a restart too: with the same events and no others. Needed
    /// where the sink knows repeats by the delivery and not by the event.
    fn repeats_deliveries(&self) -> bool {
        false
    }

    /// When a delivery that failed is tried again.
    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy::BROKER
    }

    /// The last event that the sink has, of those that were published in their order, or the place of the subscription at
    /// the last replay, whichever is later.
    ///
    /// # Errors
    /// [`PublishError`].
    async fn last_published(&self, books: &Books) -> Result<LastPublished, PublishError>;

    /// Publishes events behind the last one, in their order, and returns when the sink has acknowledged them all. MUST NOT
    /// leave one out that it does not name, and MUST NOT change their order, whatever fails.
    ///
    /// # Errors
    /// [`PublishError`].
    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError>;

    /// Publishes one event again that the sink had refused, out of its order. All events up to `place`, that of the
    /// subscription, are delivered, put aside or decided on: afterwards [`last_published`](Self::last_published) MUST NOT
    /// answer an earlier place, so that none of them is sent again, and MUST NOT take this event for the last one.
    ///
    /// # Errors
    /// [`PublishError`].
    async fn replay(&self, event: &Arc<EventMessage>, place: LogPosition) -> Result<(), PublishError>;
}
