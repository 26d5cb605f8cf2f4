//! Trying events again that were put aside: by themselves, a counted number of times. After that they are dead letters, on
//! which somebody has to decide.
//!
//! An attempt counts if the event is why it failed: the sink says so, or it has taken others since the attempt before. So a
//! sink that is down for an hour makes no dead letters.

use std::time::Duration;

use super::active::ActiveSubscription;
use super::held::Ended;
use super::letters::LastAttempt;
use super::subscription::Subscription;
use crate::backoff::wait_after;
use crate::books::LogPosition;
use crate::ports::{DeadLetter, DeliveryLimits, LetterState, PublishError, RetryPolicy};

/// How often an event is tried before it is dead, and when.
pub(super) struct Patience {
    attempts: u32,
    pub(super) retry: RetryPolicy,
}

/// With one that the sink says it will never take: some seconds.
const REFUSED: Patience = Patience {
    attempts: 5,
    retry: RetryPolicy {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        give_up_after: None,
    },
};

/// With one that it has not taken: five to ten minutes.
pub(super) const NOT_TAKEN: Patience = Patience {
    attempts: 8,
    retry: RetryPolicy {
        first: Duration::from_secs(5),
        longest: Duration::from_secs(10 * 60),
        give_up_after: None,
    },
};

/// When an event is tried again at the earliest after it had no answer: the others wait as long as such an attempt lasts.
const UNANSWERED_PAUSE: Duration = Duration::from_secs(120);

/// One event, however large.
const ONE: DeliveryLimits = DeliveryLimits {
    events: 1,
    bytes: usize::MAX,
};

impl ActiveSubscription<'_> {
    /// Tries one event that was put aside, if it is time. Answers whether it did.
    pub(super) async fn try_letter(&mut self) -> Result<bool, Ended> {
        let progress = &self.held.progress;
        // What is under way is repeated first, as it was.
        if self.letters.is_empty() || progress.failing.is_some() || progress.delivery_end.is_some() {
            return Ok(false);
        }
        let Some(letter) = self.letters.next(self.held.now(), self.after_refusal()) else {
            return Ok(false);
        };
        let before = LogPosition {
            sequence: letter.sequence.saturating_sub(1),
            ..self.held.progress.place
        };
        let Ok(chunk) = self.follower.read(before, ONE).await else {
            // The next delivery reads it too, and says why.
            return Ok(false);
        };
        let event = chunk.events.first();
        let Some(event) = event.filter(|event| event.event.sequence == letter.sequence) else {
            tracing::warn!(subscription = %self.subscription.name, sequence = letter.sequence, "an event that was put aside is not in the log");
            self.bury(letter.sequence).await?;
            return Ok(true);
        };
        self.held.renew_in_time().await?;
        let subscription = self.subscription;
        let replaying = subscription.publisher.replay(event, self.held.progress.place);
        match self.held.while_renewing(replaying).await? {
            Ok(()) => {
                self.took(1);
                self.bury(letter.sequence).await?;
            }
            Err(error) => {
                self.in_step = false;
                self.not_replayed(letter, error).await?;
            }
        }
        Ok(true)
    }

    /// An event that was put aside was not taken once more.
    async fn not_replayed(&mut self, letter: DeadLetter, error: PublishError) -> Result<(), Ended> {
        let last = self.letters.last_attempt(letter.sequence);
        let tries = last.map_or(letter.attempts, |last| last.attempts).saturating_add(1);
        let retry = |patience: &Patience| wait_after(tries, patience.retry, &*self.subscription.ports.ids);
        let is_certain = matches!(error, PublishError::Refused { .. });
        let (reason, patience, wait) = match error {
            PublishError::Refused { reason, .. } => (reason, REFUSED, retry(&REFUSED)),
            PublishError::NotTaken(reason) => (reason, NOT_TAKEN, retry(&NOT_TAKEN)),
            PublishError::Unavailable {
                reason,
                retry_after: None,
            } => (reason, NOT_TAKEN, retry(&NOT_TAKEN).max(UNANSWERED_PAUSE)),
            // It is not about the event.
            error => return self.sink_failed(error).await,
        };
        // It may be the sink, unless it says that it is the event, or has taken others since the last attempt.
        let counts = is_certain || self.taken > last.map_or(0, |last| last.taken);
        let attempts = letter.attempts + u32::from(counts);
        let is_dead = attempts >= patience.attempts || self.is_too_old(&letter);
        let state = if is_dead {
            LetterState::Dead(reason)
        } else {
            LetterState::Tried(reason)
        };
        let letter = DeadLetter {
            state,
            attempts,
            ..letter
        };
        if !self.held.retried(&letter).await? {
            self.letters.settle(letter.sequence);
            return Ok(());
        }
        if let LetterState::Dead(reason) = &letter.state {
            tracing::warn!(subscription = %self.subscription.name, sequence = letter.sequence, reason, attempts, "an event is a dead letter");
        }
        let attempt = LastAttempt {
            due: self.held.now() + wait,
            attempts: tries,
            taken: self.taken,
        };
        self.letters.put(letter, (!is_dead).then_some(attempt));
        Ok(())
    }

    /// Whether it was put aside for as long as the sink may fail.
    fn is_too_old(&self, letter: &DeadLetter) -> bool {
        let Subscription { publisher, ports, .. } = self.subscription;
        let age = Duration::try_from(ports.clock.now().duration_since(letter.since)).unwrap_or_default();
        publisher
            .retry_policy()
            .give_up_after
            .is_some_and(|longest| age >= longest)
    }
}
