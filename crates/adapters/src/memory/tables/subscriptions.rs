//! Subscriptions and what they have put aside, by name.

use std::collections::BTreeMap;

use earmark_application::{
    DeadLetter, DeadLetterAction, LeaseClaim, LeaseHolder, LetterState, LogPosition, Progress, Retried,
    SubscriptionLease, SubscriptionName, SubscriptionStatus,
};
use jiff::Timestamp;

/// Every subscription.
#[derive(Debug, Default)]
pub(crate) struct SubscriptionTable(BTreeMap<SubscriptionName, Entry>);

/// A subscription.
#[derive(Debug)]
struct Entry {
    fence: u64,
    /// Who holds the lease, and until when. `None`: it was given back.
    holder: Option<(LeaseHolder, Timestamp)>,
    start: LogPosition,
    progress: Progress,
    letters: BTreeMap<u64, DeadLetter>,
}

impl SubscriptionTable {
    /// Takes or renews a lease; `None`: another has it.
    pub(crate) fn lease(&mut self, claim: &LeaseClaim) -> Option<SubscriptionLease> {
        let until = claim.now.checked_add(claim.lasts).unwrap_or(Timestamp::MAX);
        let entry = self.0.entry(claim.name.clone()).or_insert_with(|| Entry {
            fence: 0,
            holder: None,
            start: claim.start,
            progress: Progress {
                place: claim.start,
                ..Progress::default()
            },
            letters: BTreeMap::new(),
        });
        match entry.holder {
            Some((holder, _)) if holder == claim.holder => {}
            Some((_, leased_until)) if leased_until > claim.now => return None,
            _ => entry.fence += 1,
        }
        entry.holder = Some((claim.holder, until));
        Some(SubscriptionLease {
            fence: entry.fence,
            start: entry.start,
            progress: entry.progress.clone(),
        })
    }

    /// The subscription, if the fence is that of its last lease.
    fn held(&mut self, name: &SubscriptionName, fence: u64) -> Option<&mut Entry> {
        self.0.get_mut(name).filter(|entry| entry.fence == fence)
    }

    /// Stores how far a subscription has got.
    pub(crate) fn save(
        &mut self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        letters: &[DeadLetter],
    ) -> bool {
        let Some(entry) = self.held(name, fence) else {
            return false;
        };
        let disabled = progress.disabled.clone().or_else(|| entry.progress.disabled.take());
        entry.progress = Progress {
            disabled,
            ..progress.clone()
        };
        let letters = letters.iter().map(|letter| (letter.sequence, letter.clone()));
        entry.letters.extend(letters);
        true
    }

    /// Gives a lease back.
    pub(crate) fn release(&mut self, name: &SubscriptionName, fence: u64) {
        if let Some(entry) = self.held(name, fence) {
            entry.holder = None;
        }
    }

    /// All subscriptions, by name.
    pub(crate) fn all(&self, now: Timestamp) -> Vec<SubscriptionStatus> {
        let all = self.0.iter().map(|(name, entry)| SubscriptionStatus {
            name: name.clone(),
            progress: entry.progress.clone(),
            is_leased: entry.holder.is_some_and(|(_, until)| until > now),
            put_aside: entry.letters.len() as u64,
            dead: entry.letters.values().filter(|letter| is_dead(letter)).count() as u64,
        });
        all.collect()
    }

    /// A page of letters.
    pub(crate) fn letters(&self, name: &SubscriptionName, after: u64, limit: usize) -> Vec<DeadLetter> {
        let of_name = self.0.get(name).into_iter().flat_map(|entry| entry.letters.values());
        let wanted = of_name.filter(|letter| letter.sequence > after);
        wanted.take(limit).cloned().collect()
    }

    /// Decides on letters; answers how many it concerned.
    pub(crate) fn decide(
        &mut self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> u64 {
        let Some(entry) = self.0.get_mut(name) else {
            return 0;
        };
        let is_meant = |sequence: &u64| sequences.is_none_or(|sequences| sequences.contains(sequence));
        match action {
            DeadLetterAction::Replay => {
                let mut replayed = 0;
                let letters = entry.letters.values_mut();
                for letter in letters.filter(|letter| is_meant(&letter.sequence) && is_dead(letter)) {
                    letter.state = LetterState::Waits;
                    letter.attempts = 0;
                    replayed += 1;
                }
                replayed
            }
            DeadLetterAction::Skip => {
                let before = entry.letters.len();
                entry.letters.retain(|sequence, _| !is_meant(sequence));
                (before - entry.letters.len()) as u64
            }
        }
    }

    /// Stores how a letter stands that was tried once more, if it is still there.
    pub(crate) fn retried(&mut self, name: &SubscriptionName, fence: u64, letter: &DeadLetter) -> Retried {
        let Some(entry) = self.held(name, fence) else {
            return Retried::Fenced;
        };
        let Some(stored) = entry.letters.get_mut(&letter.sequence) else {
            return Retried::Dropped;
        };
        *stored = letter.clone();
        Retried::Stored
    }

    /// Removes letters that were delivered.
    pub(crate) fn bury(&mut self, name: &SubscriptionName, fence: u64, sequences: &[u64]) -> bool {
        let Some(entry) = self.held(name, fence) else {
            return false;
        };
        for sequence in sequences {
            entry.letters.remove(sequence);
        }
        true
    }

    /// Enables or disables a subscription. Enabled, it is tried at once.
    pub(crate) fn disable(&mut self, name: &SubscriptionName, reason: Option<&str>) -> bool {
        let Some(entry) = self.0.get_mut(name) else {
            return false;
        };
        entry.progress.disabled = reason.map(ToOwned::to_owned);
        if reason.is_none() {
            entry.progress.failing = None;
        }
        true
    }
}

fn is_dead(letter: &DeadLetter) -> bool {
    matches!(letter.state, LetterState::Dead(_))
}
