//! The key ring: whom a caller's key stands for.
//!
//! What the store says of a key is cached for less than a second, so that a key that is revoked opens nothing within a
//! second, at any instance, and a call with a key costs a look into a map. Somebody reads anew before that time is over;
//! the others go on meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::access::{AccessKey, KeyHash, KeyName, Principal};
use crate::ports::{Clock, Keys};
use crate::store_error::StoreError;

/// For how long what was read of a key holds.
pub const KEY_CACHED_FOR: Duration = Duration::from_millis(800);

/// When it is read anew, by the first caller who comes then.
const READ_ANEW_AFTER: Duration = Duration::from_millis(400);

/// How many keys are cached, unknown ones among them. What is guessed fills it, and pushes nothing out that is in use.
const MAX_CACHED: usize = 4_096;

/// The last use of a key is noted to this.
const USE_NOTED_TO: SignedDuration = SignedDuration::from_secs(60);

/// Why a caller is not let in.
#[derive(Debug)]
pub enum NotAdmitted {
    /// It shows no key, and keys were made.
    NoKey,
    /// Its key opens nothing.
    Refused(RefusedKey),
    /// The store does not say.
    Unavailable(StoreError),
}

/// Why a key opens nothing. Callers are told no more than that it does; the log of access decisions says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedKey {
    /// It was never made, or has another secret by now.
    Unknown,
    /// It has expired.
    Expired(KeyName),
    /// It was revoked.
    Revoked(KeyName),
}

impl From<Option<AccessKey>> for RefusedKey {
    fn from(key: Option<AccessKey>) -> Self {
        match key {
            None => Self::Unknown,
            Some(key) if key.revoked_at.is_some() => Self::Revoked(key.name),
            Some(key) => Self::Expired(key.name),
        }
    }
}

/// What was read, and when.
#[derive(Debug)]
struct Read<T> {
    value: T,
    at: Duration,
    /// Whether somebody reads it anew.
    is_read_anew: bool,
}

impl<T: Clone> Read<T> {
    /// What still holds at this time; `None`: it has to be read. Who finds it old is told to read it, once.
    fn at(&mut self, now: Duration) -> Option<T> {
        let age = now.saturating_sub(self.at);
        if age >= KEY_CACHED_FOR || (age >= READ_ANEW_AFTER && !std::mem::replace(&mut self.is_read_anew, true)) {
            return None;
        }
        Some(self.value.clone())
    }
}

/// The keys that open the service, as the store has them.
pub struct KeyRing {
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    /// Whom everybody stands for, as long as no key was made.
    anybody: Principal,
    known: Mutex<HashMap<KeyHash, Read<Option<AccessKey>>>>,
    /// Whether keys were ever made.
    is_locked: Mutex<Option<Read<bool>>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

impl KeyRing {
    /// The keys of a store, and whom everybody stands for as long as there are none.
    #[must_use]
    pub fn new(keys: Arc<dyn Keys>, clock: Arc<dyn Clock>, anybody: Principal) -> Self {
        Self {
            keys,
            clock,
            anybody,
            known: Mutex::default(),
            is_locked: Mutex::default(),
        }
    }

    /// Whom a caller stands for that shows a key, or none. As long as no key was ever made, everybody may do everything;
    /// but a key that is shown has to be good.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(&self, shown: Option<KeyHash>) -> Result<Principal, NotAdmitted> {
        let Some(hash) = shown else {
            return if self.is_locked().await? {
                Err(NotAdmitted::NoKey)
            } else {
                Ok(self.anybody.clone())
            };
        };
        let now = self.clock.now();
        match self.key(hash).await? {
            Some(key) if key.is_in_force(now) => Ok(key.principal()),
            key => Err(NotAdmitted::Refused(key.into())),
        }
    }

    /// Whether such a caller was let in when it was last asked for: to say so costs no look into the store.
    #[must_use]
    pub fn has_admitted(&self, shown: Option<KeyHash>) -> bool {
        let Some(hash) = shown else {
            let cached = self.is_locked.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody has asked yet: the first is as good as any.
            return !cached.as_ref().is_some_and(|read| read.value);
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = known.get(&hash).and_then(|read| read.value.as_ref());
        key.is_some_and(|key| key.is_in_force(self.clock.now()))
    }

    /// Forgets what was read, so that what this instance has changed holds at once.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.is_locked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn is_locked(&self) -> Result<bool, NotAdmitted> {
        let now = self.clock.monotonic();
        {
            let mut cached = self.is_locked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(read) = cached.as_mut() {
                // A key that was revoked was made once: it never opens again.
                if read.value {
                    return Ok(true);
                }
                if let Some(value) = read.at(now) {
                    return Ok(value);
                }
            }
        }
        let value = self.keys.has_keys().await.map_err(NotAdmitted::Unavailable)?;
        *self.is_locked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Read {
            value,
            at: now,
            is_read_anew: false,
        });
        Ok(value)
    }

    async fn key(&self, hash: KeyHash) -> Result<Option<AccessKey>, NotAdmitted> {
        let asked = self.clock.monotonic();
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = known.get_mut(&hash).and_then(|read| read.at(asked)) {
                return Ok(value);
            }
        }
        let value = self.keys.key_of(hash).await.map_err(NotAdmitted::Unavailable)?;
        self.cache(hash, value.clone(), asked);
        if let Some(key) = &value {
            self.note_use(key).await;
        }
        Ok(value)
    }

    fn cache(&self, hash: KeyHash, value: Option<AccessKey>, at: Duration) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_CACHED {
            known.retain(|_, read| at.saturating_sub(read.at) < KEY_CACHED_FOR);
        }
        if known.len() < MAX_CACHED || known.contains_key(&hash) {
            let is_read_anew = false;
            known.insert(
                hash,
                Read {
                    value,
                    at,
                    is_read_anew,
                },
            );
        }
    }

    /// Notes that a key is used, where that was not noted within the last minute. The call goes on without.
    async fn note_use(&self, key: &AccessKey) {
        let now = self.clock.now();
        let is_noted = |noted: Timestamp| now.duration_since(noted) < USE_NOTED_TO;
        if !key.is_in_force(now) || key.last_used_at.is_some_and(is_noted) {
            return;
        }
        if let Err(error) = self.keys.note_key_used(key.hash, now).await {
            tracing::warn!(key = %key.name, %error, "the last use of a key is not noted");
        }
    }
}
