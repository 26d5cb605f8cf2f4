//! A session of the source: a connection, the messages that it has delivered, and those that wait to be taken.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::{self, AckKind};
use async_nats::{Client, Subject};
use earmark_application::{Clock, DeliveryId, Message, Reply, SourceError};
use futures::FutureExt;
use futures::future::{Either, select};

use super::super::session::Session;
use super::address::NatsCommandsAddress;
use super::message;
use super::pull::Pulls;
use super::stream::{self, Opened};
use crate::broker::{incoming, unavailable};

/// How long it waits for a message that the server is about to send, when it has some already: the larger the groups in
/// which messages are taken, the less each costs.
const GATHERING: Duration = Duration::from_millis(5);

/// A connection that messages come by.
pub(super) struct CommandSession {
    session: Session,
    /// What ids of messages name as their source.
    source: String,
    /// The subjects of the stream.
    subjects: Vec<String>,
    inbox: tokio::sync::Mutex<Inbox>,
    /// What was delivered and is not acknowledged, with where the acknowledgement goes.
    delivered: Mutex<HashMap<DeliveryId, Subject>>,
}

/// Messages that come in.
struct Inbox {
    pulls: Pulls,
    /// Those that are here and not taken: what a call had received when it was dropped.
    ready: VecDeque<Message>,
    /// How many more the server had when it sent the last one.
    more: u64,
}

impl CommandSession {
    /// Connects, finds the stream and the consumer or makes them, and has the server deliver again what an earlier
    /// session has left.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn open(
        address: &NatsCommandsAddress,
        left: Vec<Subject>,
        clock: &dyn Clock,
    ) -> Result<Self, SourceError> {
        let session = Session::open(&address.broker, clock).await?;
        let opening = Box::pin(async {
            let Opened { consumer, subjects } = stream::open(session.context(), address).await?;
            let client = session.context().client();
            send_all(&client, left, AckKind::Nak(None)).await?;
            let pulls = Pulls::listen(&client, consumer).await?;
            Ok::<_, SourceError>((subjects, pulls))
        });
        let (subjects, pulls) = session.ask(clock, opening).await?;
        Ok(Self {
            session,
            source: format!("nats/{}", address.stream),
            subjects,
            inbox: tokio::sync::Mutex::new(Inbox {
                pulls,
                ready: VecDeque::new(),
                more: 0,
            }),
            delivered: Mutex::default(),
        })
    }

    /// Waits for messages; `numbers` has the ids of deliveries. Dropped at any time, it loses nothing.
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
        while inbox.ready.len() < most {
            let left = if inbox.ready.is_empty() {
                until.saturating_sub(clock.monotonic())
            } else if inbox.pulls.is_under_way() && inbox.more > 0 {
                GATHERING
            } else {
                Duration::ZERO
            };
            let Some(message) = self.next(&mut inbox, most, left, clock).await? else {
                break;
            };
            let delivery = DeliveryId(numbers.fetch_add(1, Ordering::Relaxed));
            let context = self.session.context().clone();
            let message = jetstream::Message { message, context };
            let read = message::read(&message, &self.source, &self.subjects, delivery)?;
            let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            delivered.insert(delivery, read.acknowledge_to);
            inbox.more = read.more;
            inbox.ready.push_back(read.message);
        }
        Ok(incoming::take(&mut inbox.ready, most))
    }

    /// The next message, if it is here within the time that is left.
    async fn next(
        &self,
        inbox: &mut Inbox,
        most: usize,
        left: Duration,
        clock: &dyn Clock,
    ) -> Result<Option<async_nats::Message>, SourceError> {
        // Most are here already, and need no timer. A new pull is for those who have nothing.
        if !inbox.ready.is_empty() && !inbox.pulls.is_under_way() {
            return Ok(None);
        }
        if let Some(message) = inbox.pulls.next(most, clock).now_or_never() {
            return message.map(Some);
        }
        if left.is_zero() {
            return Ok(None);
        }
        let silence = inbox.pulls.silence_left(clock)?;
        let message = async {
            let next = pin!(inbox.pulls.next(most, clock));
            match select(next, clock.pause(left.min(silence))).await {
                Either::Left((message, _)) => message.map(Some),
                Either::Right(((), _)) => Ok(None),
            }
        };
        match select(pin!(message), pin!(self.session.loss())).await {
            Either::Left((message, _)) => message,
            Either::Right((reason, _)) => Err(unavailable(&reason).into()),
        }
    }

    /// Acknowledges what was delivered in this session.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn acknowledge(&self, deliveries: &[DeliveryId], clock: &dyn Clock) -> Result<(), SourceError> {
        let subjects = {
            let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            deliveries.iter().filter_map(|id| delivered.remove(id)).collect()
        };
        self.tell(subjects, AckKind::Ack, clock).await
    }

    /// Asks for more time for what was delivered in this session.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn still_working(&self, deliveries: &[DeliveryId], clock: &dyn Clock) -> Result<(), SourceError> {
        let subjects = {
            let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            deliveries.iter().filter_map(|id| delivered.get(id).cloned()).collect()
        };
        self.tell(subjects, AckKind::Progress, clock).await
    }

    /// What was delivered in this session and is not acknowledged.
    pub(super) fn left(&self) -> Vec<Subject> {
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.drain().map(|(_, subject)| subject).collect()
    }

    async fn tell(&self, subjects: Vec<Subject>, kind: AckKind, clock: &dyn Clock) -> Result<(), SourceError> {
        if subjects.is_empty() {
            return Ok(());
        }
        let client = self.session.context().client();
        let telling = Box::pin(send_all(&client, subjects, kind));
        self.session.ask(clock, telling).await
    }

    /// Sends answers.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn reply(&self, replies: &[Reply], clock: &dyn Clock) -> Result<(), SourceError> {
        let client = self.session.context().client();
        let largest = client.server_info().max_payload;
        let sending = Box::pin(async {
            for reply in replies {
                if reply.body.len() > largest {
                    tracing::warn!(to = %reply.to, bytes = reply.body.len(), "an answer is too large for the server");
                    continue;
                }
                let subject = Subject::from(&*reply.to);
                let sent = client.publish(subject, reply.body.clone().into()).await;
                sent.map_err(|error| unavailable(&error))?;
            }
            flush(&client).await
        });
        self.session.ask(clock, sending).await
    }
}

/// Sends the same word to each of these subjects, and waits until it has left.
async fn send_all(client: &Client, subjects: Vec<Subject>, kind: AckKind) -> Result<(), SourceError> {
    for subject in subjects {
        let sent = client.publish(subject, kind.into()).await;
        sent.map_err(|error| unavailable(&error))?;
    }
    flush(client).await
}

/// What was sent has been written when this ends. It need not have arrived: an acknowledgement that gets lost brings its
/// message once more.
async fn flush(client: &Client) -> Result<(), SourceError> {
    client.flush().await.map_err(|error| unavailable(&error).into())
}
