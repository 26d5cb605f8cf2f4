//! Pulls: requests for messages, one after the other. The server answers each with as many messages as it takes, and says
//! when it is over.
//!
//! One pull brings a bounded number of messages and of bytes, so a flood of large messages waits in the server and not
//! here. A message that is larger than a whole pull would wait there for ever: it is pulled alone, without a bound.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::{Client, Message, StatusCode, Subscriber};
use earmark_application::{Clock, RECEIVED_BYTES, SourceError};
use futures::StreamExt;

use crate::broker::{BrokerError, unavailable};

/// How long a pull waits in the server for messages.
const EXPIRES: Duration = Duration::from_secs(30);

/// How often the server says that a pull still waits.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// After so long without a word a pull counts as lost.
const SILENCE: Duration = Duration::from_secs(15);

/// So many messages are pulled one by one where one of them may break the connection and nobody can look for it: it then
/// breaks it alone, and those that were delivered with it come through.
const CAREFUL: usize = 1_000;

/// What a pull that was answered with no message at all may have met, which a new one does not.
const TOO_LARGE: &str = "Message Size Exceeds MaxBytes";

/// The pulls of a session.
pub(super) struct Pulls {
    consumer: PullConsumer,
    subscriber: Subscriber,
    /// What the subjects of answers begin with; the number of the pull follows.
    inbox: String,
    /// How many pulls there were.
    number: u64,
    under_way: Option<Pull>,
    /// Whether the next message is larger than a pull.
    is_too_large: bool,
    /// How many more messages are pulled one by one.
    careful: usize,
    /// When the server was heard of.
    heard: Duration,
}

/// A pull that the server has not ended.
struct Pull {
    /// The subject of what is said about it.
    subject: String,
    /// How many more messages it may bring.
    messages: usize,
    /// How many more bytes it may bring, if that is bounded.
    bytes: Option<usize>,
    /// Whether it has brought any.
    has_brought: bool,
}

impl Pulls {
    /// Listens for what pulls will bring. Carefully: the first messages are pulled one by one.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    pub(super) async fn listen(client: &Client, consumer: PullConsumer, is_careful: bool) -> Result<Self, BrokerError> {
        let inbox = client.new_inbox();
        let subscriber = client
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(Self {
            consumer,
            subscriber,
            inbox,
            number: 0,
            under_way: None,
            is_too_large: false,
            careful: if is_careful { CAREFUL } else { 0 },
            heard: Duration::ZERO,
        })
    }

    /// Whether a pull is under way, which may bring more.
    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The next message. Waits as long as it takes; may be dropped at any time, and loses nothing by that.
    ///
    /// # Errors
    /// [`SourceError`]: pulls are not answered as they should be.
    pub(super) async fn next(&mut self, most: usize, clock: &dyn Clock) -> Result<Message, SourceError> {
        loop {
            if self.under_way.is_none() {
                self.pull(most, clock).await?;
            }
            let Some(message) = self.subscriber.next().await else {
                return Err(unavailable(&"the connection has ended").into());
            };
            self.heard = clock.monotonic();
            // A stored message may bear a status as well, and is to be acknowledged; what the server says is not.
            match message.status.filter(|_| message.reply.is_none()) {
                None | Some(StatusCode::OK) => {
                    self.count(&message);
                    return Ok(message);
                }
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(status) => self.ended(status, &message)?,
            }
        }
    }

    /// For how long the server may still say nothing.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`]: it has said nothing for too long.
    pub(super) fn silence_left(&self, clock: &dyn Clock) -> Result<Duration, SourceError> {
        if self.under_way.is_none() {
            return Ok(SILENCE);
        }
        let left = (self.heard + SILENCE).saturating_sub(clock.monotonic());
        if left.is_zero() {
            return Err(unavailable(&"the server does not say that it still has messages asked for").into());
        }
        Ok(left)
    }

    async fn pull(&mut self, most: usize, clock: &dyn Clock) -> Result<(), SourceError> {
        let limits = &self.consumer.cached_info().config;
        let bounded = |own: usize, limit: i64| match usize::try_from(limit) {
            Ok(limit) if limit > 0 => own.min(limit),
            _ => own,
        };
        let expires = match limits.max_expires {
            limit if limit.is_zero() => EXPIRES,
            limit => limit.min(EXPIRES),
        };
        let (batch, bytes) = if self.is_too_large {
            (1, None)
        } else {
            let bytes = bounded(RECEIVED_BYTES, limits.max_bytes);
            let most = if self.careful > 0 { 1 } else { most.max(1) };
            (bounded(most, limits.max_batch), Some(bytes))
        };
        let request = BatchConfig {
            batch,
            expires: Some(expires),
            max_bytes: bytes.unwrap_or(0),
            // The server takes no longer one.
            idle_heartbeat: HEARTBEAT.min(expires / 2),
            ..BatchConfig::default()
        };
        let subject = format!("{}.{}", self.inbox, self.number + 1);
        let asking = self.consumer.request_batch(request, subject.as_str().into());
        asking.await.map_err(|error| unavailable(&error))?;
        self.number += 1;
        self.is_too_large = false;
        self.heard = clock.monotonic();
        self.under_way = Some(Pull {
            subject,
            messages: batch,
            bytes,
            has_brought: false,
        });
        Ok(())
    }

    /// A message has come. A pull whose bounds are reached is over, and the server does not say so.
    fn count(&mut self, message: &Message) {
        let Some(pull) = &mut self.under_way else {
            return;
        };
        pull.has_brought = true;
        self.careful = self.careful.saturating_sub(1);
        pull.messages -= 1;
        pull.bytes = pull.bytes.map(|bytes| bytes.saturating_sub(message.length));
        if pull.messages == 0 || pull.bytes == Some(0) {
            self.under_way = None;
        }
    }

    /// The server says that a pull is over.
    fn ended(&mut self, status: StatusCode, message: &Message) -> Result<(), SourceError> {
        let Some(pull) = self.under_way.take_if(|pull| pull.subject == *message.subject) else {
            // An earlier one, which was over already.
            return Ok(());
        };
        let description = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND => Ok(()),
            _ if description == TOO_LARGE => {
                self.is_too_large = !pull.has_brought;
                Ok(())
            }
            _ if pull.has_brought && description == "Batch Completed" => Ok(()),
            StatusCode::NO_RESPONDERS => Err(unavailable(&"no server has the consumer").into()),
            _ if description.starts_with("Exceeded MaxRequest") => Err(SourceError::Unfit(description.to_owned())),
            status => Err(unavailable(&format_args!("{description} ({status})")).into()),
        }
    }
}
