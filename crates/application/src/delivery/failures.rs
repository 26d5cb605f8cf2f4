//! What becomes of deliveries that fail.
//!
//! A sink that does not answer is tried again, later and later. One that answers, and does not take a delivery, may mean
//! one of its events: then these are looked for ([`search`](super::search)), and those that are not taken are put aside, so
//! that the others get on.

use std::sync::Arc;
use std::time::Duration;

use super::active::ActiveSubscription;
use super::chunk::Chunk;
use super::held::{Ended, Rested};
use super::letters::LastAttempt;
use super::retries::NOT_TAKEN;
use crate::backoff::wait_after;
use crate::books::LogPosition;
use crate::ports::{DeadLetter, EventMessage, Failing, LetterState, PublishError};

/// The longest that a sink may ask to be left alone.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The pause after a sink that is not fit: somebody has to set it up.
const UNFIT_PAUSE: Duration = Duration::from_secs(5);

/// How often in a row a sink may have another last event before that counts as a failure.
const MAX_OUT_OF_STEP: u32 = 3;

/// After how many deliveries in a row without an answer the events are tried one by one, where a delivery is repeated as it
/// was: others find out by the sink's last event how far they got.
pub(super) const MAX_WHOLE_ATTEMPTS: u32 = 4;

/// How soon a delivery of which nothing was taken is tried again when new events have come, which may show that it was the
/// events. And how often that is done: a sink that takes nothing is left alone for longer and longer.
const NEW_EVENTS_PAUSE: Duration = Duration::from_secs(5);
const MAX_EARLY_ATTEMPTS: u32 = 12;

/// How long a sink is left alone that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// By the policy of its publisher.
    Usual,
    /// At least so long.
    AtLeast(Duration),
    /// As usual, or until there are new events.
    UntilNewEvents,
}

impl ActiveSubscription<'_> {
    /// A delivery failed.
    pub(super) async fn not_delivered(
        &mut self,
        error: PublishError,
        events: &[Arc<EventMessage>],
        chunk: &Chunk,
    ) -> Result<(), Ended> {
        self.in_step = false;
        match error {
            PublishError::Refused { index, reason } if index < events.len() => {
                let refused = &events[index];
                if index > 0 {
                    self.took(index);
                }
                // It answers, and it names the event.
                self.taking = true;
                let letter = self.letter(refused, LetterState::Tried(reason), 1);
                self.put_aside(vec![letter], refused.id.position).await
            }
            PublishError::NotTaken(reason) => self.search_by_halves(reason, events, chunk).await,
            // One event may be why it does not answer: because of it a receiver hangs, or falls over each time. One that
            // says when to come again is well.
            PublishError::Unavailable {
                reason,
                retry_after: None,
            } if self.has_failed_often() => self.search_one_by_one(reason, events, chunk).await,
            error => self.sink_failed(error).await,
        }
    }

    /// Whether the delivery, as it stands, was tried often enough.
    fn has_failed_often(&self) -> bool {
        self.subscription.publisher.repeats_deliveries() && self.failed_attempts() >= MAX_WHOLE_ATTEMPTS
    }

    /// How often the next delivery was tried in vain.
    pub(super) fn failed_attempts(&self) -> u32 {
        let failing = self.held.progress.failing.as_ref();
        failing.map_or(0, |failing| failing.attempts)
    }

    /// The sink failed, and no event is known to be why.
    pub(super) async fn sink_failed(&mut self, error: PublishError) -> Result<(), Ended> {
        self.in_step = false;
        let pause = match &error {
            PublishError::OutOfStep(_) => {
                tracing::debug!(subscription = %self.subscription.name, %error, "the sink is asked for its last event");
                self.out_of_step += 1;
                if self.out_of_step <= MAX_OUT_OF_STEP {
                    return Ok(());
                }
                Pause::Usual
            }
            PublishError::Gone(reason) => {
                tracing::warn!(subscription = %self.subscription.name, reason, "the sink wants no more events; the subscription is disabled");
                self.held.progress.disabled = Some(reason.clone());
                return self.held.save(&[]).await;
            }
            PublishError::Unfit(_) => Pause::AtLeast(UNFIT_PAUSE),
            PublishError::Unavailable {
                retry_after: Some(asked),
                ..
            } => Pause::AtLeast((*asked).min(MAX_RETRY_AFTER)),
            PublishError::Unavailable { .. } | PublishError::NotTaken(_) | PublishError::Refused { .. } => Pause::Usual,
        };
        self.failed(&error.to_string(), pause).await
    }

    /// The sink took none of the events of a delivery, and nothing shows that it is well.
    ///
    /// The next attempt takes along what has come meanwhile: if that is taken, it was the events.
    pub(super) async fn took_nothing(&mut self, reason: &str) -> Result<(), Ended> {
        self.held.progress.delivery_end = None;
        let pause = if self.failed_attempts() < MAX_EARLY_ATTEMPTS {
            Pause::UntilNewEvents
        } else {
            Pause::Usual
        };
        self.failed(reason, pause).await
    }

    /// Notes that the sink takes nothing, and waits until it is tried again.
    async fn failed(&mut self, reason: &str, pause: Pause) -> Result<(), Ended> {
        let policy = self.subscription.publisher.retry_policy();
        let now = self.subscription.ports.clock.now();
        let failing = self.held.progress.failing.get_or_insert_with(|| Failing {
            since: now,
            attempts: 0,
            reason: String::new(),
        });
        failing.attempts = failing.attempts.saturating_add(1);
        reason.clone_into(&mut failing.reason);
        let (attempts, since) = (failing.attempts, failing.since);
        // Once when it begins, and then more and more rarely.
        if attempts.is_power_of_two() {
            tracing::warn!(subscription = %self.subscription.name, reason, attempts, "events are not delivered; it is tried again");
        }
        self.taking = false;
        self.subscription.ports.meter.retried(&self.subscription.name);
        let failed_for = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        if policy.give_up_after.is_some_and(|longest| failed_for >= longest) {
            tracing::warn!(subscription = %self.subscription.name, reason, "the sink failed for too long; the subscription is disabled");
            self.held.progress.disabled = Some(format!("it failed for too long: {reason}"));
            return self.held.save(&[]).await;
        }
        self.held.save(&[]).await?;
        let usual = wait_after(attempts, policy, &*self.subscription.ports.ids);
        match pause {
            Pause::Usual => self.wait(usual).await.map(drop),
            Pause::AtLeast(asked) => self.wait(usual.max(asked)).await.map(drop),
            Pause::UntilNewEvents => self.wait_for_new_events(usual).await,
        }
    }

    async fn wait_for_new_events(&mut self, longest: Duration) -> Result<(), Ended> {
        let shortest = longest.min(NEW_EVENTS_PAUSE);
        if self.wait(shortest).await? == Rested::UntilDecided {
            return Ok(());
        }
        self.measure_lag_behind();
        tokio::select! {
            rested = self.held.rest(longest - shortest) => rested.map(drop),
            () = self.follower.changed() => Ok(()),
        }
    }

    /// Puts events aside. All others up to a place were delivered, or were put aside before.
    pub(super) async fn put_aside(&mut self, letters: Vec<DeadLetter>, place: LogPosition) -> Result<(), Ended> {
        let progress = &mut self.held.progress;
        progress.place = place;
        progress.delivery_end = None;
        if self.taking {
            progress.failing = None;
        }
        self.held.save(&letters).await?;
        for letter in letters {
            let attempt = match &letter.state {
                LetterState::Tried(reason) => {
                    tracing::warn!(subscription = %self.subscription.name, sequence = letter.sequence, reason, "an event was not taken; it is put aside");
                    Some(LastAttempt {
                        due: self.held.now() + wait_after(1, NOT_TAKEN.retry, &*self.subscription.ports.ids),
                        attempts: 1,
                        taken: self.taken,
                    })
                }
                LetterState::Waits | LetterState::Dead(_) => None,
            };
            self.letters.put(letter, attempt);
        }
        self.count_letters();
        Ok(())
    }
}
