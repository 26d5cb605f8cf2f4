//! The half of a session that receives messages, and submits their commands.

use std::collections::HashMap;
use std::time::Duration;

use earmark_domain::{MessageId, Outcome, Processed};
use tokio::sync::mpsc;

use super::pending::{Ending, Pending};
use super::session::Session;
use super::shared::Shared;
use crate::envelope::Envelope;
use crate::ports::{Body, Message};

/// How many messages are received at once: as many as share a transaction.
const CHUNK: usize = 512;

/// For how long messages are waited for. A drain has to wait as long.
const RECEIVE_WAIT: Duration = Duration::from_secs(1);

impl Session<'_> {
    /// Receives, until the source fails or is drained. `works` is called each time that the source has answered.
    pub(super) async fn receive(&self, window: mpsc::Sender<Pending>, works: impl Fn()) {
        while !self.shared.is_draining() && !self.has_failed() {
            match self.shared.source.receive(CHUNK, RECEIVE_WAIT).await {
                Ok(messages) => {
                    works();
                    self.take(messages, &window).await;
                }
                Err(error) => self.fail(error),
            }
        }
    }

    /// Takes messages into the window: repeats as they ended before, the others when their commands are submitted.
    async fn take(&self, messages: Vec<Message>, window: &mpsc::Sender<Pending>) {
        if messages.is_empty() {
            return;
        }
        self.shared
            .ports
            .meter
            .received(&self.shared.name, messages.len() as u64);
        self.hold(&messages);
        let processed = processed_before(self.shared, &messages).await;
        for message in messages {
            let before = message.id.as_ref().and_then(|id| processed.get(id)).cloned();
            let room = self.room(&message).await;
            let Ok(place) = window.reserve().await else { return };
            let pending = match before.map_or_else(|| read(self.shared, &message), Read::Repeat) {
                Read::Repeat(ended) => {
                    let answer = Ok(Outcome::AlreadyProcessed(ended));
                    Pending::ended(message, Ending::Answered(answer), room)
                }
                Read::Unreadable(reason) => Pending::ended(message, Ending::Unreadable(reason), room),
                Read::Command(envelope) => {
                    let order = self.order.lock().await;
                    let ticket = order.submit(*envelope).await;
                    // Under the lock: whoever has it next finds all that was submitted in the window.
                    place.send(Pending::submitted(message, ticket, room));
                    continue;
                }
            };
            place.send(pending);
        }
    }
}

/// What a message is.
enum Read {
    Repeat(Processed),
    Unreadable(String),
    Command(Box<Envelope>),
}

fn read(shared: &Shared, message: &Message) -> Read {
    let body = match &message.body {
        Body::Whole(body) => body,
        Body::TooLong { bytes, .. } => {
            return Read::Unreadable(format!(
                "payload_too_large: the message has {bytes} bytes, more than any command"
            ));
        }
    };
    match shared.envelope(body, message.id.clone(), message.correlation_id.as_ref()) {
        Ok(envelope) => Read::Command(Box::new(envelope)),
        Err(reason) => Read::Unreadable(reason),
    }
}

/// Which of these messages were processed before: one question for all of them. While the store does not answer it is asked
/// again; the engine would find the repeats, too, but not for the price of a look.
async fn processed_before(shared: &Shared, messages: &[Message]) -> HashMap<MessageId, Processed> {
    let ids: Vec<MessageId> = messages.iter().filter_map(|message| message.id.clone()).collect();
    let mut failures = 0;
    while !ids.is_empty() {
        match shared.ports.inbox.processed(&ids).await {
            Ok(processed) => {
                shared.store_answers();
                return processed;
            }
            Err(error) => shared.store_failed(&error),
        }
        if shared.is_draining() {
            break;
        }
        failures += 1;
        shared.back_off(failures).await;
    }
    HashMap::new()
}
