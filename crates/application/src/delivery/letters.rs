//! The events that a subscription has put aside, as its relay has them in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use earmark_domain::Sku;

use crate::ports::{DeadLetter, EventMessage, LetterState};

/// After how many attempts an event that was put aside is dead.
pub(super) const MAX_ATTEMPTS: u32 = 5;

/// Whether the events of a product wait behind one that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterRefusal {
    /// They wait, so that each product's events arrive in order.
    #[default]
    Wait,
    /// They follow.
    Follow,
}

/// The events that were put aside, by sequence.
#[derive(Debug, Default)]
pub(super) struct Letters {
    letters: BTreeMap<u64, DeadLetter>,
    /// The products of these.
    skus: BTreeMap<Sku, usize>,
    /// When those that were tried are tried again, in the clock's monotonic time.
    due: BTreeMap<u64, Duration>,
}

impl Letters {
    /// Those that are stored.
    pub(super) fn of(letters: Vec<DeadLetter>, due: BTreeMap<u64, Duration>) -> Self {
        let mut skus = BTreeMap::new();
        for sku in letters.iter().filter_map(|letter| letter.sku.clone()) {
            *skus.entry(sku).or_default() += 1;
        }
        let letters: BTreeMap<u64, DeadLetter> = letters.into_iter().map(|letter| (letter.sequence, letter)).collect();
        let due = due.into_iter().filter(|(at, _)| letters.contains_key(at)).collect();
        Self { letters, skus, due }
    }

    /// When those that were tried are tried again.
    pub(super) fn take_due(&mut self) -> BTreeMap<u64, Duration> {
        std::mem::take(&mut self.due)
    }

    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    pub(super) fn has(&self, sequence: u64) -> bool {
        self.letters.contains_key(&sequence)
    }

    /// The sequences of those behind a sequence.
    pub(super) fn after(&self, sequence: u64) -> Vec<u64> {
        let behind = self.letters.range(sequence.saturating_add(1)..);
        behind.map(|(sequence, _)| *sequence).collect()
    }

    /// Whether an event waits behind one that was put aside.
    pub(super) fn hold_back(&self, event: &EventMessage, after_refusal: AfterRefusal) -> bool {
        let sku = event.event.subject.sku();
        after_refusal == AfterRefusal::Wait && sku.is_some_and(|sku| self.skus.contains_key(sku))
    }

    pub(super) fn put(&mut self, letter: DeadLetter, due: Option<Duration>) {
        let sequence = letter.sequence;
        if let Some(due) = due {
            self.due.insert(sequence, due);
        } else {
            self.due.remove(&sequence);
        }
        let sku = letter.sku.clone();
        if self.letters.insert(sequence, letter).is_none()
            && let Some(sku) = sku
        {
            *self.skus.entry(sku).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, sequence: u64) {
        self.due.remove(&sequence);
        let Some(sku) = self.letters.remove(&sequence).and_then(|letter| letter.sku) else {
            return;
        };
        if let Some(left) = self.skus.get_mut(&sku) {
            *left -= 1;
            if *left == 0 {
                self.skus.remove(&sku);
            }
        }
    }

    /// Those that can be tried now, in their order: of each product none behind one that has to wait or is dead, unless
    /// they need not wait.
    pub(super) fn ready(&self, now: Duration, after_refusal: AfterRefusal, limit: usize) -> Vec<DeadLetter> {
        let mut behind: BTreeSet<&Sku> = BTreeSet::new();
        let mut ready = Vec::new();
        for (sequence, letter) in &self.letters {
            if ready.len() >= limit {
                break;
            }
            let waits = letter.sku.as_ref().is_some_and(|sku| behind.contains(sku));
            let is_dead = matches!(letter.state, LetterState::Dead(_));
            let is_due = !is_dead && self.due.get(sequence).is_none_or(|due| *due <= now);
            if is_due && !waits {
                ready.push(letter.clone());
            } else if after_refusal == AfterRefusal::Wait
                && let Some(sku) = &letter.sku
            {
                behind.insert(sku);
            }
        }
        ready
    }
}
