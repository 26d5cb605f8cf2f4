//! A source that delivers again what is not acknowledged, and the steps before which a process is killed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Body, CommandSource, DeliveryId, Message, Reply, SourceError};
use earmark_domain::MessageId;
use tokio::sync::Notify;

use crate::support::{locked, pause};

/// The steps outside: the process is killed before one of them.
#[derive(Default)]
pub(crate) struct Steps {
    /// How many are still made; below zero: all of them.
    left: AtomicI64,
    killed: Notify,
}

impl Steps {
    /// The next steps are made, and then the process is killed.
    pub(crate) fn allow(&self, steps: i64) {
        self.left.store(steps, Ordering::SeqCst);
    }

    /// All steps are made.
    pub(crate) fn allow_all(&self) {
        self.allow(-1);
    }

    /// Makes a step, or never returns.
    pub(crate) async fn make(&self) {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            self.killed.notify_one();
            return std::future::pending().await;
        }
        if left > 0 {
            self.left.store(left - 1, Ordering::SeqCst);
        }
    }

    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }
}

#[derive(Default)]
struct Stream {
    /// What is to be delivered, in its order.
    queue: VecDeque<Message>,
    /// What was delivered and is not acknowledged.
    delivered: BTreeMap<DeliveryId, Message>,
    next: u64,
}

/// A stream of messages. What is not acknowledged is delivered again after an error and after a crash, before all others.
#[derive(Default)]
pub(crate) struct Source {
    stream: Mutex<Stream>,
    arrived: Notify,
    pub(crate) steps: Arc<Steps>,
    /// The ids that were acknowledged.
    pub(crate) acknowledged: Mutex<Vec<String>>,
    pub(crate) replies: Mutex<Vec<(String, String)>>,
    /// The deliveries that it was told of.
    pub(crate) told: Mutex<Vec<DeliveryId>>,
    /// The errors of the next calls.
    pub(crate) receive_errors: Mutex<VecDeque<SourceError>>,
    pub(crate) acknowledge_errors: Mutex<VecDeque<SourceError>>,
    pub(crate) calls: AtomicUsize,
    pub(crate) forgetful: bool,
}

impl Source {
    pub(crate) fn new() -> Arc<Self> {
        let source = Self::default();
        source.steps.allow_all();
        Arc::new(source)
    }

    /// A channel: what it has delivered is gone.
    pub(crate) fn channel() -> Arc<Self> {
        let source = Self {
            forgetful: true,
            ..Self::default()
        };
        source.steps.allow_all();
        Arc::new(source)
    }

    pub(crate) fn send(&self, id: &str, body: &str) {
        self.send_body(id, Body::Whole(body.as_bytes().to_vec()));
    }

    pub(crate) fn send_body(&self, id: &str, body: Body) {
        self.send_for(id, None, body);
    }

    /// Sends a message that belongs to a request.
    pub(crate) fn send_for(&self, id: &str, correlation_id: Option<&str>, body: Body) {
        let id = (!id.is_empty()).then(|| MessageId::new("stream", id).expect("an id"));
        let reply_to = id.as_ref().map(|id| Arc::from(format!("to {}", id.id())));
        locked(&self.stream).queue.push_back(Message {
            id,
            body,
            correlation_id: correlation_id.map(Arc::from),
            reply_to,
            delivery: DeliveryId(0),
        });
        self.arrived.notify_one();
    }

    /// Delivers again what is not acknowledged.
    pub(crate) fn restart(&self) {
        let mut stream = locked(&self.stream);
        let again: Vec<Message> = std::mem::take(&mut stream.delivered).into_values().collect();
        if !self.forgetful {
            for message in again.into_iter().rev() {
                stream.queue.push_front(message);
            }
        }
        drop(stream);
        self.arrived.notify_one();
    }

    /// Whether everything was delivered and acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        let stream = locked(&self.stream);
        stream.queue.is_empty() && stream.delivered.is_empty()
    }

    pub(crate) fn acknowledged(&self) -> Vec<String> {
        locked(&self.acknowledged).clone()
    }

    fn next_error(&self, errors: &Mutex<VecDeque<SourceError>>) -> Result<(), SourceError> {
        match locked(errors).pop_front() {
            Some(error) => {
                self.restart();
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn take(&self, most: usize) -> Vec<Message> {
        let mut stream = locked(&self.stream);
        let many = most.min(stream.queue.len());
        let mut taken: Vec<Message> = stream.queue.drain(..many).collect();
        for message in &mut taken {
            stream.next += 1;
            message.delivery = DeliveryId(stream.next);
            stream.delivered.insert(message.delivery, message.clone());
        }
        taken
    }
}

pub(crate) fn unavailable() -> SourceError {
    SourceError::Unavailable {
        reason: "the test says so".to_owned(),
    }
}

#[async_trait]
impl CommandSource for Source {
    fn redelivers(&self) -> bool {
        !self.forgetful
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.next_error(&self.receive_errors)?;
        let mut taken = self.take(most);
        if taken.is_empty() {
            tokio::select! {
                () = self.arrived.notified() => {}
                () = pause(wait) => {}
            }
            taken = self.take(most);
        }
        if !taken.is_empty() {
            self.steps.make().await;
        }
        Ok(taken)
    }

    async fn acknowledge(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError> {
        self.steps.make().await;
        self.next_error(&self.acknowledge_errors)?;
        {
            let mut stream = locked(&self.stream);
            for delivery in deliveries {
                let message = stream
                    .delivered
                    .remove(delivery)
                    .expect("it was delivered in this session");
                let id = message.id.as_ref().map_or("", MessageId::id);
                locked(&self.acknowledged).push(id.to_owned());
            }
        }
        self.steps.make().await;
        Ok(())
    }

    async fn still_working(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError> {
        locked(&self.told).extend_from_slice(deliveries);
        Ok(())
    }

    async fn reply(&self, replies: &[Reply]) -> Result<(), SourceError> {
        self.steps.make().await;
        let replies = replies.iter().map(|reply| (reply.to.to_string(), reply.body.clone()));
        locked(&self.replies).extend(replies);
        Ok(())
    }
}
