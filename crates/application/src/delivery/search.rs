//! Looking for the events that a sink does not take, in a delivery that it did not take as a whole.
//!
//! The delivery is halved until single events are left, so that one event among a hundred is found by some ten requests.
//! Where the sink did not answer, each attempt may last until its time is over: then the events are tried one by one, which
//! costs one such attempt. Either way they go in their order, and what is behind one that was not taken waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_domain::Sku;

use super::active::ActiveSubscription;
use super::chunk::Chunk;
use super::failures::MAX_WHOLE_ATTEMPTS;
use super::held::Ended;
use super::letters::AfterRefusal;
use super::tail::TailError;
use crate::ports::{DeadLetter, DeliveryLimits, EventMessage, LetterState, PublishError};

/// How many events are looked at behind a delivery of which nothing is taken, and in how many pages: some seconds of a busy
/// shop.
const AHEAD_PAGE: usize = 1_000;
const MAX_AHEAD_PAGES: usize = 16;

/// After how many events that are not taken, and none that is, the sink takes nothing at all.
const MAX_PROBES: usize = 16;

/// A part of the delivery that is still to be tried.
struct Part {
    events: Vec<Arc<EventMessage>>,
    /// Whether one of them is known not to be taken.
    is_suspect: bool,
    /// Whether the next part is the other half of one that was not taken.
    is_first_half: bool,
}

impl Part {
    /// The two halves of events of which one is not taken. The second half comes first: parts are taken from the end.
    fn halves(mut events: Vec<Arc<EventMessage>>) -> [Self; 2] {
        let second = events.split_off(events.len().div_ceil(2));
        let half = |events, is_first_half| Self {
            events,
            is_suspect: false,
            is_first_half,
        };
        [half(second, false), half(events, true)]
    }

    fn of_one(event: &Arc<EventMessage>) -> Self {
        Self {
            events: vec![Arc::clone(event)],
            is_suspect: false,
            is_first_half: false,
        }
    }
}

/// What is known of the delivery: all of its events up to a place were taken, or are among the letters.
struct Found {
    letters: Vec<DeadLetter>,
    /// The products of which an event was not taken.
    behind: BTreeSet<Sku>,
    /// The last of these events.
    until: Option<u64>,
    /// How many were taken, and how many were not.
    taken: usize,
    refused: usize,
    /// Whether the sink has said of one of them that it does not take it.
    has_answer: bool,
    /// One that had no answer: whether it is why, what follows tells.
    unanswered: Option<DeadLetter>,
}

impl Found {
    const NOTHING: Self = Self {
        letters: Vec::new(),
        behind: BTreeSet::new(),
        until: None,
        taken: 0,
        refused: 0,
        has_answer: false,
        unanswered: None,
    };

    /// The sink answers: that it did not before is about the event.
    fn blame_unanswered(&mut self) {
        if let Some(letter) = self.unanswered.take() {
            self.refused += 1;
            self.letters.push(letter);
        }
    }

    fn is_about_one_product(&self) -> bool {
        let mut products = self.letters.iter().map(|letter| &letter.sku);
        let first = products.next();
        products.all(|product| Some(product) == first)
    }

    fn settle(&mut self, events: &[Arc<EventMessage>]) {
        self.until = events.last().map(|event| event.event.sequence).or(self.until);
    }
}

impl ActiveSubscription<'_> {
    /// Looks for events that are not taken, where the sink says so.
    pub(super) async fn search_by_halves(
        &mut self,
        reason: String,
        events: &[Arc<EventMessage>],
        chunk: &Chunk,
    ) -> Result<(), Ended> {
        if let [event] = events {
            let mut found = Found::NOTHING;
            found.refused = 1;
            found.has_answer = true;
            found
                .letters
                .push(self.letter(event, LetterState::Tried(reason.clone()), 1));
            return self.found(found, &reason, chunk).await;
        }
        let halves = Part::halves(events.to_vec()).into();
        self.search(halves, &reason, chunk).await
    }

    /// Looks for events because of which the sink does not answer.
    pub(super) async fn search_one_by_one(
        &mut self,
        reason: String,
        events: &[Arc<EventMessage>],
        chunk: &Chunk,
    ) -> Result<(), Ended> {
        if let [event] = events {
            // It is alone because others of the delivery wait behind letters: so must not all that comes behind them.
            let letter = self.letter(event, LetterState::Tried(reason.clone()), 1);
            if chunk.events.len() > 1 && self.others_wait_behind(chunk, std::slice::from_ref(&letter)).await? {
                return self.put_aside(vec![letter], chunk.next).await;
            }
            return self.took_nothing(&reason).await;
        }
        let parts = events.iter().rev().map(Part::of_one).collect();
        self.search(parts, &reason, chunk).await
    }

    /// Tries parts of a delivery, the last one first.
    async fn search(&mut self, mut parts: Vec<Part>, reason: &str, chunk: &Chunk) -> Result<(), Ended> {
        let mut found = Found::NOTHING;
        while let Some(part) = parts.pop() {
            let whole = part.events.len();
            let events = self.without_those_behind(part.events, &mut found);
            let is_whole = events.len() == whole;
            if events.is_empty() {
                continue;
            }
            if part.is_suspect && is_whole && events.len() > 1 {
                parts.extend(Part::halves(events));
                continue;
            }
            match self.publish(&events).await? {
                Ok(()) => {
                    self.took(events.len());
                    found.blame_unanswered();
                    found.taken += events.len();
                    found.settle(&events);
                    if part.is_first_half
                        && is_whole
                        && let Some(other_half) = parts.last_mut()
                    {
                        other_half.is_suspect = true;
                    }
                }
                Err(PublishError::NotTaken(_)) if events.len() > 1 => {
                    found.blame_unanswered();
                    parts.extend(Part::halves(events));
                }
                Err(PublishError::NotTaken(reason) | PublishError::Refused { reason, .. }) if events.len() == 1 => {
                    found.blame_unanswered();
                    found.refused += 1;
                    found.has_answer = true;
                    found
                        .letters
                        .push(self.letter(&events[0], LetterState::Tried(reason), 1));
                    found.settle(&events);
                    self.hold_back_behind(&events[0], &mut found);
                }
                Err(PublishError::Unavailable {
                    reason,
                    retry_after: None,
                }) if events.len() == 1 && found.unanswered.is_none() => {
                    found.unanswered = Some(self.letter(&events[0], LetterState::Tried(reason), 1));
                    self.hold_back_behind(&events[0], &mut found);
                }
                // It is the sink. What is known by now is kept; the rest is another delivery.
                Err(error) => return self.interrupted(found, error, chunk).await,
            }
            if found.taken == 0 && found.refused >= MAX_PROBES {
                return self.took_nothing(reason).await;
            }
        }
        found.blame_unanswered();
        self.found(found, reason, chunk).await
    }

    /// Leaves those out that wait behind one that was not taken.
    fn without_those_behind(&self, events: Vec<Arc<EventMessage>>, found: &mut Found) -> Vec<Arc<EventMessage>> {
        let is_behind = |event: &Arc<EventMessage>| {
            let sku = event.event.subject.sku();
            sku.is_some_and(|sku| found.behind.contains(sku))
        };
        let (waiting, others): (Vec<_>, Vec<_>) = events.into_iter().partition(is_behind);
        let waiting = waiting.iter().map(|event| self.letter(event, LetterState::Waits, 0));
        found.letters.extend(waiting);
        others
    }

    fn hold_back_behind(&self, event: &EventMessage, found: &mut Found) {
        if self.after_refusal() == AfterRefusal::Wait {
            found.behind.extend(event.event.subject.sku().cloned());
        }
    }

    /// Whether the delivery was tried often enough, and what would show that the sink is well comes behind it: events of
    /// other products than those of these letters, which no new event lets join the delivery.
    async fn others_wait_behind(&mut self, chunk: &Chunk, letters: &[DeadLetter]) -> Result<bool, Ended> {
        if self.failed_attempts() < MAX_WHOLE_ATTEMPTS {
            return Ok(false);
        }
        let limits = DeliveryLimits {
            events: AHEAD_PAGE,
            bytes: usize::MAX,
        };
        let mut place = chunk.next;
        for _ in 0..MAX_AHEAD_PAGES {
            let ahead = match self.follower.read(place, limits).await {
                Ok(ahead) => ahead,
                Err(TailError::Gone(_)) => return Ok(false),
                Err(TailError::Store(error)) => return self.held.store_failed(&error).await,
            };
            let is_other = |event: &Arc<EventMessage>| {
                let sku = event.event.subject.sku();
                let is_suspect = letters.iter().any(|letter| letter.sku.as_ref() == sku);
                let waits =
                    self.letters.knows(event.event.sequence) || self.letters.hold_back(event, self.after_refusal());
                !is_suspect && !waits
            };
            if ahead.events.iter().any(is_other) {
                return Ok(true);
            }
            if ahead.is_at_end() || ahead.next.sequence <= place.sequence {
                return Ok(false);
            }
            place = ahead.next;
        }
        Ok(false)
    }

    /// All events were tried.
    async fn found(&mut self, found: Found, reason: &str, chunk: &Chunk) -> Result<(), Ended> {
        // Where the delivery before was taken, one product may be why. Several at once are rather the sink. So may it be
        // where the sink goes on saying so, and what would show it comes behind this delivery.
        let is_sound = found.taken > 0
            || (found.is_about_one_product()
                && (self.taking || (found.has_answer && self.others_wait_behind(chunk, &found.letters).await?)));
        if !is_sound {
            return self.took_nothing(reason).await;
        }
        // It may be the sink after all: the next delivery shows it.
        self.taking = found.taken > 0;
        self.put_aside(found.letters, chunk.next).await
    }

    /// The sink failed before all events were tried.
    async fn interrupted(&mut self, found: Found, error: PublishError, chunk: &Chunk) -> Result<(), Ended> {
        if let Some(until) = found.until.filter(|_| found.taken > 0) {
            let mut letters = found.letters;
            letters.retain(|letter| letter.sequence <= until);
            self.put_aside(letters, chunk.books.position_of(until)).await?;
        }
        self.sink_failed(error).await
    }
}
