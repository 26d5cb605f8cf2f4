//! A session of the source: two connections, what they have delivered, and what waits to be taken.
//!
//! By one connection entries come, which has the server wait for them; by the other they are acknowledged meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use earmark_application::{Clock, DeliveryId, Message, Reply, SourceError, SourceName};
use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion};

use super::super::connection::{ANSWERING, Server};
use super::address::RedisCommandsAddress;
use super::scripts::{self, Found};
use crate::broker::{BrokerError, incoming, within};

/// The most entries that one call to the server concerns: it does nothing else meanwhile, for a few milliseconds.
const MAX_AT_ONCE: usize = 500;

/// Behind this id are all entries.
const BEGINNING: &str = "0-0";

/// A pair of connections that entries come by.
pub(super) struct CommandSession {
    address: Arc<RedisCommandsAddress>,
    consumer: Arc<str>,
    /// What ids of messages name as their source.
    source: SourceName,
    acting: MultiplexedConnection,
    inbox: tokio::sync::Mutex<Inbox>,
    /// What was delivered and is not acknowledged, with its id in the stream.
    delivered: Mutex<HashMap<DeliveryId, String>>,
}

/// Entries that come in.
struct Inbox {
    reading: MultiplexedConnection,
    /// A question that is not answered. A call that is dropped leaves it to the next one.
    asked: Option<BoxFuture<'static, Result<Answer, BrokerError>>>,
    /// Entries that are here and not taken.
    ready: VecDeque<Message>,
    /// Behind which id the entries are that an earlier session of this process has left, until all are here.
    earlier: Option<String>,
    /// Where to go on among those that have been idle for too long.
    cursor: String,
    /// When these are looked at next, by the clock that only goes on.
    claim_at: Duration,
    /// Whether there was nothing new.
    is_empty: bool,
}

/// What the server answers.
enum Answer {
    Earlier(Found),
    Idle(Found),
    New(Found),
    Waited(Option<Found>),
}

impl CommandSession {
    /// Connects, makes the group if it is missing, and removes consumers that are gone.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn open(
        address: &Arc<RedisCommandsAddress>,
        consumer: &Arc<str>,
        clock: &dyn Clock,
    ) -> Result<Self, SourceError> {
        let server = Server::of(&address.broker, address.database, ProtocolVersion::RESP2)?;
        let mut acting = server.link(AsyncConnectionConfig::new(), clock).await?;
        // A server without memory makes no group. One that is there can be emptied all the same.
        let opening = async {
            if scripts::tidy(&mut acting, address).await? {
                return Ok(());
            }
            scripts::make_group(&mut acting, address).await
        };
        within(clock, ANSWERING, opening).await?;
        let reading = server.link(AsyncConnectionConfig::new(), clock).await?;
        Ok(Self {
            address: Arc::clone(address),
            consumer: Arc::clone(consumer),
            source: address.source().clone(),
            acting,
            inbox: tokio::sync::Mutex::new(Inbox {
                reading,
                asked: None,
                ready: VecDeque::new(),
                earlier: Some(BEGINNING.to_owned()),
                cursor: BEGINNING.to_owned(),
                claim_at: clock.monotonic(),
                is_empty: false,
            }),
            delivered: Mutex::default(),
        })
    }

    /// Waits for entries; `numbers` has the ids of deliveries. Dropped at any time, it loses nothing.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn receive(
        &self,
        most: usize,
        wait: Duration,
        clock: &dyn Clock,
        numbers: &AtomicU64,
    ) -> Result<Vec<Message>, SourceError> {
        let until = clock.monotonic() + wait;
        let mut inbox = self.inbox.lock().await;
        let inbox = &mut *inbox;
        while inbox.ready.is_empty() {
            let asked = match inbox.asked.take() {
                Some(asked) => asked,
                None => self.ask(inbox, most.clamp(1, MAX_AT_ONCE), clock),
            };
            let asked = inbox.asked.insert(asked);
            let left = until.saturating_sub(clock.monotonic());
            match select(asked, clock.pause(left)).await {
                Either::Left((answer, _)) => {
                    inbox.asked = None;
                    self.take(inbox, answer?, clock, numbers)?;
                }
                Either::Right(((), _)) => break,
            }
        }
        Ok(incoming::take(&mut inbox.ready, most))
    }

    /// What is asked next: first for what an earlier session has left, then now and then for what has been idle for too
    /// long, and otherwise for what is new.
    fn ask(&self, inbox: &Inbox, most: usize, clock: &dyn Clock) -> BoxFuture<'static, Result<Answer, BrokerError>> {
        let (mut link, address) = (inbox.reading.clone(), Arc::clone(&self.address));
        let consumer = Arc::clone(&self.consumer);
        if let Some(from) = inbox.earlier.clone() {
            let found = async move { scripts::take(&mut link, &address, &consumer, &from, most).await };
            return found.map(|found| found.map(Answer::Earlier)).boxed();
        }
        if clock.monotonic() >= inbox.claim_at {
            let cursor = inbox.cursor.clone();
            let found = async move { scripts::claim(&mut link, &address, &consumer, &cursor, most).await };
            return found.map(|found| found.map(Answer::Idle)).boxed();
        }
        if inbox.is_empty {
            let found = async move { scripts::wait(&mut link, &address, &consumer).await };
            return found.map(|found| found.map(Answer::Waited)).boxed();
        }
        let found = async move { scripts::take(&mut link, &address, &consumer, ">", most).await };
        found.map(|found| found.map(Answer::New)).boxed()
    }

    /// Takes an answer in: nothing of it is lost from here on.
    fn take(
        &self,
        inbox: &mut Inbox,
        answer: Answer,
        clock: &dyn Clock,
        numbers: &AtomicU64,
    ) -> Result<(), SourceError> {
        let found = match answer {
            Answer::Earlier(found) => {
                inbox.earlier = (!found.next.is_empty()).then_some(found.next);
                found.entries
            }
            Answer::Idle(found) => {
                if found.next == BEGINNING {
                    inbox.claim_at = clock.monotonic() + self.address.ack_wait / 3;
                }
                inbox.cursor = found.next;
                found.entries
            }
            Answer::New(found) => {
                inbox.is_empty = found.next.is_empty();
                found.entries
            }
            Answer::Waited(found) => {
                inbox.is_empty = found.is_none();
                found.map(|found| found.entries).unwrap_or_default()
            }
        };
        for entry in found {
            let delivery = DeliveryId(numbers.fetch_add(1, Ordering::Relaxed));
            let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            delivered.insert(delivery, entry.id.clone());
            inbox.ready.push_back(entry.message(self.source.as_str(), delivery)?);
        }
        Ok(())
    }

    /// Acknowledges what was delivered in this session.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn acknowledge(&self, deliveries: &[DeliveryId], clock: &dyn Clock) -> Result<(), SourceError> {
        for some in deliveries.chunks(MAX_AT_ONCE) {
            let entries: Vec<String> = {
                let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
                some.iter().filter_map(|id| delivered.remove(id)).collect()
            };
            if !entries.is_empty() {
                let mut link = self.acting.clone();
                within(
                    clock,
                    ANSWERING,
                    scripts::acknowledge(&mut link, &self.address, &entries),
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Says that what was delivered in this session is still worked on.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn still_working(&self, deliveries: &[DeliveryId], clock: &dyn Clock) -> Result<(), SourceError> {
        for some in deliveries.chunks(MAX_AT_ONCE) {
            let entries: Vec<String> = {
                let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
                some.iter().filter_map(|id| delivered.get(id).cloned()).collect()
            };
            if !entries.is_empty() {
                let mut link = self.acting.clone();
                let telling = scripts::still_working(&mut link, &self.address, &self.consumer, &entries);
                within(clock, ANSWERING, telling).await?;
            }
        }
        Ok(())
    }

    /// Sends answers.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn reply(&self, replies: &[Reply], clock: &dyn Clock) -> Result<(), SourceError> {
        for some in replies.chunks(MAX_AT_ONCE) {
            let mut link = self.acting.clone();
            within(clock, ANSWERING, scripts::reply(&mut link, some)).await?;
        }
        Ok(())
    }
}
