//! Replays: dead messages that somebody wants to be tried once more.
//!
//! A message is carried out once, whether it is delivered or replayed. A replay of one that nobody has processed, because
//! it could not be read or the service failed on it, has the id of the message itself. One that was refused is decided
//! anew: that replay is a message of its own, whose id is made of the id of the dead one and of how often that was tried.
//! So neither a crash, nor another instance that tries the same one, nor another delivery of it does it twice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use earmark_domain::{MessageId, MessageIdError, Outcome, Processed};

use super::pending::reason;
use super::shared::Shared;
use crate::answer::{Answer, CommandError};
use crate::engine::{OrderedStream, Ticket};
use crate::envelope::Envelope;
use crate::ports::DeadMessage;
use crate::store_error::StoreError;

/// How often replays are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many are read at once, if their bodies are short: a few groups of the engine.
const AT_ONCE: usize = 256;

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
    let processed = processed_before(shared, &messages).await?;
    let mut attempts = Vec::with_capacity(messages.len());
    for message in &messages {
        attempts.push(match attempt(shared, message, &processed) {
            Ok(Some(envelope)) => Attempt::Submitted(order.submit(envelope).await),
            Ok(None) => Attempt::CarriedOutBefore,
            Err(reason) => Attempt::Impossible(reason),
        });
    }
    let mut ended = 0;
    for (message, attempt) in messages.iter().zip(attempts) {
        let (reason, is_repeat) = match attempt {
            Attempt::CarriedOutBefore => (None, true),
            Attempt::Impossible(reason) => (Some(reason), false),
            Attempt::Submitted(mut ticket) => {
                let answer = ticket.answer().await;
                // Without an answer it stays as it is, and is tried again.
                let Some(reason) = why_dead(&answer) else { continue };
                (reason, is_done_before(&answer))
            }
        };
        let reason = reason.as_deref().map(DeadMessage::reason);
        shared.ports.inbox.replay_ended(message, reason.as_deref()).await?;
        ended += 1;
        tracing::debug!(source = %shared.name, number = message.number, ?reason, "a dead message was tried once more");
        let (meter, name) = (&shared.ports.meter, &shared.name);
        match reason {
            None if is_repeat => meter.repeated(name, 1),
            None => meter.done(name, 1),
            Some(_) => meter.died(name, 1),
        }
    }
    Ok(ended > 0)
}

/// How those of the messages ended that were processed.
async fn processed_before(
    shared: &Shared,
    messages: &[DeadMessage],
) -> Result<HashMap<MessageId, Processed>, StoreError> {
    let ids = messages.iter().filter_map(|message| message.message_id().ok()?);
    let ids: Vec<MessageId> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    shared.ports.inbox.processed(&ids).await
}

/// An attempt with a dead message.
enum Attempt {
    /// Its command was submitted.
    Submitted(Ticket),
    /// None is needed.
    CarriedOutBefore,
    /// It is no command, for this reason.
    Impossible(String),
}

/// The command of a dead message in its envelope; `None`: it was carried out before.
///
/// As long as nobody has processed the message itself, its own id goes with the command: whoever gets it again knows it.
/// That it was refused does not count any more, and so the replay has an id of its own then.
fn attempt(
    shared: &Shared,
    message: &DeadMessage,
    processed: &HashMap<MessageId, Processed>,
) -> Result<Option<Envelope>, String> {
    let unfit = |error: MessageIdError| format!("its id {error}");
    let own = message.message_id().map_err(unfit)?;
    let id = match own.as_ref().and_then(|id| processed.get(id)) {
        Some(Processed::Done) => return Ok(None),
        Some(Processed::Refused(_)) => None,
        None => own,
    };
    let id = match id {
        Some(id) => id,
        None => replay_id(message).map_err(unfit)?,
    };
    let envelope = shared.envelope(&message.body, Some(id), message.correlation_id.as_ref())?;
    Ok(Some(envelope))
}

/// Why a message is dead still, or that it is not; `None`: it has no answer.
fn why_dead(answer: &Answer) -> Option<Option<String>> {
    match answer {
        Err(CommandError::Busy | CommandError::ShuttingDown | CommandError::Unavailable) => None,
        answer => Some(reason(answer).map(Cow::into_owned)),
    }
}

/// Whether it was carried out by somebody else meanwhile, or before a crash.
const fn is_done_before(answer: &Answer) -> bool {
    matches!(answer, Ok(Outcome::AlreadyProcessed(Processed::Done)))
}

/// The id of a replay as a message of its own.
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
            correlation_id: None,
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
