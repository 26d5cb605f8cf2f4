//! Subscriptions in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use earmark_application::{
    DeadLetter, DeadLetterAction, LeaseClaim, LeaseHolder, LetterState, Progress, Retried, StoreError,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions,
};
use jiff::Timestamp;

#[derive(Default)]
struct Stored {
    fence: u64,
    holder: Option<LeaseHolder>,
    until: Timestamp,
    progress: Progress,
    letters: BTreeMap<u64, DeadLetter>,
}

/// Subscriptions in memory.
#[derive(Default)]
pub(crate) struct Memory {
    all: Mutex<BTreeMap<SubscriptionName, Stored>>,
    /// Whether nothing can be stored.
    pub(crate) is_down: AtomicBool,
}

impl Memory {
    pub(crate) fn progress(&self, name: &str) -> Progress {
        self.all.lock().expect("no panic")[&SubscriptionName::new(name)]
            .progress
            .clone()
    }

    pub(crate) fn letters(&self, name: &str) -> Vec<(u64, LetterState)> {
        let all = self.all.lock().expect("no panic");
        let letters = all[&SubscriptionName::new(name)].letters.values();
        letters.map(|letter| (letter.sequence, letter.state.clone())).collect()
    }
}

#[async_trait]
impl Subscriptions for Memory {
    async fn lease(&self, claim: &LeaseClaim) -> Result<Option<SubscriptionLease>, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let stored = all.entry(claim.name.clone()).or_insert_with(|| Stored {
            progress: Progress {
                place: claim.start,
                ..Progress::default()
            },
            ..Stored::default()
        });
        if stored.holder != Some(claim.holder) {
            if stored.holder.is_some() && stored.until > claim.now {
                return Ok(None);
            }
            stored.holder = Some(claim.holder);
            stored.fence += 1;
        }
        stored.until = claim.now + claim.lasts;
        Ok(Some(SubscriptionLease {
            fence: stored.fence,
            start: claim.start,
            progress: stored.progress.clone(),
        }))
    }

    async fn save(
        &self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        letters: &[DeadLetter],
    ) -> Result<bool, StoreError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        let mut all = self.all.lock().expect("no panic");
        let stored = all.get_mut(name).expect("a subscription");
        if stored.fence != fence {
            return Ok(false);
        }
        let disabled = progress.disabled.clone().or_else(|| stored.progress.disabled.clone());
        stored.progress = Progress {
            disabled,
            ..progress.clone()
        };
        stored
            .letters
            .extend(letters.iter().map(|letter| (letter.sequence, letter.clone())));
        Ok(true)
    }

    async fn release(&self, name: &SubscriptionName, fence: u64) -> Result<(), StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let stored = all.get_mut(name).expect("a subscription");
        if stored.fence == fence {
            stored.holder = None;
        }
        Ok(())
    }

    async fn subscriptions(&self, _: Timestamp) -> Result<Vec<SubscriptionStatus>, StoreError> {
        unreachable!("relays do not list subscriptions")
    }

    async fn dead_letters(
        &self,
        name: &SubscriptionName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let all = self.all.lock().expect("no panic");
        let letters = all[name].letters.range(after + 1..).take(limit);
        Ok(letters.map(|(_, letter)| letter.clone()).collect())
    }

    async fn decide_on_dead_letters(
        &self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> Result<u64, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let letters = &mut all.get_mut(name).expect("a subscription").letters;
        let is_meant = |letter: &&DeadLetter| {
            let is_named = sequences.is_none_or(|sequences| sequences.contains(&letter.sequence));
            is_named && (action == DeadLetterAction::Skip || matches!(letter.state, LetterState::Dead(_)))
        };
        let meant: BTreeSet<u64> = letters
            .values()
            .filter(is_meant)
            .map(|letter| letter.sequence)
            .collect();
        for sequence in &meant {
            match action {
                DeadLetterAction::Skip => {
                    letters.remove(sequence);
                }
                DeadLetterAction::Replay => {
                    let letter = letters.get_mut(sequence).expect("a letter");
                    letter.state = LetterState::Waits;
                    letter.attempts = 0;
                }
            }
        }
        Ok(meant.len() as u64)
    }

    async fn retried(&self, name: &SubscriptionName, fence: u64, letter: &DeadLetter) -> Result<Retried, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let stored = all.get_mut(name).expect("a subscription");
        if stored.fence != fence {
            return Ok(Retried::Fenced);
        }
        let Some(stored) = stored.letters.get_mut(&letter.sequence) else {
            return Ok(Retried::Dropped);
        };
        stored.clone_from(letter);
        Ok(Retried::Stored)
    }

    async fn bury(&self, name: &SubscriptionName, fence: u64, sequences: &[u64]) -> Result<bool, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let stored = all.get_mut(name).expect("a subscription");
        if stored.fence != fence {
            return Ok(false);
        }
        stored.letters.retain(|sequence, _| !sequences.contains(sequence));
        Ok(true)
    }

    async fn disable(&self, name: &SubscriptionName, reason: Option<&str>) -> Result<bool, StoreError> {
        let mut all = self.all.lock().expect("no panic");
        let Some(stored) = all.get_mut(name) else {
            return Ok(false);
        };
        stored.progress.disabled = reason.map(str::to_owned);
        if reason.is_none() {
            stored.progress.failing = None;
        }
        Ok(true)
    }
}
