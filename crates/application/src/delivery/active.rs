//! A subscription whose lease is held: one delivery after the other.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::chunk::Chunk;
use super::held::{Ended, HeldLease, Rested};
use super::letters::{AfterRefusal, Letters};
use super::subscription::Subscription;
use super::tail::{Follower, TailError};
use crate::books::{Books, CursorGone, LogPosition};
use crate::ports::{
    DeadLetter, DeliveryLimits, EventMessage, LastPublished, LetterState, MAX_DEAD_LETTERS, PublishError,
    SubscriptionLease,
};

/// How often the place is stored where the sink can tell the last event by itself.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often a sink is asked for its last event while there is nothing to deliver: it may have lost some.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How many dead letters are read at once.
const LETTER_PAGE: usize = 1_000;

/// A subscription whose lease is held.
pub(super) struct ActiveSubscription<'r> {
    pub(super) subscription: &'r Subscription,
    pub(super) held: HeldLease<'r>,
    pub(super) follower: Follower,
    start: LogPosition,
    pub(super) letters: Letters,
    /// When they were read.
    letters_read: Option<Duration>,
    /// Whether the sink's last event is known to be the one before the place.
    pub(super) in_step: bool,
    /// Where the sink was when it was asked last, and when that was.
    found: Option<LogPosition>,
    asked: Duration,
    /// Whether the sink took the last delivery, and how many it took, since the lease was taken.
    pub(super) taking: bool,
    pub(super) taken: u64,
    /// How often in a row it was out of step.
    pub(super) out_of_step: u32,
    /// When the first event that is still to be delivered happened, as far as it is known.
    pub(super) waiting_since: Option<Timestamp>,
}

impl<'r> ActiveSubscription<'r> {
    pub(super) fn new(subscription: &'r Subscription, lease: SubscriptionLease) -> Self {
        let start = lease.start;
        let held = HeldLease::new(&subscription.lease, lease);
        Self {
            subscription,
            follower: subscription.ports.tail.follow(),
            start,
            taking: false,
            taken: 0,
            asked: held.now(),
            held,
            letters: Letters::default(),
            letters_read: None,
            in_step: false,
            found: None,
            out_of_step: 0,
            waiting_since: None,
        }
    }

    /// Delivers until the lease is lost.
    pub(super) async fn run(mut self) {
        while self.step().await.is_ok() {}
        self.subscription.ports.meter.ended(&self.subscription.name);
        tracing::info!(subscription = %self.subscription.name, "events are no longer delivered by this instance");
    }

    async fn step(&mut self) -> Result<(), Ended> {
        self.held.renew_in_time().await?;
        self.read_letters_in_time().await?;
        self.tell_state();
        if self.held.progress.disabled.is_some() {
            return self.wait(self.held.renew_every()).await.map(drop);
        }
        if !self.in_step && !self.find_place().await? {
            return Ok(());
        }
        let has_tried = self.try_letter().await?;
        if !self.in_step {
            return Ok(());
        }
        if self.letters.len() >= MAX_DEAD_LETTERS {
            return self.wait(SAVE_EVERY).await.map(drop);
        }
        let chunk = match self.next_chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                // Another instance has read further; or the log tells another history.
                self.in_step = false;
                return self.wait_for_events(false).await;
            }
            Err(TailError::Gone(gone)) => {
                tracing::warn!(subscription = %self.subscription.name, %gone, "the log tells another history");
                self.in_step = false;
                return Ok(());
            }
            Err(TailError::Store(error)) => return self.held.store_failed(&error).await,
        };
        self.measure_lag(&chunk);
        if chunk.events.is_empty() {
            self.held.progress.place = chunk.next;
            return self.wait_for_events(has_tried).await;
        }
        self.deliver(chunk).await
    }

    /// Sees what others have decided on events that are put aside.
    async fn read_letters_in_time(&mut self) -> Result<(), Ended> {
        let now = self.held.now();
        let is_time = match self.letters_read {
            None => true,
            Some(at) => !self.letters.is_empty() && now.saturating_sub(at) >= self.held.renew_every(),
        };
        if !is_time {
            return Ok(());
        }
        let mut letters: Vec<DeadLetter> = Vec::new();
        loop {
            let after = letters.last().map_or(0, |letter| letter.sequence);
            let page = self.read_letters(after, LETTER_PAGE).await?;
            let is_last = page.len() < LETTER_PAGE || letters.len() >= MAX_DEAD_LETTERS;
            letters.extend(page);
            if is_last {
                break;
            }
            self.held.renew_in_time().await?;
        }
        self.letters_read = Some(now);
        self.letters.replace(letters);
        self.count_letters();
        Ok(())
    }

    pub(super) async fn read_letters(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, Ended> {
        let ports = &self.subscription.ports;
        let letters = ports
            .subscriptions
            .dead_letters(&self.subscription.name, after, limit)
            .await;
        match letters {
            Ok(letters) => Ok(letters),
            Err(error) => self.held.store_failed(&error).await,
        }
    }

    /// Finds where to go on: behind the last event of the sink. `false`: it does not say.
    async fn find_place(&mut self) -> Result<bool, Ended> {
        let (books, newest) = match self.follower.tail().end().await {
            Ok(end) => end,
            Err(error) => return self.held.store_failed(&error).await,
        };
        self.leave_lost_history(&books, newest).await?;
        let subscription = self.subscription;
        let asking = subscription.publisher.last_published(&books);
        let place = match self.held.while_renewing(asking).await? {
            Ok(LastPublished::Event(place)) => place,
            Ok(LastPublished::AtLeast(place)) => place.max(self.held.progress.place),
            Ok(LastPublished::Nothing) => self.start,
            Ok(LastPublished::Emptied | LastPublished::Unknown) => self.held.progress.place,
            Err(error) => {
                self.sink_failed(error).await?;
                return Ok(false);
            }
        };
        self.asked = self.held.now();
        let place = books.resolve(place, newest).map_or_else(|gone| gone.begin, |_| place);
        if self.found.is_some_and(|found| place.sequence < found.sequence) {
            self.letters.forget_settled();
        } else {
            self.letters.forget_settled_until(place.sequence);
        }
        if place != self.held.progress.place {
            if self.found != Some(place) {
                tracing::info!(
                    subscription = %subscription.name, from = %self.held.progress.place, to = %place,
                    "the sink has another last event"
                );
            }
            self.held.progress.delivery_end = None;
        }
        self.held.progress.place = place;
        self.found = Some(place);
        self.in_step = true;
        Ok(true)
    }

    /// Goes back to where the log agrees with the history that the place is of. What was put aside behind that is gone: the
    /// sequences are those of other events now.
    async fn leave_lost_history(&mut self, books: &Books, newest: u64) -> Result<(), Ended> {
        let progress = &mut self.held.progress;
        if let Err(CursorGone { begin, .. }) = books.resolve(progress.place, newest) {
            progress.place = begin;
            progress.delivery_end = None;
            for sequence in self.letters.after(begin.sequence) {
                self.bury(sequence).await?;
            }
            self.letters.forget_settled();
            return self.held.save(&[]).await;
        }
        let end = progress.delivery_end.map(|sequence| LogPosition {
            sequence,
            ..progress.place
        });
        if end.is_some_and(|end| books.resolve(end, newest).is_err()) {
            progress.delivery_end = None;
            return self.held.save(&[]).await;
        }
        Ok(())
    }

    /// The events of the next delivery. `None`: it is one that is repeated, and the log was not read that far.
    async fn next_chunk(&mut self) -> Result<Option<Chunk>, TailError> {
        let limits = self.subscription.publisher.limits();
        let place = self.held.progress.place;
        let Some(end) = self.held.progress.delivery_end else {
            return self.follower.read(place, limits).await.map(Some);
        };
        // The same events as before, whatever the limits are now.
        let all = DeliveryLimits {
            events: usize::MAX,
            bytes: usize::MAX,
        };
        let mut chunk = self.follower.read(place, all).await?;
        while chunk.next.sequence < end {
            let further = self.follower.read(chunk.next, all).await?;
            if further.next.sequence <= chunk.next.sequence {
                return Ok(None);
            }
            chunk.events.extend(further.events);
            chunk.next = further.next;
        }
        chunk.events.retain(|event| event.event.sequence <= end);
        chunk.next = chunk.books.position_of(end);
        Ok(Some(chunk))
    }

    /// Delivers a part of the log, but for what is put aside.
    async fn deliver(&mut self, chunk: Chunk) -> Result<(), Ended> {
        let mut waiting = Vec::new();
        let mut events: Vec<Arc<EventMessage>> = Vec::with_capacity(chunk.events.len());
        for event in &chunk.events {
            if self.letters.knows(event.event.sequence) {
                continue;
            }
            if self.letters.hold_back(event, self.after_refusal()) {
                waiting.push(self.letter(event, LetterState::Waits, 0));
            } else {
                events.push(Arc::clone(event));
            }
        }
        let has_bounds = !self.subscription.publisher.repeats_deliveries() || self.held.progress.delivery_end.is_some();
        if !has_bounds {
            let progress = &mut self.held.progress;
            progress.delivery_end = Some(chunk.next.sequence);
            // The bounds are of the history that is told now: by that it is noticed when it is lost.
            progress.place.epoch = chunk.next.epoch;
        }
        if !has_bounds || !waiting.is_empty() {
            self.held.save(&waiting).await?;
        }
        for letter in waiting {
            self.letters.put(letter, None);
        }
        if events.is_empty() {
            return self.delivered_up_to(chunk.next).await;
        }
        match self.publish(&events).await? {
            Ok(()) => {
                self.took(events.len());
                self.delivered_up_to(chunk.next).await
            }
            Err(error) => self.not_delivered(error, &events, &chunk).await,
        }
    }

    /// Publishes events.
    pub(super) async fn publish(&mut self, events: &[Arc<EventMessage>]) -> Result<Result<(), PublishError>, Ended> {
        // A relay that was stopped notices here that its lease may have ended.
        self.held.renew_in_time().await?;
        let subscription = self.subscription;
        let publishing = subscription.publisher.publish(events);
        self.held.while_renewing(publishing).await
    }

    /// The sink took events.
    pub(super) fn took(&mut self, events: usize) {
        self.taking = true;
        self.taken += 1;
        let meter = &self.subscription.ports.meter;
        meter.delivered(&self.subscription.name, events as u64);
    }

    /// All events up to a place were delivered, or are put aside.
    async fn delivered_up_to(&mut self, place: LogPosition) -> Result<(), Ended> {
        let progress = &mut self.held.progress;
        let was_failing = progress.failing.take().is_some();
        progress.place = place;
        progress.delivery_end = None;
        self.out_of_step = 0;
        self.waiting_since = None;
        if was_failing {
            tracing::info!(subscription = %self.subscription.name, "the sink takes events again");
            return self.held.save(&[]).await;
        }
        self.held.save_after(SAVE_EVERY).await
    }

    /// Waits for events, and meanwhile for what is due. `at_once`: more of what was put aside may be.
    async fn wait_for_events(&mut self, at_once: bool) -> Result<(), Ended> {
        self.held.save_after(SAVE_EVERY).await?;
        if at_once {
            return Ok(());
        }
        let pause = if self.letters.is_empty() {
            self.held.renew_every()
        } else {
            SAVE_EVERY
        };
        let clock = Arc::clone(&self.subscription.ports.clock);
        tokio::select! {
            () = self.follower.changed() => {}
            () = clock.pause(pause) => {
                if self.held.now().saturating_sub(self.asked) >= ASK_EVERY {
                    self.in_step = false;
                }
            }
        }
        Ok(())
    }

    /// Waits, and renews the lease meanwhile.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<Rested, Ended> {
        let until = self.held.now() + time;
        loop {
            self.measure_lag_behind();
            let left = until.saturating_sub(self.held.now()).min(self.held.renew_every());
            if left.is_zero() {
                return Ok(Rested::Wholly);
            }
            if self.held.rest(left).await? == Rested::UntilDecided {
                return Ok(Rested::UntilDecided);
            }
        }
    }

    /// Removes one that was put aside and is delivered, or is of no history any more.
    pub(super) async fn bury(&mut self, sequence: u64) -> Result<(), Ended> {
        let Subscription { name, ports, .. } = self.subscription;
        match ports.subscriptions.bury(name, self.held.fence(), &[sequence]).await {
            Ok(true) => {
                self.letters.settle(sequence);
                self.count_letters();
                Ok(())
            }
            Ok(false) => Err(Ended),
            Err(error) => self.held.store_failed(&error).await,
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

    /// Whether letters of one product wait for each other.
    pub(super) fn after_refusal(&self) -> AfterRefusal {
        self.subscription.ports.after_refusal
    }
}
