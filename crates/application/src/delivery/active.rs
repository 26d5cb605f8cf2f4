//! A subscription whose lease is held: one delivery after the other.

use std::sync::Arc;
use std::time::Duration;

use super::chunk::Chunk;
use super::letters::{AfterRefusal, Letters};
use super::subscription::Subscription;
use super::tail::{Follower, TailError};
use crate::books::{Books, CursorGone, LogPosition};
use crate::ports::{
    DeadLetter, DeliveryLimits, EventMessage, LastPublished, LetterState, MAX_DEAD_LETTERS, Progress, PublishError,
    SubscriptionLease,
};
use crate::store_error::StoreError;

/// How often the lease is renewed: a third of its time. What others have decided on the subscription is seen then.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(2);

/// How often the place is stored where the sink can tell the last event by itself.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The pause after the store did not answer.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// How many dead letters are read at once.
const LETTER_PAGE: usize = 1_000;

/// The lease is lost, or the store does not answer: whoever has it next begins anew.
pub(super) struct Ended;

/// A subscription whose lease is held.
pub(super) struct ActiveSubscription<'r> {
    pub(super) subscription: &'r Subscription,
    pub(super) follower: Follower,
    fence: u64,
    start: LogPosition,
    pub(super) progress: Progress,
    pub(super) letters: Letters,
    /// Whether the sink's last event is known to be the one before the place.
    pub(super) in_step: bool,
    /// Whether the sink took the last delivery.
    pub(super) taking: bool,
    /// How often in a row it was out of step.
    pub(super) out_of_step: u32,
    /// When the lease was renewed, the letters among it, and when the place was stored.
    renewed: Option<Duration>,
    saved: Duration,
}

impl<'r> ActiveSubscription<'r> {
    pub(super) fn new(subscription: &'r Subscription, lease: SubscriptionLease) -> Self {
        Self {
            subscription,
            follower: subscription.ports.tail.follow(),
            fence: lease.fence,
            start: lease.start,
            taking: lease.progress.failing.is_none(),
            progress: lease.progress,
            letters: Letters::default(),
            in_step: false,
            out_of_step: 0,
            renewed: None,
            saved: Duration::ZERO,
        }
    }

    /// Delivers until the lease is lost.
    pub(super) async fn run(mut self) {
        while self.step().await.is_ok() {}
        tracing::info!(subscription = %self.subscription.name, "events are no longer delivered by this instance");
    }

    pub(super) fn now(&self) -> Duration {
        self.subscription.ports.clock.monotonic()
    }

    async fn step(&mut self) -> Result<(), Ended> {
        self.renew().await?;
        if self.progress.disabled.is_some() {
            return self.wait(RENEW_EVERY).await;
        }
        self.try_letters().await?;
        if self.letters.len() >= MAX_DEAD_LETTERS {
            return self.wait(SAVE_EVERY).await;
        }
        if !self.in_step && !self.find_place().await? {
            return Ok(());
        }
        let chunk = match self.next_chunk().await {
            Ok(chunk) => chunk,
            Err(TailError::Gone(gone)) => {
                tracing::warn!(subscription = %self.subscription.name, %gone, "the log tells another history");
                self.in_step = false;
                return Ok(());
            }
            Err(TailError::Store(error)) => return self.store_failed(&error).await,
        };
        self.measure_lag(&chunk);
        if chunk.events.is_empty() {
            self.progress.place = chunk.next;
            return self.wait_for_events().await;
        }
        self.deliver(chunk).await
    }

    /// Renews the lease, if it is time, and sees what others have decided meanwhile.
    pub(super) async fn renew(&mut self) -> Result<(), Ended> {
        let now = self.now();
        if self.renewed.is_some_and(|at| now.saturating_sub(at) < RENEW_EVERY) {
            return Ok(());
        }
        let first = self.renewed.is_none();
        let lease = match self.subscription.lease.claim().await {
            Ok(Some(lease)) if lease.fence == self.fence => lease,
            Ok(_) => return Err(Ended),
            Err(error) => return self.store_failed(&error).await,
        };
        self.renewed = Some(now);
        if self.progress.disabled.is_some() && lease.progress.disabled.is_none() {
            // Somebody has enabled it: what failed before that does not count.
            self.progress.failing = None;
        }
        self.progress.disabled = lease.progress.disabled;
        if first || !self.letters.is_empty() {
            self.read_letters().await?;
        }
        Ok(())
    }

    async fn read_letters(&mut self) -> Result<(), Ended> {
        let mut letters: Vec<DeadLetter> = Vec::new();
        loop {
            let after = letters.last().map_or(0, |letter| letter.sequence);
            let ports = &self.subscription.ports;
            let page = ports
                .subscriptions
                .dead_letters(&self.subscription.name, after, LETTER_PAGE)
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) => return self.store_failed(&error).await,
            };
            let is_last = page.len() < LETTER_PAGE || letters.len() >= MAX_DEAD_LETTERS;
            letters.extend(page);
            if is_last {
                break;
            }
        }
        self.letters = Letters::of(letters, self.letters.take_due());
        self.count_letters();
        Ok(())
    }

    /// Finds where to go on: behind the last event of the sink. `false`: it does not say.
    async fn find_place(&mut self) -> Result<bool, Ended> {
        let (books, newest) = match self.follower.tail().end().await {
            Ok(end) => end,
            Err(error) => return self.store_failed(&error).await.map(|()| false),
        };
        self.leave_lost_history(&books, newest).await?;
        let place = match self.subscription.publisher.last_published(&books).await {
            Ok(LastPublished::Event(place)) => place,
            Ok(LastPublished::Nothing) => self.start,
            Ok(LastPublished::Emptied | LastPublished::Unknown) => self.progress.place,
            Err(error) => {
                self.failed(&error.to_string(), retry_after(&error)).await?;
                return Ok(false);
            }
        };
        let place = books.resolve(place, newest).map_or_else(|gone| gone.begin, |_| place);
        if place != self.progress.place {
            tracing::info!(subscription = %self.subscription.name, from = %self.progress.place, to = %place, "the sink has another last event");
            self.progress.delivery_end = None;
        }
        self.progress.place = place;
        self.in_step = true;
        Ok(true)
    }

    /// Goes back to where the log agrees with the history that the place is of. What was put aside behind that is gone: the
    /// sequences are those of other events now.
    async fn leave_lost_history(&mut self, books: &Books, newest: u64) -> Result<(), Ended> {
        let Err(CursorGone { begin, .. }) = books.resolve(self.progress.place, newest) else {
            return Ok(());
        };
        self.progress.place = begin;
        self.progress.delivery_end = None;
        for sequence in self.letters.after(begin.sequence) {
            self.bury(sequence).await?;
        }
        self.save(&[]).await
    }

    /// The events of the next delivery.
    async fn next_chunk(&mut self) -> Result<Chunk, TailError> {
        let limits = self.subscription.publisher.limits();
        let Some(end) = self.progress.delivery_end else {
            return self.follower.read(self.progress.place, limits).await;
        };
        // The same events as before, whatever the limits are now.
        let all = DeliveryLimits {
            events: usize::MAX,
            bytes: usize::MAX,
        };
        let mut chunk = self.follower.read(self.progress.place, all).await?;
        chunk.events.retain(|event| event.event.sequence <= end);
        chunk.next = chunk.books.position_of(end);
        Ok(chunk)
    }

    /// Delivers a part of the log, but for what is put aside.
    async fn deliver(&mut self, chunk: Chunk) -> Result<(), Ended> {
        let after_refusal = self.subscription.ports.after_refusal;
        let mut waiting = Vec::new();
        let mut events: Vec<Arc<EventMessage>> = Vec::with_capacity(chunk.events.len());
        for event in &chunk.events {
            if self.letters.has(event.event.sequence) {
                continue;
            }
            if self.letters.hold_back(event, after_refusal) {
                waiting.push(self.letter(event, LetterState::Waits, 0));
            } else {
                events.push(Arc::clone(event));
            }
        }
        if self.subscription.publisher.repeats_deliveries() && self.progress.delivery_end.is_none() {
            self.progress.delivery_end = Some(chunk.next.sequence);
            self.save(&waiting).await?;
        } else if !waiting.is_empty() {
            self.save(&waiting).await?;
        }
        for letter in waiting {
            self.letters.put(letter, None);
        }
        if events.is_empty() {
            return self.delivered_up_to(chunk.next).await;
        }
        // A relay that was stopped notices here that its lease may have ended.
        self.renew().await?;
        match self.subscription.publisher.publish(&events).await {
            Ok(()) => {
                self.count_delivered(events.len());
                self.taking = true;
                self.delivered_up_to(chunk.next).await
            }
            Err(error) => self.not_delivered(error, &events, &chunk).await,
        }
    }

    /// All events up to a place were delivered, or are put aside.
    pub(super) async fn delivered_up_to(&mut self, place: LogPosition) -> Result<(), Ended> {
        let was_failing = self.progress.failing.take().is_some();
        self.progress.place = place;
        self.progress.delivery_end = None;
        self.out_of_step = 0;
        if was_failing {
            tracing::info!(subscription = %self.subscription.name, "the sink takes events again");
            return self.save(&[]).await;
        }
        self.save_in_time().await
    }

    async fn save_in_time(&mut self) -> Result<(), Ended> {
        if self.now().saturating_sub(self.saved) < SAVE_EVERY {
            return Ok(());
        }
        self.save(&[]).await
    }

    /// Stores how far the subscription has got, and letters.
    pub(super) async fn save(&mut self, letters: &[DeadLetter]) -> Result<(), Ended> {
        let ports = &self.subscription.ports;
        let saved = ports
            .subscriptions
            .save(&self.subscription.name, self.fence, &self.progress, letters)
            .await;
        match saved {
            Ok(true) => {
                self.saved = self.now();
                Ok(())
            }
            Ok(false) => Err(Ended),
            Err(error) => self.store_failed(&error).await,
        }
    }

    /// Removes letters that were delivered.
    pub(super) async fn bury(&mut self, sequence: u64) -> Result<(), Ended> {
        let ports = &self.subscription.ports;
        match ports
            .subscriptions
            .bury(&self.subscription.name, self.fence, &[sequence])
            .await
        {
            Ok(true) => {
                self.letters.remove(sequence);
                self.count_letters();
                Ok(())
            }
            Ok(false) => Err(Ended),
            Err(error) => self.store_failed(&error).await,
        }
    }

    /// The store does not answer. Nothing is delivered that could not be noted: whoever has the lease next goes on.
    pub(super) async fn store_failed<T>(&self, error: &StoreError) -> Result<T, Ended> {
        tracing::warn!(subscription = %self.subscription.name, %error, "the state of the subscription can't be stored or read");
        self.subscription.ports.clock.pause(STORE_RETRY).await;
        Err(Ended)
    }

    /// Waits for events, and meanwhile for what is due.
    async fn wait_for_events(&mut self) -> Result<(), Ended> {
        self.save_in_time().await?;
        let pause = if self.letters.is_empty() {
            RENEW_EVERY
        } else {
            SAVE_EVERY
        };
        let clock = Arc::clone(&self.subscription.ports.clock);
        tokio::select! {
            () = self.follower.changed() => {}
            () = clock.pause(pause) => {}
        }
        Ok(())
    }

    /// Waits, and renews the lease meanwhile.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), Ended> {
        let until = self.now() + time;
        loop {
            let left = until.saturating_sub(self.now());
            if left.is_zero() {
                return Ok(());
            }
            self.subscription.ports.clock.pause(left.min(RENEW_EVERY)).await;
            let was_disabled = self.progress.disabled.is_some();
            self.renew().await?;
            self.measure_lag_while_failing();
            if was_disabled != self.progress.disabled.is_some() {
                return Ok(());
            }
        }
    }

    /// An event as one that is put aside.
    pub(super) fn letter(&self, event: &EventMessage, state: LetterState, attempts: u32) -> DeadLetter {
        DeadLetter {
            sequence: event.event.sequence,
            sku: event.event.subject.sku().cloned(),
            state,
            attempts,
            since: self.subscription.ports.clock.now(),
        }
    }

    pub(super) fn count_delivered(&self, events: usize) {
        self.subscription
            .ports
            .meter
            .delivered(&self.subscription.name, events as u64);
    }

    pub(super) fn count_letters(&self) {
        self.subscription
            .ports
            .meter
            .put_aside(&self.subscription.name, self.letters.len() as u64);
    }

    fn measure_lag(&self, chunk: &Chunk) {
        let newest = chunk.newest.max(self.follower.tail().newest());
        let events = newest.saturating_sub(self.progress.place.sequence);
        let oldest = chunk.events.first().map_or(Duration::ZERO, |event| {
            let age = self
                .subscription
                .ports
                .clock
                .now()
                .duration_since(event.event.occurred_at);
            Duration::try_from(age).unwrap_or_default()
        });
        self.subscription
            .ports
            .meter
            .lags(&self.subscription.name, events, oldest);
    }

    /// While nothing is delivered, nothing is read either: what waits is told by the log, and for how long by the failure.
    fn measure_lag_while_failing(&self) {
        let Some(failing) = &self.progress.failing else { return };
        let ports = &self.subscription.ports;
        let events = self
            .follower
            .tail()
            .newest()
            .saturating_sub(self.progress.place.sequence);
        let failed_for = Duration::try_from(ports.clock.now().duration_since(failing.since)).unwrap_or_default();
        let oldest = if events == 0 { Duration::ZERO } else { failed_for };
        ports.meter.lags(&self.subscription.name, events, oldest);
    }

    /// Whether letters of one product wait for each other.
    pub(super) fn after_refusal(&self) -> AfterRefusal {
        self.subscription.ports.after_refusal
    }
}

/// When a sink wants to be tried again.
pub(super) fn retry_after(error: &PublishError) -> Option<Duration> {
    match error {
        PublishError::Unavailable { retry_after, .. } => *retry_after,
        _ => None,
    }
}
