//! The port.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{
    Books, Clock, DeliveryLimits, EventMessage, LastPublished, LogPosition, PublishError, Publisher,
};
use tokio::sync::Mutex;

use super::address::RedisAddress;
use super::append::{Entry, append};
use super::connection::{ANSWERING, Connection, connect};
use super::entry_id::EntryId;
use super::last_entry;
use super::line_allocated;
use crate::broker::within;

/// How much one call takes. The server does nothing else while it appends: a thousand entries take it a few
/// milliseconds. A megabyte is also the least that it can be told to take as one argument.
const LIMITS: DeliveryLimits = DeliveryLimits {
    events: 1_000,
    bytes: 1024 * 1024,
};

/// Publishes events to a stream of Redis.
pub struct RedisPublisher {
    address: RedisAddress,
    clock: Arc<dyn Clock>,
    /// Taken out while it is used: what is dropped or fails leaves nothing behind.
    end: Mutex<Option<End>>,
}

/// The end of the stream, and the connection by which it was found.
struct End {
    connection: Connection,
    last: EntryId,
}

impl RedisPublisher {
    /// A publisher to this stream. It connects when it is asked for its last event.
    #[must_use]
    pub fn new(address: RedisAddress, clock: Arc<dyn Clock>) -> Self {
        Self {
            address,
            clock,
            end: Mutex::new(None),
        }
    }

    /// Appends entries behind the end that was found, and remembers the new one.
    async fn append<'a>(
        &self,
        events: impl Iterator<Item = &'a EventMessage>,
        id_behind: impl Fn(EntryId, &EventMessage) -> Option<EntryId>,
    ) -> Result<(), PublishError> {
        let mut slot = self.end.lock().await;
        let Some(End { mut connection, last }) = slot.take() else {
            return Err(PublishError::OutOfStep(
                "its last event has to be asked for first".to_owned(),
            ));
        };
        let (mut ready, mut refused) = (Vec::new(), None);
        for (index, event) in events.enumerate() {
            match entry(id_behind(last, event), event, connection.max_argument) {
                Ok(entry) => ready.push(entry),
                Err(reason) => {
                    refused = Some(PublishError::Refused { index, reason });
                    break;
                }
            }
        }
        let appending = append(&mut connection.link, &self.address, last, &ready);
        let last = within(&*self.clock, ANSWERING, appending).await?;
        *slot = Some(End { connection, last });
        refused.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for RedisPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisPublisher")
            .field(&self.address.to_string())
            .finish()
    }
}

/// An event as an entry, or why it can't be one.
fn entry(id: Option<EntryId>, event: &EventMessage, max_argument: usize) -> Result<Entry<'_>, String> {
    if event.body.len() > max_argument {
        return Err(format!(
            "it has {} bytes, and the server takes {max_argument}",
            event.body.len()
        ));
    }
    Ok(Entry {
        id: id.ok_or("no id of an entry is left for it")?,
        event,
        messages: line_allocated::messages_of(&event.event).map_err(|error| error.to_string())?,
    })
}

#[async_trait]
impl Publisher for RedisPublisher {
    fn limits(&self) -> DeliveryLimits {
        LIMITS
    }

    async fn last_published(&self, books: &Books) -> Result<LastPublished, PublishError> {
        let mut slot = self.end.lock().await;
        // A connection that was used without a fault may be used on: if it is broken by now, this question fails.
        let mut connection = match slot.take() {
            Some(end) => end.connection,
            None => connect(&self.address.broker, self.address.database, &*self.clock).await?,
        };
        let finding = last_entry::find(&mut connection.link, &self.address.stream, books);
        let (found, last) = within(&*self.clock, ANSWERING, finding).await?;
        *slot = Some(End { connection, last });
        Ok(found)
    }

    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError> {
        let events = events.iter().map(|event| &**event);
        self.append(events, |_, event| EntryId::of(event.id.position)).await
    }

    async fn replay(&self, event: &Arc<EventMessage>, place: LogPosition) -> Result<(), PublishError> {
        let only = std::iter::once(&**event);
        self.append(only, |last, _| last.of_replay(place)).await
    }
}
