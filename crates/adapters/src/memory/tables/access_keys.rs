//! Access keys, by name.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use earmark_application::{AccessKey, KeyHash, KeyName, MAX_KEYS, StoreError};
use jiff::Timestamp;

/// Every key.
#[derive(Debug, Default)]
pub(crate) struct AccessKeyTable {
    keys: BTreeMap<KeyName, AccessKey>,
    /// Whose secret has this hash.
    names: HashMap<KeyHash, KeyName>,
}

impl AccessKeyTable {
    /// Adds a key, if there is room and its name is free.
    pub(crate) fn add(&mut self, key: &AccessKey) -> Result<bool, StoreError> {
        if self.keys.len() >= MAX_KEYS {
            return Ok(false);
        }
        let Entry::Vacant(place) = self.keys.entry(key.name.clone()) else {
            return Ok(false);
        };
        if self.names.contains_key(&key.hash) {
            return Err(StoreError::Conflict);
        }
        self.names.insert(key.hash, key.name.clone());
        place.insert(key.clone());
        Ok(true)
    }

    /// Gives a key that is not revoked another secret and another end.
    pub(crate) fn rotate(
        &mut self,
        name: &KeyName,
        hash: KeyHash,
        expires_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let Some(key) = self.keys.get_mut(name).filter(|key| key.revoked_at.is_none()) else {
            return Ok(false);
        };
        if self.names.get(&hash).is_some_and(|other| other != name) {
            return Err(StoreError::Conflict);
        }
        self.names.remove(&key.hash);
        self.names.insert(hash, name.clone());
        key.hash = hash;
        key.expires_at = expires_at;
        Ok(true)
    }

    /// Revokes a key, unless it is revoked; answers whether it was not. `None`: there is none of this name.
    pub(crate) fn revoke(&mut self, name: &KeyName, now: Timestamp) -> Option<bool> {
        let key = self.keys.get_mut(name)?;
        let is_new = key.revoked_at.is_none();
        key.revoked_at.get_or_insert(now);
        Some(is_new)
    }

    /// All keys, by name.
    pub(crate) fn all(&self) -> Vec<AccessKey> {
        self.keys.values().cloned().collect()
    }

    /// The key of a secret.
    pub(crate) fn of(&self, hash: KeyHash) -> Option<AccessKey> {
        self.keys.get(self.names.get(&hash)?).cloned()
    }

    /// Whether there are any.
    pub(crate) fn has_any(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Notes that a key was used, unless a later use is known.
    pub(crate) fn note_used(&mut self, hash: KeyHash, now: Timestamp) {
        let key = self.names.get(&hash).and_then(|name| self.keys.get_mut(name));
        if let Some(key) = key {
            key.last_used_at = key.last_used_at.max(Some(now));
        }
    }
}
