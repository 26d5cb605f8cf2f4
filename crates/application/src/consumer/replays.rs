//! Replays: dead messages that somebody wants to be tried once more.
//!
//! A replay is a message of its own: its id is made of the id of the dead one and of how often that was tried. So neither
//! a crash nor another instance that tries the same one does it twice.

use std::time::Duration;

use earmark_domain::{MessageId, MessageIdError};

use super::pending::reason;
use super::shared::Shared;
use crate::answer::{Answer, CommandError};
use crate::engine::OrderedStream;
use crate::ports::DeadMessage;
use crate::store_error::StoreError;

/// How often replays are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many are read at once: each may have a megabyte.
const AT_ONCE: usize = 32;

/// Tries dead messages once more as somebody wants it, for ever.
pub(super) async fn replay(shared: &Shared) {
    let order = shared.ports.engine.ordered();
    let mut failing = false;
    loop {
        match replay_some(shared, &order).await {
            // There may be more.
            Ok(true) => continue,
            Ok(false) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::warn!(source = %shared.name, %error, "dead messages can't be replayed; it is tried again");
                }
                failing = true;
            }
        }
        shared.ports.clock.pause(LOOK_EVERY).await;
    }
}

/// Replays some messages; answers whether there may be more that can be tried now.
async fn replay_some(shared: &Shared, order: &OrderedStream) -> Result<bool, StoreError> {
    let messages = shared.ports.inbox.replays(&shared.name, AT_ONCE).await?;
    let mut tickets = Vec::with_capacity(messages.len());
    for message in &messages {
        let envelope = match replay_id(message) {
            Ok(id) => shared.envelope(&message.body, Some(id), None),
            Err(error) => Err(format!("its id {error}")),
        };
        tickets.push(match envelope {
            Ok(envelope) => Ok(order.submit(envelope).await),
            Err(reason) => Err(reason),
        });
    }
    let mut ended = 0;
    for (message, ticket) in messages.iter().zip(tickets) {
        let reason = match ticket {
            Ok(mut ticket) => match why_dead(&ticket.answer().await) {
                Some(reason) => reason,
                // It stays as it is, and is tried again.
                None => continue,
            },
            Err(reason) => Some(reason),
        };
        let reason = reason.as_deref().map(DeadMessage::reason);
        shared.ports.inbox.replay_ended(message, reason.as_deref()).await?;
        ended += 1;
        tracing::debug!(source = %shared.name, number = message.number, ?reason, "a dead message was tried once more");
        match reason {
            None => shared.ports.meter.done(&shared.name, 1),
            Some(_) => shared.ports.meter.died(&shared.name, 1),
        }
    }
    Ok(messages.len() == AT_ONCE && ended > 0)
}

/// Why a message is dead still, or that it is not; `None`: it has no answer.
fn why_dead(answer: &Answer) -> Option<Option<String>> {
    match answer {
        Err(CommandError::Busy | CommandError::ShuttingDown | CommandError::Unavailable) => None,
        answer => Some(reason(answer).map(std::borrow::Cow::into_owned)),
    }
}

/// The id of a replay.
fn replay_id(message: &DeadMessage) -> Result<MessageId, MessageIdError> {
    let source = format!("replay {} of {}", message.attempts, message.source);
    if message.id.is_empty() {
        // It has no other name, and is never buried again.
        return MessageId::new(&source, &format!("number {}", message.number));
    }
    MessageId::new(&source, &message.id)
}

#[cfg(test)]
mod tests {
    use earmark_domain::MAX_MESSAGE_ID_CHARS;

    use super::*;
    use crate::ports::SourceName;

    #[test]
    fn every_dead_message_has_an_id_for_each_replay() {
        let dead = |id: &str, attempts| DeadMessage {
            number: 17,
            source: SourceName::new(&"🪔".repeat(300)),
            id: id.to_owned(),
            body: Vec::new(),
            bytes: 0,
            is_whole: true,
            reason: String::new(),
            attempts,
            since: jiff::Timestamp::UNIX_EPOCH,
            replayed: true,
        };
        let longest = "🪔".repeat(MAX_MESSAGE_ID_CHARS);
        let ids = [("", 1), ("", 2), ("m", 1), ("m", u32::MAX), (&longest, u32::MAX)];
        let ids = ids.map(|(id, attempts)| replay_id(&dead(id, attempts)).expect("an id"));
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
