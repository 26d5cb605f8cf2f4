//! The port.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Body, Clock, CommandSource, DeliveryId, Message, Reply, SourceError, SourceName};
use futures::future::select;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisError, Script};
use tokio::sync::Mutex;

use super::super::answers;
use super::super::commands::RedisCommandsAddress;
use super::super::connection::{ANSWERING, Server};
use super::heard::{Heard, Listener};
use crate::broker::{BrokerError, unavailable, within};

/// The channel on which the book's service is told of batches that have another quantity.
pub const CHANGE_BATCH_QUANTITY: &str = "change_batch_quantity";

/// How long the lease is. After so long without a word from its holder another instance acts, and begins with what came
/// within that time.
const LEASE: Duration = Duration::from_secs(6);

/// How often the lease is renewed, or asked for. Each time it is also seen whether the server answers.
const RENEWAL: Duration = Duration::from_secs(2);

static TAKE_LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lease.lua")));

/// Listens to the book's channel `change_batch_quantity`.
///
/// A channel keeps nothing and has no ids. So one instance at a time acts on it, by a lease; the others listen, so that
/// whoever takes over can begin with what came since the last sign of its predecessor. What comes while nobody listens is
/// lost, as it is in the book.
pub struct RedisChannelSource {
    address: RedisCommandsAddress,
    /// The key of the lease: who acts on the channel, of all instances of one group.
    lease: String,
    listener: Arc<str>,
    clock: Arc<dyn Clock>,
    numbers: AtomicU64,
    session: Mutex<Option<Session>>,
}

/// A connection that listens.
struct Session {
    link: MultiplexedConnection,
    heard: Arc<Heard>,
    /// Until when the lease is held, if it is: by the clock that only goes on.
    held_until: Option<Duration>,
    /// When it is renewed, or asked for.
    renew_at: Duration,
}

impl RedisChannelSource {
    /// The name of the source, on whichever server. A stream of the same name is another one.
    #[must_use]
    pub fn name() -> SourceName {
        SourceName::new(&format!("redis-channel/{CHANGE_BATCH_QUANTITY}"))
    }

    /// A source on the server of this address, for an instance whose name no other has. It connects when messages are
    /// asked for.
    #[must_use]
    pub fn new(address: RedisCommandsAddress, listener: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            lease: format!("earmark:listener:{}:{CHANGE_BATCH_QUANTITY}", address.group()),
            address,
            listener: Arc::from(listener),
            clock,
            numbers: AtomicU64::new(0),
            session: Mutex::default(),
        }
    }

    async fn open(&self) -> Result<Session, SourceError> {
        let heard = Arc::new(Heard::new(Arc::clone(&self.clock)));
        // Only with this protocol a connection may listen and ask.
        let server = Server::of(&self.address.broker, self.address.database, ProtocolVersion::RESP3)?;
        let config = AsyncConnectionConfig::new().set_push_sender(Listener(Arc::clone(&heard)));
        let mut link = server.link(config, &*self.clock).await?;
        let subscribing = async {
            let subscribed = link.subscribe(CHANGE_BATCH_QUANTITY).await;
            subscribed.map_err(|error| answers::of(&error))
        };
        within(&*self.clock, ANSWERING, subscribing).await?;
        Ok(Session {
            link,
            heard,
            held_until: None,
            renew_at: self.clock.monotonic(),
        })
    }

    /// Waits until there are messages to act on.
    async fn listen(&self, session: &mut Session, most: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        let until = self.clock.monotonic() + wait;
        loop {
            let lost = session.heard.lost();
            if lost > 0 {
                let channel = CHANGE_BATCH_QUANTITY;
                tracing::warn!(lost, channel, "messages came faster than they were taken, and are lost");
            }
            let now = self.clock.monotonic();
            if session.held_until.is_some_and(|held_until| now < held_until) {
                let bodies = session.heard.take(most);
                if !bodies.is_empty() {
                    return Ok(bodies.into_iter().map(|body| self.message(body)).collect());
                }
            } else {
                session.heard.forget(now.saturating_sub(LEASE));
            }
            if session.heard.has_ended() {
                let why = "the connection is lost, and what is said on the channel until it is back is not heard";
                return Err(unavailable(&why).into());
            }
            if now >= session.renew_at {
                self.renew(session).await?;
                continue;
            }
            let left = until.saturating_sub(now);
            if left.is_zero() {
                return Ok(Vec::new());
            }
            let pause = self.clock.pause(left.min(session.renew_at - now));
            select(pin!(session.heard.news()), pause).await;
        }
    }

    async fn renew(&self, session: &mut Session) -> Result<(), SourceError> {
        let asked_at = self.clock.monotonic();
        let mut call = TAKE_LEASE.key(&self.lease);
        call.arg(&*self.listener).arg(LEASE.as_millis());
        let asking = async {
            let answer: Result<bool, RedisError> = call.invoke_async(&mut session.link).await;
            answer.map_err(|error| answers::of(&error))
        };
        let is_held = within::<_, BrokerError>(&*self.clock, ANSWERING, asking).await?;
        session.held_until = is_held.then_some(asked_at + LEASE);
        session.renew_at = asked_at + RENEWAL;
        Ok(())
    }

    fn message(&self, body: Body) -> Message {
        Message {
            id: None,
            body,
            correlation_id: None,
            reply_to: None,
            delivery: DeliveryId(self.numbers.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl fmt::Debug for RedisChannelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.to_string();
        f.debug_tuple("RedisChannelSource").field(&address).finish()
    }
}

#[async_trait]
impl CommandSource for RedisChannelSource {
    fn redelivers(&self) -> bool {
        false
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        let mut slot = self.session.lock().await;
        let session = match &mut *slot {
            Some(session) => session,
            none => none.insert(Box::pin(self.open()).await?),
        };
        let heard = self.listen(session, most, wait).await;
        if heard.is_err() {
            *slot = None;
        }
        heard
    }

    async fn acknowledge(&self, _: &[DeliveryId]) -> Result<(), SourceError> {
        Ok(())
    }

    async fn still_working(&self, _: &[DeliveryId]) -> Result<(), SourceError> {
        Ok(())
    }

    async fn reply(&self, _: &[Reply]) -> Result<(), SourceError> {
        Ok(())
    }
}
