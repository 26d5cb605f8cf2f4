//! Remembered answers: a caller who names a call by a key of its own, and calls again, hears the first answer again.
//!
//! Commands are idempotent by their natural keys, which keeps the books right whoever repeats what. It does not keep
//! the answer: the second time a line is placed, the caller hears how it stands now. A caller that lost the answer wants
//! that very one. So an answer is kept under the caller's key, as bytes that nobody here looks into, for
//! [`KEPT_SECONDS`], and whoever calls first claims the key, so that of many that come at once one runs.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::error::StoreError;
use crate::port::Clock;

/// How long a key is known, in seconds from its claim: a day, in which any caller has found out what became of its call.
pub const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// How long a claim holds without an answer, in seconds. A call is answered in milliseconds, at worst in the seconds that
/// a store is waited for; what has taken longer has lost its process, and the next caller runs the command again.
pub const LEASE_SECONDS: i64 = 60;

/// How many keys are forgotten in one transaction: some milliseconds' worth, in which nobody else may be able to write.
pub const FORGOTTEN_AT_ONCE: usize = 500;

/// The most characters of a key.
pub const MAX_CALL_KEY_CHARS: usize = 255;

/// The name that a caller gives a call: 1 to [`MAX_CALL_KEY_CHARS`] visible ASCII characters. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(Arc<str>);

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallKeyError {
    /// It is empty, or too long.
    #[error("a key has 1 to {MAX_CALL_KEY_CHARS} characters, this one has {0}")]
    Length(usize),
    /// It has a character that is not one of those from `!` to `~`.
    #[error("a key is made of visible ASCII characters")]
    Character,
}

impl CallKey {
    /// A text as a key.
    ///
    /// # Errors
    /// [`CallKeyError`].
    pub fn new(text: &str) -> Result<Self, CallKeyError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CallKeyError::Character);
        }
        if !(1..=MAX_CALL_KEY_CHARS).contains(&text.len()) {
            return Err(CallKeyError::Length(text.len()));
        }
        Ok(Self(Arc::from(text)))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was called, in few bytes: the same for the same call, and practically never the same for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// Who claims: drawn anew for each call, so that none takes another's claim for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimant(pub [u8; 16]);

/// A claim on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The key.
    pub key: CallKey,
    /// What is called under it.
    pub fingerprint: Fingerprint,
    /// Who claims it.
    pub claimant: Claimant,
    /// The present.
    pub now: Timestamp,
    /// From then on the claim holds no more, unless an answer has been kept.
    pub leased_until: Timestamp,
    /// From then on the key is not known any more, whatever became of it.
    pub forget_at: Timestamp,
}

impl Claim {
    /// A claim that is made now.
    #[must_use]
    pub fn made(now: Timestamp, key: CallKey, fingerprint: Fingerprint, claimant: Claimant) -> Self {
        let after = |seconds| {
            now.checked_add(SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MAX)
        };
        Self {
            key,
            fingerprint,
            claimant,
            now,
            leased_until: after(LEASE_SECONDS),
            forget_at: after(KEPT_SECONDS),
        }
    }
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The key is the claimant's, who runs the command and then keeps the answer or gives the key back.
    Won,
    /// Somebody else has claimed it for the same call and has no answer yet.
    Running,
    /// The same call was answered so.
    Answered(Vec<u8>),
    /// The key stands for another call.
    Reused,
}

/// Where answers are remembered. Every method may be awaited on any runtime.
///
/// A key that is not known, or whose time has passed (`forget_at`), swept or not, goes to whoever claims it first. One
/// that is known stands for one call: whoever claims it with another fingerprint is told `Reused`. Its claim holds until
/// the lease ends; from then on, without an answer, the next to claim it for the same call wins it.
#[async_trait]
pub trait RememberedAnswers: Send + Sync {
    /// Claims a key. Of all who claim one key at once, through however many instances, MUST let one win; MUST answer one
    /// who claims it again, because it did not hear the first time, that it has won.
    ///
    /// What a crash of the store forgets of a claim is a lease that has ended early: it need not be on the disk.
    ///
    /// # Errors
    /// [`StoreError`]: whether the key is claimed may then be unknown.
    async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError>;

    /// Keeps the answer of a claim, if it is still the claimant's. `false`: it is not, and nothing has been changed. What
    /// was kept MUST outlast a crash.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keep(&self, key: &CallKey, claimant: Claimant, answer: &[u8]) -> Result<bool, StoreError>;

    /// Gives a key back for anybody to claim, if it is still the claimant's and has no answer.
    ///
    /// # Errors
    /// [`StoreError`]: then the claim lapses by itself.
    async fn give_back(&self, key: &CallKey, claimant: Claimant) -> Result<(), StoreError>;

    /// Takes away keys whose time has passed, those first whose time passed first, at most `limit`, in one transaction.
    /// Answers how many: fewer than `limit` when no more are left.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

/// Takes away a bounded number of keys whose time has passed, and says whether there may be more.
///
/// # Errors
/// As [`RememberedAnswers::forget`].
pub async fn forget_some(answers: &dyn RememberedAnswers, clock: &dyn Clock) -> Result<bool, StoreError> {
    let forgotten = answers.forget(clock.now(), FORGOTTEN_AT_ONCE).await?;
    Ok(forgotten >= FORGOTTEN_AT_ONCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_of_visible_characters_and_not_too_many() {
        for good in ["k", "0f8fad5b-d9cb-469f-a165-70867728950e", "a\"b\\c", &"x".repeat(255)] {
            assert_eq!(CallKey::new(good).expect("a key").as_str(), good);
        }
        assert_eq!(CallKey::new(""), Err(CallKeyError::Length(0)));
        assert_eq!(CallKey::new(&"x".repeat(256)), Err(CallKeyError::Length(256)));
        for bad in ["two words", "tab\t", "ümlaut", "\u{7f}"] {
            assert_eq!(CallKey::new(bad), Err(CallKeyError::Character), "{bad:?}");
        }
    }

    #[test]
    fn a_claim_made_at_the_end_of_time_ends_with_it() {
        let key = CallKey::new("k").expect("a key");
        let claim = Claim::made(Timestamp::MAX, key, Fingerprint([0; 32]), Claimant([0; 16]));
        assert_eq!((claim.leased_until, claim.forget_at), (Timestamp::MAX, Timestamp::MAX));
    }
}
