//! The idempotency store: a caller that repeats a call under its own key gets the first answer again.
//!
//! Commands are idempotent by their natural keys, which keeps the state right whatever is repeated. It does not keep the
//! answer: a line that is placed a second time is answered as it stands now. A caller that lost the answer wants that
//! very one. So an answer is stored under the caller's idempotency key, as bytes that nothing here looks into, for
//! [`KEY_LIFETIME_SECONDS`]. The first call acquires a lease on the key, so that of many calls at once one runs.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::access::Principal;
use crate::store_error::StoreError;

/// How long a key is known, in seconds from its first lease: a day, in which any caller has found out what became of its
/// call.
pub const KEY_LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// How long a lease lasts without an answer, in seconds. A call is answered in milliseconds, at worst in the seconds that
/// a store is waited for; a call that takes longer has lost its process, and the next caller runs the command again. That
/// caller waits for as long, so a lease is not longer than it has to be.
pub const LEASE_SECONDS: i64 = 15;

/// How many keys one transaction purges: some milliseconds of work, in which nothing else may be able to write.
pub const PURGE_BATCH: usize = 500;

/// The most characters of a key.
pub const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

/// The name that a caller gives a call: 1 to [`MAX_IDEMPOTENCY_KEY_CHARS`] visible ASCII characters. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Arc<str>);

/// Why a text is not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdempotencyKeyError {
    /// It is empty, or too long.
    #[error("a key has 1 to {MAX_IDEMPOTENCY_KEY_CHARS} characters, this one has {0}")]
    Length(usize),
    /// It has a character that is not one of those from `!` to `~`.
    #[error("a key is made of visible ASCII characters")]
    Character,
}

impl IdempotencyKey {
    /// A text as a key.
    ///
    /// # Errors
    /// [`IdempotencyKeyError`].
    pub fn new(text: &str) -> Result<Self, IdempotencyKeyError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IdempotencyKeyError::Character);
        }
        if !(1..=MAX_IDEMPOTENCY_KEY_CHARS).contains(&text.len()) {
            return Err(IdempotencyKeyError::Length(text.len()));
        }
        Ok(Self(Arc::from(text)))
    }

    /// The key as one of a caller's: others' keys of the same text are others.
    #[must_use]
    pub fn of(&self, caller: &Principal) -> Self {
        // No name has a slash in it.
        Self(Arc::from(format!("{caller}/{self}")))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest of the call: equal for equal calls, and practically never for different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// Identifies the holder of a lease: drawn at random for each call, so that no call takes another's lease for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken(pub [u8; 16]);

/// A request for the lease on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The key.
    pub key: IdempotencyKey,
    /// What is called under it.
    pub fingerprint: Fingerprint,
    /// Identifies the caller.
    pub token: LeaseToken,
    /// The current instant.
    pub now: Timestamp,
    /// When the lease ends, unless an answer has been stored.
    pub leased_until: Timestamp,
    /// When the key expires, with or without an answer.
    pub expires_at: Timestamp,
}

impl LeaseRequest {
    /// A request made now.
    #[must_use]
    pub fn at(now: Timestamp, key: IdempotencyKey, fingerprint: Fingerprint, token: LeaseToken) -> Self {
        let after = |seconds| {
            now.checked_add(SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MAX)
        };
        Self {
            key,
            fingerprint,
            token,
            now,
            leased_until: after(LEASE_SECONDS),
            expires_at: after(KEY_LIFETIME_SECONDS),
        }
    }
}

/// The result of a request for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// The caller has the lease: it runs the command and then completes or releases the key.
    Acquired,
    /// Another caller has the lease for the same call, and no answer yet.
    InProgress,
    /// The same call was answered with these bytes.
    Answered(Vec<u8>),
    /// The key belongs to a different call.
    Mismatch,
}

/// Stores answers under idempotency keys. Every method may be awaited on any runtime.
///
/// A key that is unknown or has expired, purged or not, goes to the first request. A known key belongs to one call: a
/// request with another fingerprint gets `Mismatch`. A lease lasts until `leased_until`; after that, without an answer,
/// the next request for the same call acquires it.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Requests the lease on a key. Of all requests for one key at once, through however many instances, MUST let one
    /// acquire it; MUST answer a repeated request of the holder, who did not receive the first answer, with `Acquired`.
    ///
    /// A lease that a crash of the store loses is a lease that has ended early: it need not be durable.
    ///
    /// # Errors
    /// [`StoreError`]: whether the lease is taken may then be unknown.
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseOutcome, StoreError>;

    /// Stores the answer, if the lease is still the caller's. `false`: it is not, and nothing has changed. A stored answer
    /// MUST be durable.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError>;

    /// Releases the key for any caller, if the lease is still the caller's and there is no answer.
    ///
    /// # Errors
    /// [`StoreError`]: then the lease ends by itself.
    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError>;

    /// Deletes expired keys, the earliest expired first, at most `limit`, in one transaction. Answers how many: fewer than
    /// `limit` when none are left.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_of_visible_characters_and_not_too_many() {
        for good in ["k", "0f8fad5b-d9cb-469f-a165-70867728950e", "a\"b\\c", &"x".repeat(255)] {
            assert_eq!(IdempotencyKey::new(good).expect("a key").as_str(), good);
        }
        assert_eq!(IdempotencyKey::new(""), Err(IdempotencyKeyError::Length(0)));
        assert_eq!(
            IdempotencyKey::new(&"x".repeat(256)),
            Err(IdempotencyKeyError::Length(256))
        );
        for bad in ["two words", "tab\t", "ümlaut", "\u{7f}"] {
            assert_eq!(IdempotencyKey::new(bad), Err(IdempotencyKeyError::Character), "{bad:?}");
        }
    }

    #[test]
    fn a_lease_requested_at_the_end_of_time_ends_with_it() {
        let key = IdempotencyKey::new("k").expect("a key");
        let request = LeaseRequest::at(Timestamp::MAX, key, Fingerprint([0; 32]), LeaseToken([0; 16]));
        assert_eq!(
            (request.leased_until, request.expires_at),
            (Timestamp::MAX, Timestamp::MAX)
        );
    }
}
