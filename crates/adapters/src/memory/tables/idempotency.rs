//! Idempotency keys: by key, and by the instant at which they expire.

use std::collections::{BTreeMap, BTreeSet};

use earmark_application::{Fingerprint, IdempotencyKey, LeaseOutcome, LeaseRequest, LeaseToken};
use jiff::Timestamp;

/// Every key that is known.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyKeys {
    by_key: BTreeMap<IdempotencyKey, Entry>,
    /// The same, the first to expire first.
    by_expiry: BTreeSet<(Timestamp, IdempotencyKey)>,
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

impl IdempotencyKeys {
    /// Leases a key, or says why not.
    pub(crate) fn acquire(&mut self, request: &LeaseRequest) -> LeaseOutcome {
        let known = self.by_key.get(&request.key);
        if let Some(known) = known.filter(|known| known.expires_at > request.now) {
            if known.fingerprint != request.fingerprint {
                return LeaseOutcome::Mismatch;
            }
            if let Some(answer) = &known.answer {
                return LeaseOutcome::Answered(answer.clone());
            }
            if known.token != request.token && known.leased_until > request.now {
                return LeaseOutcome::InProgress;
            }
        }
        self.remove(&request.key);
        let entry = Entry {
            fingerprint: request.fingerprint,
            token: request.token,
            leased_until: request.leased_until,
            expires_at: request.expires_at,
            answer: None,
        };
        self.by_expiry.insert((entry.expires_at, request.key.clone()));
        self.by_key.insert(request.key.clone(), entry);
        LeaseOutcome::Acquired
    }

    /// Stores the answer under a key. `false`: the lease is not the caller's.
    pub(crate) fn complete(&mut self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> bool {
        let leased = self.by_key.get_mut(key).filter(|entry| entry.is_leased_to(token));
        leased.map(|entry| entry.answer = Some(answer.to_owned())).is_some()
    }

    /// Releases a key, if the lease is the caller's.
    pub(crate) fn release(&mut self, key: &IdempotencyKey, token: LeaseToken) {
        if self.by_key.get(key).is_some_and(|entry| entry.is_leased_to(token)) {
            self.remove(key);
        }
    }

    /// Deletes expired keys, the earliest expired first; answers how many.
    pub(crate) fn purge_expired(&mut self, now: Timestamp, limit: usize) -> usize {
        let expired = self.by_expiry.iter().take_while(|(end, _)| *end <= now).take(limit);
        let expired: Vec<IdempotencyKey> = expired.map(|(_, key)| key.clone()).collect();
        for key in &expired {
            self.remove(key);
        }
        expired.len()
    }

    fn remove(&mut self, key: &IdempotencyKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.by_expiry.remove(&(entry.expires_at, key.clone()));
        }
    }
}

impl Entry {
    /// Whether this token's lease has not been completed yet.
    fn is_leased_to(&self, token: LeaseToken) -> bool {
        self.token == token && self.answer.is_none()
    }
}
