//! The key store: the access keys of all instances.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::{AccessEntry, AccessKey, KeyHash, KeyName};
use crate::store_error::StoreError;

/// The most keys that are made, revoked ones included: a list that a person can read.
pub const MAX_KEYS: usize = 1_000;

/// The access keys. What changes them is stored with its entry in the log of access decisions, both or neither, whose `log`
/// says who has done it.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Adds a key. `false`: there is one of that name, which is unchanged, or there are [`MAX_KEYS`]. The very same key
    /// again may be answered either way: a store MAY try a step twice.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another key has its secret, and another [`StoreError`] when the store does not answer.
    async fn add_key(&self, key: &AccessKey, log: &AccessEntry) -> Result<bool, StoreError>;

    /// Gives a key that is not revoked another secret and another end: the old secret opens nothing any more. `false`:
    /// there is no such key.
    ///
    /// # Errors
    /// As [`add_key`](Self::add_key).
    async fn rotate_key(
        &self,
        name: &KeyName,
        hash: KeyHash,
        expires_at: Option<Timestamp>,
        log: &AccessEntry,
    ) -> Result<bool, StoreError>;

    /// Revokes a key. One that is revoked keeps its instant, and that it was to be revoked again is not logged. `false`: there
    /// is no such key.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn revoke_key(&self, name: &KeyName, now: Timestamp, log: &AccessEntry) -> Result<bool, StoreError>;

    /// All keys, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn all_keys(&self) -> Result<Vec<AccessKey>, StoreError>;

    /// The key of a secret, in force or not.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn key_of(&self, hash: KeyHash) -> Result<Option<AccessKey>, StoreError>;

    /// Whether a key was ever made.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn has_keys(&self) -> Result<bool, StoreError>;

    /// Notes that a key was used, unless a later use is known.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn note_key_used(&self, hash: KeyHash, now: Timestamp) -> Result<(), StoreError>;
}
