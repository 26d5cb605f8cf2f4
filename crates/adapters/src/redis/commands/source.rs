//! The port.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Clock, CommandSource, DeliveryId, Message, Reply, SourceError};

use super::address::RedisCommandsAddress;
use super::session::CommandSession;

/// Takes commands from a stream of Redis, in a consumer group that all instances share.
pub struct RedisCommandSource {
    address: Arc<RedisCommandsAddress>,
    consumer: Arc<str>,
    clock: Arc<dyn Clock>,
    /// The number of the next delivery. It goes on through all sessions, so that none takes one of another for its own.
    numbers: AtomicU64,
    session: Mutex<Option<Arc<CommandSession>>>,
}

impl RedisCommandSource {
    /// A source at this address, for a consumer whose name no other process has. It connects when messages are asked for.
    #[must_use]
    pub fn new(address: RedisCommandsAddress, consumer: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            address: Arc::new(address),
            consumer: Arc::from(consumer),
            clock,
            numbers: AtomicU64::new(0),
            session: Mutex::default(),
        }
    }

    fn session(&self) -> Option<Arc<CommandSession>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn open_session(&self) -> Result<Arc<CommandSession>, SourceError> {
        if let Some(session) = self.session() {
            return Ok(session);
        }
        let opening = Box::pin(CommandSession::open(&self.address, &self.consumer, &*self.clock));
        let session = Arc::new(opening.await?);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Ends a session with its first fault.
    fn checked<T>(&self, session: &Arc<CommandSession>, outcome: Result<T, SourceError>) -> Result<T, SourceError> {
        if outcome.is_err() {
            let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            current.take_if(|current| Arc::ptr_eq(current, session));
        }
        outcome
    }
}

impl fmt::Debug for RedisCommandSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.to_string();
        f.debug_tuple("RedisCommandSource").field(&address).finish()
    }
}

#[async_trait]
impl CommandSource for RedisCommandSource {
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        let session = self.open_session().await?;
        let received = session.receive(most, wait, &*self.clock, &self.numbers).await;
        self.checked(&session, received)
    }

    async fn acknowledge(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError> {
        let Some(session) = self.session() else {
            return Ok(());
        };
        let acknowledged = session.acknowledge(deliveries, &*self.clock).await;
        self.checked(&session, acknowledged)
    }

    async fn still_working(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError> {
        let Some(session) = self.session() else {
            return Ok(());
        };
        let told = session.still_working(deliveries, &*self.clock).await;
        self.checked(&session, told)
    }

    async fn reply(&self, replies: &[Reply]) -> Result<(), SourceError> {
        let Some(session) = self.session() else {
            // The message comes again, and is answered then.
            return Ok(());
        };
        let sent = session.reply(replies, &*self.clock).await;
        self.checked(&session, sent)
    }
}
