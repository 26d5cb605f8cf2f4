//! The port.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Clock, CommandSource, DeliveryId, Message, Reply, SourceError};

use super::address::NatsCommandsAddress;
use super::session::{CommandSession, Left};

/// Takes commands from a stream of JetStream, through a durable consumer that all instances share.
pub struct NatsCommandSource {
    address: NatsCommandsAddress,
    clock: Arc<dyn Clock>,
    /// The number of the next delivery. It goes on through all sessions, so that none takes one of another for its own.
    numbers: AtomicU64,
    state: Mutex<State>,
}

/// The session, and what the one before it has left.
#[derive(Default)]
struct State {
    session: Option<Arc<CommandSession>>,
    left: Left,
}

impl NatsCommandSource {
    /// A source at this address. It connects when messages are asked for.
    #[must_use]
    pub fn new(address: NatsCommandsAddress, clock: Arc<dyn Clock>) -> Self {
        Self {
            address,
            clock,
            numbers: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    fn session(&self) -> Option<Arc<CommandSession>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.session.clone()
    }

    async fn open_session(&self) -> Result<Arc<CommandSession>, SourceError> {
        if let Some(session) = self.session() {
            return Ok(session);
        }
        // A copy: a call that is dropped takes nothing with it.
        let mut left = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.left.clone()
        };
        let opened = Box::pin(CommandSession::open(
            &self.address,
            &mut left,
            &*self.clock,
            &self.numbers,
        ));
        let opened = opened.await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.left = left;
        let session = Arc::new(opened?);
        state.session = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Ends a session with its first fault.
    fn checked<T>(&self, session: &Arc<CommandSession>, outcome: Result<T, SourceError>) -> Result<T, SourceError> {
        if outcome.is_err() {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.session.take_if(|current| Arc::ptr_eq(current, session)).is_some() {
                state.left = session.left();
            }
        }
        outcome
    }
}

impl fmt::Debug for NatsCommandSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.to_string();
        f.debug_tuple("NatsCommandSource").field(&address).finish()
    }
}

#[async_trait]
impl CommandSource for NatsCommandSource {
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
