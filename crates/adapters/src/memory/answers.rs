//! Remembered answers: by key, and by the instant at which they are to be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use earmark_application::{CallKey, Claim, Claimant, Claimed, Fingerprint, RememberedAnswers, StoreError};
use jiff::Timestamp;

use super::MemoryStore;

/// Every key that is known.
#[derive(Debug, Default)]
pub(super) struct Answers {
    by_key: BTreeMap<CallKey, Entry>,
    /// The same, the first to be forgotten first.
    by_end: BTreeSet<(Timestamp, CallKey)>,
}

/// What is known of a key.
#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    claimant: Claimant,
    leased_until: Timestamp,
    forget_at: Timestamp,
    answer: Option<Vec<u8>>,
}

impl Answers {
    fn claim(&mut self, claim: &Claim) -> Claimed {
        let known = self.by_key.get(&claim.key).filter(|known| known.forget_at > claim.now);
        if let Some(known) = known {
            if known.fingerprint != claim.fingerprint {
                return Claimed::Reused;
            }
            if let Some(answer) = &known.answer {
                return Claimed::Answered(answer.clone());
            }
            if known.claimant != claim.claimant && known.leased_until > claim.now {
                return Claimed::Running;
            }
        }
        self.remove(&claim.key);
        let entry = Entry {
            fingerprint: claim.fingerprint,
            claimant: claim.claimant,
            leased_until: claim.leased_until,
            forget_at: claim.forget_at,
            answer: None,
        };
        self.by_end.insert((entry.forget_at, claim.key.clone()));
        self.by_key.insert(claim.key.clone(), entry);
        Claimed::Won
    }

    /// A key that somebody has claimed and not answered yet.
    fn claimed(&mut self, key: &CallKey, claimant: Claimant) -> Option<&mut Entry> {
        let known = self.by_key.get_mut(key)?;
        (known.claimant == claimant && known.answer.is_none()).then_some(known)
    }

    fn remove(&mut self, key: &CallKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.by_end.remove(&(entry.forget_at, key.clone()));
        }
    }

    fn forget(&mut self, now: Timestamp, limit: usize) -> usize {
        let passed = self.by_end.iter().take_while(|(end, _)| *end <= now).take(limit);
        let passed: Vec<CallKey> = passed.map(|(_, key)| key.clone()).collect();
        for key in &passed {
            self.remove(key);
        }
        passed.len()
    }
}

#[async_trait]
impl RememberedAnswers for MemoryStore {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        Ok(self.answers()?.claim(claim))
    }

    async fn keep(&self, key: &CallKey, claimant: Claimant, answer: &[u8]) -> Result<bool, StoreError> {
        let mut answers = self.answers()?;
        let claimed = answers.claimed(key, claimant);
        Ok(claimed.map(|entry| entry.answer = Some(answer.to_owned())).is_some())
    }

    async fn give_back(&self, key: &CallKey, claimant: Claimant) -> Result<(), StoreError> {
        let mut answers = self.answers()?;
        if answers.claimed(key, claimant).is_some() {
            answers.remove(key);
        }
        Ok(())
    }

    async fn forget(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(self.answers()?.forget(now, limit))
    }
}
