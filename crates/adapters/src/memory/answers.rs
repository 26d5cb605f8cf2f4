//! Remembered answers: by key, and by the instant at which they are to be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use earmark_application::{
    Fingerprint, IdempotencyKey, IdempotencyStore, LeaseOutcome, LeaseRequest, LeaseToken, StoreError,
};
use jiff::Timestamp;

use super::MemoryStore;

/// Every key that is known.
#[derive(Debug, Default)]
pub(super) struct Answers {
    by_key: BTreeMap<IdempotencyKey, Entry>,
    /// The same, the first to be forgotten first.
    by_end: BTreeSet<(Timestamp, IdempotencyKey)>,
}

/// What is known of a key.
#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    token: LeaseToken,
    leased_until: Timestamp,
    expires_at: Timestamp,
    answer: Option<Vec<u8>>,
}

impl Answers {
    fn claim(&mut self, claim: &LeaseRequest) -> LeaseOutcome {
        let known = self.by_key.get(&claim.key).filter(|known| known.expires_at > claim.now);
        if let Some(known) = known {
            if known.fingerprint != claim.fingerprint {
                return LeaseOutcome::Mismatch;
            }
            if let Some(answer) = &known.answer {
                return LeaseOutcome::Answered(answer.clone());
            }
            if known.token != claim.token && known.leased_until > claim.now {
                return LeaseOutcome::InProgress;
            }
        }
        self.remove(&claim.key);
        let entry = Entry {
            fingerprint: claim.fingerprint,
            token: claim.token,
            leased_until: claim.leased_until,
            expires_at: claim.expires_at,
            answer: None,
        };
        self.by_end.insert((entry.expires_at, claim.key.clone()));
        self.by_key.insert(claim.key.clone(), entry);
        LeaseOutcome::Acquired
    }

    /// A key that somebody has claimed and not answered yet.
    fn claimed(&mut self, key: &IdempotencyKey, token: LeaseToken) -> Option<&mut Entry> {
        let known = self.by_key.get_mut(key)?;
        (known.token == token && known.answer.is_none()).then_some(known)
    }

    fn remove(&mut self, key: &IdempotencyKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.by_end.remove(&(entry.expires_at, key.clone()));
        }
    }

    fn forget(&mut self, now: Timestamp, limit: usize) -> usize {
        let passed = self.by_end.iter().take_while(|(end, _)| *end <= now).take(limit);
        let passed: Vec<IdempotencyKey> = passed.map(|(_, key)| key.clone()).collect();
        for key in &passed {
            self.remove(key);
        }
        passed.len()
    }
}

#[async_trait]
impl IdempotencyStore for MemoryStore {
    async fn acquire(&self, claim: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        Ok(self.answers()?.claim(claim))
    }

    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        let mut answers = self.answers()?;
        let claimed = answers.claimed(key, token);
        Ok(claimed.map(|entry| entry.answer = Some(answer.to_owned())).is_some())
    }

    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        let mut answers = self.answers()?;
        if answers.claimed(key, token).is_some() {
            answers.remove(key);
        }
        Ok(())
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(self.answers()?.forget(now, limit))
    }
}
