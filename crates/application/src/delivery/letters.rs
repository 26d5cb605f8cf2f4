//! The events that a subscription has put aside, as its relay has them in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use earmark_domain::Sku;

use crate::ports::{DeadLetter, EventMessage, LetterState};

/// Whether the events of a product wait behind one that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterRefusal {
    /// They wait, so that each product's events arrive in order.
    #[default]
    Wait,
    /// They follow.
    Follow,
}

/// The last attempt at an event that was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastAttempt {
    /// When it is tried again, in the clock's monotonic time.
    pub(super) due: Duration,
    /// How many there have been since the lease was taken.
    pub(super) attempts: u32,
    /// How many deliveries the sink had taken by then.
    pub(super) taken: u64,
}

/// The events that were put aside, by sequence.
#[derive(Debug, Default)]
pub(super) struct Letters {
    letters: BTreeMap<u64, DeadLetter>,
    /// The products of these.
    skus: BTreeMap<Sku, usize>,
    /// Those that were tried.
    attempts: BTreeMap<u64, LastAttempt>,
    /// Those that were put aside and are delivered or dropped now. The sink may not know: what was published out of its
    /// order, or not at all, it can't tell from what it has lost.
    settled: BTreeSet<u64>,
    /// Until when none of them can be tried, as far as that was looked up.
    quiet_until: Option<Duration>,
}

impl Letters {
    /// Takes them as they are stored now. Those that are gone somebody has dropped.
    pub(super) fn replace(&mut self, letters: Vec<DeadLetter>) {
        let letters: BTreeMap<u64, DeadLetter> = letters.into_iter().map(|letter| (letter.sequence, letter)).collect();
        let gone = self.letters.keys().filter(|sequence| !letters.contains_key(sequence));
        self.settled.extend(gone.copied());
        self.skus.clear();
        for sku in letters.values().filter_map(|letter| letter.sku.clone()) {
            *self.skus.entry(sku).or_default() += 1;
        }
        self.attempts.retain(|sequence, _| letters.contains_key(sequence));
        self.letters = letters;
        self.quiet_until = None;
    }

    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Whether an event was put aside, whatever has become of it since.
    pub(super) fn knows(&self, sequence: u64) -> bool {
        self.letters.contains_key(&sequence) || self.settled.contains(&sequence)
    }

    /// The sink has all events up to this sequence, or they are put aside: what was settled among them can't come again.
    pub(super) fn forget_settled_until(&mut self, sequence: u64) {
        self.settled = self.settled.split_off(&sequence.saturating_add(1));
    }

    /// The sink has lost events: what was settled may be among them.
    pub(super) fn forget_settled(&mut self) {
        self.settled.clear();
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

    /// The last attempt at one, if there was any since the lease was taken.
    pub(super) fn last_attempt(&self, sequence: u64) -> Option<LastAttempt> {
        self.attempts.get(&sequence).copied()
    }

    pub(super) fn put(&mut self, letter: DeadLetter, attempt: Option<LastAttempt>) {
        let sequence = letter.sequence;
        if let Some(attempt) = attempt {
            self.attempts.insert(sequence, attempt);
        } else {
            self.attempts.remove(&sequence);
        }
        self.quiet_until = None;
        let sku = letter.sku.clone();
        if self.letters.insert(sequence, letter).is_none()
            && let Some(sku) = sku
        {
            *self.skus.entry(sku).or_default() += 1;
        }
    }

    /// It is delivered, or dropped.
    pub(super) fn settle(&mut self, sequence: u64) {
        self.attempts.remove(&sequence);
        self.quiet_until = None;
        self.settled.insert(sequence);
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

    /// The first that can be tried now: of a product none behind one that has to wait or is dead, unless they need not
    /// wait.
    pub(super) fn next(&mut self, now: Duration, after_refusal: AfterRefusal) -> Option<DeadLetter> {
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        let mut behind: BTreeSet<&Sku> = BTreeSet::new();
        let mut quiet_until = Duration::MAX;
        for (sequence, letter) in &self.letters {
            let is_behind = letter.sku.as_ref().is_some_and(|sku| behind.contains(sku));
            if !is_behind && !matches!(letter.state, LetterState::Dead(_)) {
                match self.attempts.get(sequence) {
                    Some(last) if last.due > now => quiet_until = quiet_until.min(last.due),
                    _ => return Some(letter.clone()),
                }
            }
            if after_refusal == AfterRefusal::Wait
                && let Some(sku) = &letter.sku
            {
                behind.insert(sku);
            }
        }
        self.quiet_until = Some(quiet_until);
        None
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn letter(sequence: u64, sku: &str, state: LetterState) -> DeadLetter {
        DeadLetter {
            sequence,
            sku: Some(Sku::new(sku).expect("a SKU")),
            state,
            attempts: 1,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    fn tried(seconds: u64) -> Option<LastAttempt> {
        Some(LastAttempt {
            due: Duration::from_secs(seconds),
            attempts: 1,
            taken: 0,
        })
    }

    fn next(letters: &mut Letters, seconds: u64, after_refusal: AfterRefusal) -> Option<u64> {
        let next = letters.next(Duration::from_secs(seconds), after_refusal);
        next.map(|letter| letter.sequence)
    }

    #[test]
    fn of_a_product_none_is_tried_before_the_first_of_it() {
        let mut letters = Letters::default();
        letters.put(letter(1, "A", LetterState::Tried("no".to_owned())), tried(10));
        letters.put(letter(2, "A", LetterState::Waits), None);
        letters.put(letter(3, "B", LetterState::Dead("no".to_owned())), None);
        letters.put(letter(4, "B", LetterState::Waits), None);
        assert_eq!(next(&mut letters, 5, AfterRefusal::Wait), None);
        assert_eq!(next(&mut letters, 10, AfterRefusal::Wait), Some(1));
        letters.settle(1);
        assert_eq!(next(&mut letters, 5, AfterRefusal::Wait), Some(2));
    }

    #[test]
    fn where_they_need_not_wait_the_others_of_a_product_are_tried() {
        let mut letters = Letters::default();
        letters.put(letter(1, "A", LetterState::Dead("no".to_owned())), None);
        letters.put(letter(2, "A", LetterState::Waits), None);
        assert_eq!(next(&mut letters, 0, AfterRefusal::Follow), Some(2));
    }

    #[test]
    fn what_was_settled_is_known_until_the_sink_has_what_follows_or_has_lost_what_it_had() {
        let mut letters = Letters::default();
        letters.put(letter(1, "A", LetterState::Waits), None);
        letters.put(letter(2, "A", LetterState::Waits), None);
        letters.put(letter(3, "A", LetterState::Waits), None);
        letters.settle(2);
        // Somebody has dropped the first one.
        letters.replace(vec![letter(3, "A", LetterState::Waits)]);
        assert!([1, 2, 3].into_iter().all(|sequence| letters.knows(sequence)));
        letters.forget_settled_until(1);
        assert_eq!([1, 2, 3].map(|sequence| letters.knows(sequence)), [false, true, true]);
        letters.forget_settled();
        assert_eq!([2, 3].map(|sequence| letters.knows(sequence)), [false, true]);
    }
}
