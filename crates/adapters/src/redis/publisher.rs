//! The port.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Books, Clock, DeliveryLimits, EventMessage, LastPublished, PublishError, Publisher};
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use super::address::RedisAddress;
use super::append::{Entry, append};
use super::connection::{ANSWERING, connect};
use super::entry_id::EntryId;
use super::last_entry;
use super::line_allocated;
use crate::broker::within;

/// How much one call takes. The server does nothing else while it appends: a thousand entries take it a few milliseconds.
/// A megabyte is also the least that it can be told to take as one argument.
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
    connection: MultiplexedConnection,
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
    async fn append<'a>(&self, entries: impl FnOnce(EntryId) -> Entries<'a>) -> Result<(), PublishError> {
        let mut slot = self.end.lock().await;
        let Some(End { mut connection, last }) = slot.take() else {
            return Err(PublishError::OutOfStep(
                "its last event has to be asked for first".to_owned(),
            ));
        };
        let Entries { ready, refused } = entries(last);
        let appending = append(&mut connection, &self.address, last, &ready);
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

/// Events as entries, up to the first that can't be one.
struct Entries<'a> {
    ready: Vec<Entry<'a>>,
    refused: Option<PublishError>,
}

impl<'a> Entries<'a> {
    fn of(events: impl IntoIterator<Item = (Option<EntryId>, &'a EventMessage)>) -> Self {
        let mut entries = Self {
            ready: Vec::new(),
            refused: None,
        };
        for (index, (id, event)) in events.into_iter().enumerate() {
            match entry(id, event) {
                Ok(entry) => entries.ready.push(entry),
                Err(reason) => {
                    entries.refused = Some(PublishError::Refused { index, reason });
                    break;
                }
            }
        }
        entries
    }
}

fn entry(id: Option<EntryId>, event: &EventMessage) -> Result<Entry<'_>, String> {
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
            None => connect(&self.address, &*self.clock).await?,
        };
        let finding = last_entry::find(&mut connection, &self.address.stream, books);
        let (found, last) = within(&*self.clock, ANSWERING, finding).await?;
        *slot = Some(End { connection, last });
        Ok(found)
    }

    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError> {
        let in_order = |event: &'_ Arc<EventMessage>| EntryId::of(event.id.position);
        self.append(|_| Entries::of(events.iter().map(|event| (in_order(event), &**event))))
            .await
    }

    async fn replay(&self, event: &Arc<EventMessage>) -> Result<(), PublishError> {
        self.append(|last| Entries::of([(last.next_of_the_place(), &**event)]))
            .await
    }
}
