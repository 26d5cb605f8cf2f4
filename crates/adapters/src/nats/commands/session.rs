//! A session of the source: a connection, the messages that it has delivered, and those that wait to be taken.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::{self, AckKind};
use async_nats::{Client, Subject};
use earmark_application::{Clock, DeliveryId, Message, Reply, SourceError, SourceName};
use futures::FutureExt;
use futures::future::{Either, select};

use super::super::session::{Closing, Session};
use super::address::NatsCommandsAddress;
use super::message;
use super::pull::Pulls;
use super::stream::{self, Opened};
use super::unreadable::{self, Search};
use crate::broker::{incoming, unavailable};

/// How long it waits for a message that the server is about to send, when it has some already: the larger the groups in
/// which messages are taken, the less each costs.
const GATHERING: Duration = Duration::from_millis(5);

/// What a session leaves to the next one.
#[derive(Clone, Default)]
pub(super) struct Left {
    /// Where messages are handed back that were delivered and not acknowledged.
    unacknowledged: Vec<Subject>,
    /// Where to look for a message that has broken the connection.
    search: Search,
    /// Whether the connection has broken, and nobody has looked for why.
    is_to_search: bool,
    /// Whether messages are to be pulled one by one, because nobody could look.
    is_careful: bool,
    /// The connection, to which the server may still send messages.
    closing: Option<Closing>,
}

/// A message that was delivered and is not acknowledged.
struct Delivery {
    acknowledge_to: Subject,
    /// Whether the client can read it.
    is_readable: bool,
}

/// A connection that messages come by.
pub(super) struct CommandSession {
    session: Session,
    /// What ids of messages name as their source.
    source: SourceName,
    /// The subjects of the stream.
    subjects: Vec<String>,
    inbox: tokio::sync::Mutex<Inbox>,
    delivered: Mutex<HashMap<DeliveryId, Delivery>>,
    /// The number in the stream of the last message that was read, or delivered before this session.
    read_up_to: AtomicU64,
    /// How far earlier searches have come.
    searched_up_to: u64,
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
    /// Connects, finds the stream and the consumer or makes them, and takes care of what an earlier session has left: the
    /// server delivers it again. `numbers` has the ids of deliveries.
    ///
    /// # Errors
    /// [`SourceError`]. What is not taken care of stays in `left`.
    pub(super) async fn open(
        address: &NatsCommandsAddress,
        left: &mut Left,
        clock: &dyn Clock,
        numbers: &AtomicU64,
    ) -> Result<Self, SourceError> {
        if let Some(closing) = left.closing.take() {
            closing.closed(clock).await;
        }
        let session = Session::open(&address.broker, clock).await?;
        let opening = Box::pin(stream::open(session.context(), address));
        let Opened {
            consumer,
            subjects,
            delivered,
        } = session.ask(clock, opening).await?;
        let client = session.context().client();
        let handing_back = Box::pin(send_all(&client, left.unacknowledged.clone(), AckKind::Nak(None)));
        session.ask(clock, handing_back).await?;
        left.unacknowledged.clear();
        let listening = Box::pin(Pulls::listen(&client, consumer, left.is_careful));
        let pulls = session.ask(clock, listening).await?;
        let mut this = Self {
            session,
            source: address.source().clone(),
            subjects,
            inbox: tokio::sync::Mutex::new(Inbox {
                pulls,
                ready: VecDeque::new(),
                more: 0,
            }),
            delivered: Mutex::default(),
            read_up_to: AtomicU64::new(delivered),
            searched_up_to: left.search.searched_up_to,
        };
        // Where it may not be looked for, sessions begin without that.
        left.is_careful = std::mem::take(&mut left.is_to_search);
        if left.is_careful {
            this.take_unreadable(address, left.search, clock, numbers).await?;
        }
        Ok(this)
    }

    /// Takes what has broken the connection of an earlier session, if that was a message.
    async fn take_unreadable(
        &mut self,
        address: &NatsCommandsAddress,
        search: Search,
        clock: &dyn Clock,
        numbers: &AtomicU64,
    ) -> Result<(), SourceError> {
        let (stream, durable) = (&address.stream, &address.durable);
        let finding = Box::pin(unreadable::find(self.session.context(), stream, durable, search, clock));
        let found: Result<_, SourceError> = self.session.ask(clock, finding).await.map_err(SourceError::from);
        let found = found.inspect_err(|error| {
            tracing::warn!(
                stream,
                durable,
                %error,
                "nobody can tell whether a message has broken the connection (by a subject or headers that are no UTF-8); \
                 messages are taken one by one; should it break every ack_wait: allow $JS.API.STREAM.MSG.GET, or delete the \
                 message (nats stream rmm)"
            );
        })?;
        self.searched_up_to = found.searched_up_to;
        for message in &found.messages {
            let sequence = message.sequence;
            tracing::warn!(
                stream,
                sequence,
                "a message has broken the connection: its subject or its headers are not as the client reads them; it is \
                 taken all the same"
            );
            let delivery = DeliveryId(numbers.fetch_add(1, Ordering::Relaxed));
            let read = message::read_unreadable(message, self.source.as_str(), &self.subjects, delivery)?;
            let inbox = self.inbox.get_mut();
            inbox.ready.push_back(read);
            let delivered = self.delivered.get_mut().unwrap_or_else(PoisonError::into_inner);
            delivered.insert(
                delivery,
                Delivery {
                    acknowledge_to: unreadable::acknowledge_to(stream, durable, sequence),
                    is_readable: false,
                },
            );
        }
        let unread = found.unread.iter();
        let unread = unread.map(|sequence| unreadable::hand_back_to(stream, durable, *sequence, found.deliveries));
        self.tell(unread.collect(), AckKind::Nak(None), clock).await
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
            let read = message::read(&message, self.source.as_str(), &self.subjects, delivery)?;
            let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            delivered.insert(
                delivery,
                Delivery {
                    acknowledge_to: read.acknowledge_to,
                    is_readable: true,
                },
            );
            self.read_up_to.fetch_max(read.sequence, Ordering::Relaxed);
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

    /// Acknowledges what was delivered in this session. What could not be told is left to the next one.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn acknowledge(&self, deliveries: &[DeliveryId], clock: &dyn Clock) -> Result<(), SourceError> {
        let removed: Vec<(DeliveryId, Delivery)> = {
            let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            let removed = deliveries.iter().map(|id| delivered.remove_entry(id));
            removed.flatten().collect()
        };
        let subjects = removed.iter().map(|(_, delivery)| delivery.acknowledge_to.clone());
        let told = self.tell(subjects.collect(), AckKind::Ack, clock).await;
        if told.is_err() {
            let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            delivered.extend(removed);
        }
        told
    }

    /// Asks for more time for what was delivered in this session.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) async fn still_working(&self, deliveries: &[DeliveryId], clock: &dyn Clock) -> Result<(), SourceError> {
        let subjects = {
            let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
            let known = deliveries.iter().filter_map(|id| delivered.get(id));
            known.map(|delivery| delivery.acknowledge_to.clone()).collect()
        };
        self.tell(subjects, AckKind::Progress, clock).await
    }

    /// What it leaves to the next one. A message that the client can't read is not handed back, as it would break the
    /// connection again: the next session looks for it.
    pub(super) fn left(&self) -> Left {
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        let (readable, unreadable): (Vec<Delivery>, Vec<Delivery>) = delivered
            .drain()
            .map(|(_, delivery)| delivery)
            .partition(|delivery| delivery.is_readable);
        Left {
            unacknowledged: readable.into_iter().map(|delivery| delivery.acknowledge_to).collect(),
            search: Search {
                read_up_to: self.read_up_to.load(Ordering::Relaxed),
                searched_up_to: self.searched_up_to,
            },
            is_to_search: self.session.is_lost() || !unreadable.is_empty(),
            is_careful: false,
            closing: Some(self.session.closing()),
        }
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
