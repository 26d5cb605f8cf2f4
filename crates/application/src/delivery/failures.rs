//! What becomes of deliveries that fail.
//!
//! A sink that does not answer is tried again, later and later. One that answers, and does not take a delivery, may mean
//! one of its events: then they are tried one by one, and those that are not taken are put aside, so that the others get
//! on. They are tried again by themselves, a counted number of times, and are dead letters after that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use earmark_domain::Sku;

use super::active::{ActiveSubscription, Ended, retry_after};
use super::chunk::Chunk;
use super::letters::{AfterRefusal, MAX_ATTEMPTS};
use crate::backoff::wait_after;
use crate::books::LogPosition;
use crate::ports::{DeadLetter, DeliveryLimits, EventMessage, Failing, LetterState, PublishError, RetryPolicy};

/// The longest that a sink may ask to be left alone.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The pause after a sink that is not fit: somebody has to set it up.
const UNFIT_PAUSE: Duration = Duration::from_secs(15);

/// How often in a row a sink may have another last event before that counts as a failure.
const MAX_OUT_OF_STEP: u32 = 3;

/// After how many events that are not taken one by one, and none that is, the sink takes nothing at all.
const MAX_PROBES: usize = 16;

/// After how many deliveries in a row without an answer the events are tried one by one, where a delivery is repeated as it
/// was: others find out by the sink's last event how far they got.
const MAX_WHOLE_ATTEMPTS: u32 = 4;

/// How many events in a row may have no answer when they are tried one by one.
const MAX_UNANSWERED: u32 = 1;

/// After how many attempts a single event that nothing follows is put aside.
const MAX_ATTEMPTS_ALONE: u32 = 12;

/// How many events that were put aside are tried at once.
const LETTERS_AT_ONCE: usize = 16;

/// When an event that was put aside is tried again.
const LETTER_RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
    give_up_after: None,
};

/// When an event that was put aside is tried again after it had no answer: it may be why the sink hangs.
const LETTER_PAUSE: Duration = Duration::from_secs(120);

/// One event, however large.
const ONE: DeliveryLimits = DeliveryLimits {
    events: 1,
    bytes: usize::MAX,
};

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
            // One event may be why it does not answer: because of it a receiver hangs, or falls over each time.
            PublishError::Unavailable { .. } if events.len() > 1 && self.has_failed_often() => {
                self.one_by_one(&error.to_string(), events, chunk).await
            }
            PublishError::Unavailable { .. } => self.failed(&error.to_string(), retry_after(&error)).await,
            PublishError::OutOfStep(_) => {
                tracing::debug!(subscription = %self.subscription.name, %error, "the sink is asked for its last event");
                self.out_of_step += 1;
                if self.out_of_step > MAX_OUT_OF_STEP {
                    return self.failed(&error.to_string(), None).await;
                }
                Ok(())
            }
            PublishError::NotTaken(reason) if events.len() == 1 => {
                self.not_taken_alone(reason, &events[0], chunk).await
            }
            PublishError::NotTaken(reason) => self.one_by_one(&reason, events, chunk).await,
            PublishError::Refused { index, reason } => {
                let Some(refused) = events.get(index) else {
                    return self
                        .failed(&format!("it names an event that it was not sent: {reason}"), None)
                        .await;
                };
                self.count_delivered(index);
                let letter = self.letter(refused, LetterState::Tried(reason), 1);
                self.put_aside(vec![letter], refused.id.position).await
            }
            PublishError::Gone(reason) => {
                tracing::warn!(subscription = %self.subscription.name, reason, "the sink wants no more events; the subscription is disabled");
                self.progress.disabled = Some(reason);
                self.save(&[]).await
            }
            PublishError::Unfit(_) => self.failed(&error.to_string(), Some(UNFIT_PAUSE)).await,
        }
    }

    /// Whether the delivery, as it stands, was tried often enough.
    fn has_failed_often(&self) -> bool {
        let attempts = self.progress.failing.as_ref().map_or(0, |failing| failing.attempts);
        self.subscription.publisher.repeats_deliveries() && attempts >= MAX_WHOLE_ATTEMPTS
    }

    /// Notes that the sink takes nothing, and waits until it is tried again.
    pub(super) async fn failed(&mut self, reason: &str, retry_after: Option<Duration>) -> Result<(), Ended> {
        let policy = self.subscription.publisher.retry_policy();
        let now = self.subscription.ports.clock.now();
        let failing = self.progress.failing.get_or_insert_with(|| Failing {
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
        self.in_step = false;
        self.taking = false;
        self.subscription.ports.meter.retried(&self.subscription.name);
        let failed_for = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        if policy.give_up_after.is_some_and(|longest| failed_for >= longest) {
            tracing::warn!(subscription = %self.subscription.name, reason, "the sink failed for too long; the subscription is disabled");
            self.progress.disabled = Some(format!("it failed for too long: {reason}"));
            return self.save(&[]).await;
        }
        self.save(&[]).await?;
        let wait = wait_after(attempts, policy, &*self.subscription.ports.ids);
        self.wait(retry_after.map_or(wait, |asked| asked.min(MAX_RETRY_AFTER).max(wait)))
            .await
    }

    /// The sink did not take a delivery of one event. If it took the one before, it is put aside, so that those that come
    /// meanwhile do not wait for it; otherwise it may be the sink.
    async fn not_taken_alone(&mut self, reason: String, event: &Arc<EventMessage>, chunk: &Chunk) -> Result<(), Ended> {
        let attempts = self.progress.failing.as_ref().map_or(0, |failing| failing.attempts);
        if !self.taking && attempts < MAX_ATTEMPTS_ALONE {
            // The next attempt takes along what has come meanwhile: then it shows which of them it is.
            self.progress.delivery_end = None;
            return self.failed(&reason, None).await;
        }
        self.taking = false;
        let letter = self.letter(event, LetterState::Tried(reason), 1);
        self.put_aside(vec![letter], chunk.next).await
    }

    /// Delivers events one by one, and puts those aside that are not taken.
    async fn one_by_one(&mut self, reason: &str, events: &[Arc<EventMessage>], chunk: &Chunk) -> Result<(), Ended> {
        let mut letters: Vec<DeadLetter> = Vec::new();
        let mut behind: BTreeSet<Sku> = BTreeSet::new();
        let (mut taken, mut unanswered) = (0, 0);
        for event in events {
            let sku = event.event.subject.sku();
            if sku.is_some_and(|sku| behind.contains(sku)) {
                letters.push(self.letter(event, LetterState::Waits, 0));
                continue;
            }
            self.renew().await?;
            match self.subscription.publisher.publish(std::slice::from_ref(event)).await {
                Ok(()) => (taken, unanswered) = (taken + 1, 0),
                // Several in a row are the sink. The delivery is tried again as a whole.
                Err(PublishError::Unavailable { reason, retry_after }) if unanswered == MAX_UNANSWERED => {
                    return self.failed(&reason, retry_after).await;
                }
                Err(
                    error @ (PublishError::NotTaken(_)
                    | PublishError::Refused { .. }
                    | PublishError::Unavailable { .. }),
                ) => {
                    unanswered += u32::from(matches!(error, PublishError::Unavailable { .. }));
                    letters.push(self.letter(event, LetterState::Tried(reason_of(error)), 1));
                    if self.after_refusal() == AfterRefusal::Wait {
                        behind.extend(sku.cloned());
                    }
                }
                // The delivery is tried again as a whole.
                Err(error) => return self.failed(&error.to_string(), retry_after(&error)).await,
            }
            if taken == 0 && letters.len() >= MAX_PROBES {
                break;
            }
        }
        if taken == 0 {
            return self.failed(reason, None).await;
        }
        self.count_delivered(taken);
        self.taking = true;
        self.put_aside(letters, chunk.next).await
    }

    /// Puts events aside. All others up to a place were delivered.
    async fn put_aside(&mut self, letters: Vec<DeadLetter>, place: LogPosition) -> Result<(), Ended> {
        self.progress.place = place;
        self.progress.delivery_end = None;
        self.progress.failing = None;
        self.save(&letters).await?;
        for letter in letters {
            if let LetterState::Tried(reason) = &letter.state {
                tracing::warn!(subscription = %self.subscription.name, sequence = letter.sequence, reason, "an event was not taken; it is put aside");
            }
            let due = matches!(letter.state, LetterState::Tried(_)).then(|| self.due_after(letter.attempts));
            self.letters.put(letter, due);
        }
        self.count_letters();
        Ok(())
    }

    fn due_after(&self, attempts: u32) -> Duration {
        self.now() + wait_after(attempts, LETTER_RETRY, &*self.subscription.ports.ids)
    }

    /// Tries events that were put aside, where it is time.
    pub(super) async fn try_letters(&mut self) -> Result<(), Ended> {
        if self.letters.is_empty() || self.progress.failing.is_some() {
            return Ok(());
        }
        let mut failed: BTreeSet<Sku> = BTreeSet::new();
        for letter in self.letters.ready(self.now(), self.after_refusal(), LETTERS_AT_ONCE) {
            if letter.sku.as_ref().is_some_and(|sku| failed.contains(sku)) {
                continue;
            }
            self.renew().await?;
            let before = LogPosition {
                sequence: letter.sequence.saturating_sub(1),
                ..self.progress.place
            };
            let Ok(chunk) = self.follower.read(before, ONE).await else {
                // The log is read anew anyhow.
                return Ok(());
            };
            let Some(event) = chunk
                .events
                .first()
                .filter(|event| event.event.sequence == letter.sequence)
            else {
                tracing::warn!(subscription = %self.subscription.name, sequence = letter.sequence, "an event that was put aside is not in the log");
                self.bury(letter.sequence).await?;
                continue;
            };
            self.in_step = false;
            match self.subscription.publisher.replay(event).await {
                Ok(()) => {
                    self.count_delivered(1);
                    self.taking = true;
                    self.bury(letter.sequence).await?;
                }
                Err(PublishError::NotTaken(reason) | PublishError::Refused { reason, .. }) => {
                    failed.extend(letter.sku.clone());
                    self.tried(letter, reason).await?;
                }
                // It says nothing about the event, unless the event is why. Either way the others do not wait for it often.
                Err(error) => {
                    tracing::debug!(subscription = %self.subscription.name, sequence = letter.sequence, %error, "an event that was put aside has no answer");
                    let due = self.now() + LETTER_PAUSE;
                    self.letters.put(letter, Some(due));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// An event that was put aside was not taken once more.
    async fn tried(&mut self, letter: DeadLetter, reason: String) -> Result<(), Ended> {
        let attempts = letter.attempts + 1;
        let is_dead = attempts >= MAX_ATTEMPTS;
        if is_dead {
            tracing::warn!(subscription = %self.subscription.name, sequence = letter.sequence, reason, attempts, "an event is a dead letter");
        }
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
        self.save(std::slice::from_ref(&letter)).await?;
        let due = (!is_dead).then(|| self.due_after(attempts));
        self.letters.put(letter, due);
        Ok(())
    }
}

fn reason_of(error: PublishError) -> String {
    match error {
        PublishError::NotTaken(reason)
        | PublishError::Refused { reason, .. }
        | PublishError::Unavailable { reason, .. } => reason,
        other => other.to_string(),
    }
}
