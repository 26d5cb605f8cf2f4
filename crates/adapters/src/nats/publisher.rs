//! The port.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::jetstream::stream::{Info, Stream};
use async_trait::async_trait;
use earmark_application::{
    Books, Clock, DeliveryLimits, EventMessage, LastPublished, LogPosition, PublishError, Publisher,
};
use tokio::sync::Mutex;

use super::address::NatsAddress;
use super::delivery::Acknowledged;
use super::last_message::{self, Tail};
use super::session::Session;
use super::{delivery, stream};

/// How much one call takes. A thousand messages fill the time that an acknowledgement is on its way, and the client's
/// own queue of 2,048 takes them without waiting; a megabyte is written within a tenth of a second on any network.
const LIMITS: DeliveryLimits = DeliveryLimits {
    events: 1_000,
    bytes: 1024 * 1024,
};

/// Publishes events to a stream of JetStream.
pub struct NatsPublisher {
    address: NatsAddress,
    clock: Arc<dyn Clock>,
    /// Taken out while it is used: what is dropped or fails leaves nothing behind.
    end: Mutex<Option<End>>,
    /// Whether the last call failed: then the next one has each message acknowledged.
    has_failed: AtomicBool,
}

/// The end of the stream, and the connection by which it was found.
struct End {
    session: Session,
    stream: Stream<Info>,
    tail: Tail,
}

impl NatsPublisher {
    /// A publisher to this stream. It connects when it is asked for its last event.
    #[must_use]
    pub fn new(address: NatsAddress, clock: Arc<dyn Clock>) -> Self {
        Self {
            address,
            clock,
            end: Mutex::new(None),
            has_failed: AtomicBool::new(false),
        }
    }

    /// The end of the stream, if it was found and nothing has failed since.
    async fn take_end(&self) -> Result<End, PublishError> {
        match self.end.lock().await.take() {
            Some(end) if !end.session.is_lost() => Ok(end),
            _ => Err(PublishError::OutOfStep(
                "its last event has to be asked for first".to_owned(),
            )),
        }
    }
}

impl fmt::Debug for NatsPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NatsPublisher").field(&self.address.to_string()).finish()
    }
}

#[async_trait]
impl Publisher for NatsPublisher {
    fn limits(&self) -> DeliveryLimits {
        LIMITS
    }

    async fn last_published(&self, books: &Books) -> Result<LastPublished, PublishError> {
        let mut slot = self.end.lock().await;
        let session = match slot.take() {
            Some(end) if !end.session.is_lost() => end.session,
            _ => Session::open(&self.address.broker, &*self.clock).await?,
        };
        let finding = Box::pin(async {
            let stream = stream::open(session.context(), &self.address).await?;
            let (last, tail) = last_message::find(&stream, books).await?;
            Ok::<_, PublishError>((last, stream, tail))
        });
        let (last, stream, tail) = session.ask(&*self.clock, finding).await?;
        *slot = Some(End { session, stream, tail });
        Ok(last)
    }

    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError> {
        let End { session, stream, tail } = self.take_end().await?;
        // It counts as failed until it has not.
        let acknowledged = if self.has_failed.swap(true, Ordering::Relaxed) {
            Acknowledged::Each
        } else {
            Acknowledged::usually(session.context(), &stream, events)
        };
        let publishing = delivery::publish(session.context(), &self.address.stream, tail, events, acknowledged);
        let tail = session.ask(&*self.clock, publishing).await?;
        self.has_failed.store(false, Ordering::Relaxed);
        *self.end.lock().await = Some(End { session, stream, tail });
        Ok(())
    }

    async fn replay(&self, event: &Arc<EventMessage>, place: LogPosition) -> Result<(), PublishError> {
        let End { session, stream, tail } = self.take_end().await?;
        let replaying = Box::pin(delivery::replay(session.context(), &stream, tail, event, place));
        let tail = session.ask(&*self.clock, replaying).await?;
        *self.end.lock().await = Some(End { session, stream, tail });
        Ok(())
    }
}
