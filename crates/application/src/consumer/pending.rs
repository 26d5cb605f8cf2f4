//! Messages that were received and are not acknowledged yet.

use std::borrow::Cow;

use earmark_domain::{Outcome, Processed};
use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;

use super::shared::Shared;
use crate::answer::{Answer, CommandError};
use crate::engine::Ticket;
use crate::ports::{Body, DeadMessage, DeliveryId, MAX_DEAD_BODY_BYTES, Message, Reply};

/// How often a command is tried on which the service fails. Such a failure is a defect, and what it fails on is mostly the
/// command.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// How a message ended.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message has an answer, and a box would cost each an allocation"
)]
pub(super) enum Ending {
    /// Its command has an answer, now or from before.
    Answered(Answer),
    /// It is no command, for this reason.
    Unreadable(String),
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message has an answer, and a box would cost each an allocation"
)]
enum State {
    /// Its command was submitted.
    Submitted(Ticket),
    Ended(Ending),
}

/// A message that was received.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) message: Message,
    state: State,
    /// How often the service has failed on it.
    failures: u32,
    /// The room that it takes, until it is acknowledged.
    _room: Option<OwnedSemaphorePermit>,
}

impl Pending {
    /// A message whose command was submitted.
    pub(super) const fn submitted(message: Message, ticket: Ticket, room: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            message,
            state: State::Submitted(ticket),
            failures: 0,
            _room: room,
        }
    }

    /// A message whose end is known without its command being run.
    pub(super) const fn ended(message: Message, ending: Ending, room: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            message,
            state: State::Ended(ending),
            failures: 0,
            _room: room,
        }
    }

    /// Waits until it has ended. May be dropped, and asked for again.
    pub(super) async fn end(&mut self) {
        if let State::Submitted(ticket) = &mut self.state {
            let answer = ticket.answer().await;
            self.answered(answer);
        }
    }

    /// Whether it has ended by now.
    pub(super) fn has_ended(&mut self) -> bool {
        if let State::Submitted(ticket) = &mut self.state {
            let Some(answer) = ticket.answered() else { return false };
            self.answered(answer);
        }
        true
    }

    fn answered(&mut self, answer: Answer) {
        self.failures += u32::from(answer == Err(CommandError::Internal));
        self.state = State::Ended(Ending::Answered(answer));
    }

    /// Whether it has an answer that another attempt may change.
    pub(super) fn is_to_be_tried_again(&self) -> bool {
        let State::Ended(Ending::Answered(Err(error))) = &self.state else {
            return false;
        };
        match error {
            CommandError::Busy | CommandError::ShuttingDown | CommandError::Unavailable => true,
            CommandError::Internal => self.failures < MAX_ATTEMPTS,
            CommandError::Refused(_)
            | CommandError::Forbidden(_)
            | CommandError::OutOfBounds(_)
            | CommandError::Unknown(_) => false,
        }
    }

    /// It is tried again.
    pub(super) fn resubmitted(&mut self, ticket: Ticket) {
        self.state = State::Submitted(ticket);
    }

    /// It can't be tried again.
    pub(super) fn unreadable(&mut self, reason: String) {
        self.state = State::Ended(Ending::Unreadable(reason));
    }

    /// Its end; `None`: there is none yet.
    fn ending(&self) -> Option<&Ending> {
        match &self.state {
            State::Submitted(_) => None,
            State::Ended(ending) => Some(ending),
        }
    }

    /// Why it is dead, if it is: it can't be read, or has an answer that is no outcome.
    pub(super) fn reason(&self) -> Option<Cow<'_, str>> {
        Some(match self.ending()? {
            Ending::Answered(answer) => reason(answer)?,
            Ending::Unreadable(reason) => Cow::Borrowed(reason),
        })
    }

    /// Whether its command was carried out now.
    pub(super) fn is_done(&self) -> bool {
        self.reason().is_none() && !self.is_repeat()
    }

    /// Whether it had been processed before.
    pub(super) fn is_repeat(&self) -> bool {
        matches!(self.ending(), Some(Ending::Answered(Ok(Outcome::AlreadyProcessed(_)))))
    }

    /// What is put aside of it, for this reason.
    pub(super) fn dead(&self, reason: &str, shared: &Shared, since: Timestamp) -> DeadMessage {
        let Message {
            id,
            body,
            correlation_id,
            ..
        } = &self.message;
        let (body, bytes) = match body {
            Body::Whole(body) => (body.as_slice(), body.len()),
            Body::TooLong { bytes, beginning } => (beginning.as_slice(), *bytes),
        };
        let kept = &body[..body.len().min(MAX_DEAD_BODY_BYTES)];
        DeadMessage {
            number: 0,
            source: shared.name.clone(),
            id: id.as_ref().map_or_else(String::new, |id| id.id().to_owned()),
            correlation_id: correlation_id.clone(),
            body: kept.to_vec(),
            // A source that keeps more than there is counts wrongly.
            bytes: bytes.max(kept.len()) as u64,
            is_whole: kept.len() >= bytes,
            reason: DeadMessage::reason(reason),
            attempts: self.failures.max(1),
            since,
            replayed: false,
        }
    }

    /// The answer, if anybody awaits it.
    pub(super) fn reply(&self, shared: &Shared) -> Option<Reply> {
        let to = self.message.reply_to.clone()?;
        let body = match self.ending()? {
            Ending::Answered(answer) => shared.format.answer(answer),
            Ending::Unreadable(reason) => shared.format.unreadable(reason),
        };
        Some(Reply { to, body })
    }

    pub(super) const fn delivery(&self) -> DeliveryId {
        self.message.delivery
    }
}

/// Why an answer is no outcome, now or from before.
pub(super) fn reason(answer: &Answer) -> Option<Cow<'_, str>> {
    match answer {
        Ok(Outcome::AlreadyProcessed(Processed::Refused(reason))) => Some(Cow::Borrowed(reason)),
        Ok(_) => None,
        Err(CommandError::Refused(refusal) | CommandError::Unknown(refusal)) => Some(Cow::Owned(refusal.in_words())),
        Err(error) => Some(Cow::Owned(format!("{}: {error}", error.code()))),
    }
}
