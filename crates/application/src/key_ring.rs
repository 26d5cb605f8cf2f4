//! The key ring: whom a caller's key, session, or token of the identity provider stands for.
//!
//! What the store says of a key is cached for less than a second, so that a key that is revoked opens nothing within a
//! second, at any instance, and a call with a key costs a look into a map. Somebody reads anew before that time is over;
//! the others go on meanwhile. What was checked of a token holds for a minute, and never beyond its end.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::access::{AccessKey, AccessToken, KeyHash, KeyName, Person, Principal, Session, SessionHash, SessionHolder};
use crate::ports::{Clock, IdentityProvider, Keys, Sessions, SignInError, TokenHolder};
use crate::store_error::StoreError;

/// For how long what was read of a key holds.
pub const KEY_CACHED_FOR: Duration = Duration::from_millis(800);

/// When it is read anew, by the first caller who comes then.
const READ_ANEW_AFTER: Duration = Duration::from_millis(400);

/// How many keys are cached, unknown ones among them. What is guessed fills it, and pushes nothing out that is in use.
const MAX_CACHED: usize = 4_096;

/// The last use of a key is noted to this.
const USE_NOTED_TO: SignedDuration = SignedDuration::from_secs(60);

/// For how long what was checked of a token holds: a provider that withdraws a key of its own is heard within it.
pub const TOKEN_CACHED_FOR: Duration = Duration::from_secs(60);

/// What a caller shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Nothing that opens anything.
    Nothing,
    /// A key.
    Key(KeyHash),
    /// A session.
    Session(SessionHash),
    /// A token of the identity provider.
    Token(AccessToken),
}

/// Why a caller is not let in.
#[derive(Debug)]
pub enum NotAdmitted {
    /// It shows no key and no session that lasts, and keys were made.
    NoKey,
    /// Its key opens nothing.
    Refused(RefusedKey),
    /// Its token opens nothing, or the provider can't be asked.
    Token(SignInError),
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

/// What was read, by the hash of what was shown. What is guessed fills it, and pushes nothing out that is in use.
#[derive(Debug)]
struct Known<K, V>(Mutex<HashMap<K, Read<Option<V>>>>);

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// What still holds.
    fn at(&self, hash: &K, now: Duration) -> Option<Option<V>> {
        self.lock().get_mut(hash).and_then(|read| read.at(now))
    }

    /// What was read last, whether or not it holds.
    fn last(&self, hash: &K) -> Option<V> {
        self.lock().get(hash).and_then(|read| read.value.clone())
    }

    fn cache(&self, hash: K, value: Option<V>, at: Duration) {
        let mut known = self.lock();
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

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Read<Option<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tokens that were checked, and when. Those that are refused are not kept: they push nothing out.
#[derive(Debug, Default)]
struct KnownTokens(Mutex<HashMap<[u8; 32], (TokenHolder, Duration)>>);

impl KnownTokens {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], (TokenHolder, Duration)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom a token stands for, if that still holds.
    fn holder(&self, token: &AccessToken, clock: &dyn Clock) -> Option<Person> {
        let (now, asked) = (clock.now(), clock.monotonic());
        let known = self.lock();
        let (holder, at) = known.get(&token.hash)?;
        let holds = asked.saturating_sub(*at) < TOKEN_CACHED_FOR && now < holder.ends_at;
        holds.then(|| holder.person.clone())
    }

    fn cache(&self, token: &AccessToken, holder: TokenHolder, at: Duration) {
        let mut known = self.lock();
        if known.len() >= MAX_CACHED {
            known.retain(|_, (_, read)| at.saturating_sub(*read) < TOKEN_CACHED_FOR);
        }
        if known.len() < MAX_CACHED || known.contains_key(&token.hash) {
            known.insert(token.hash, (holder, at));
        }
    }
}

/// The keys that open the service, as the store has them, the sessions that were begun, and who knows people.
pub struct KeyRing {
    keys: Arc<dyn Keys>,
    sessions: Arc<dyn Sessions>,
    /// `None`: there are no people, only keys.
    provider: Option<Arc<dyn IdentityProvider>>,
    clock: Arc<dyn Clock>,
    /// Whom everybody stands for, as long as no key was made.
    anybody: Principal,
    known: Known<KeyHash, AccessKey>,
    known_sessions: Known<SessionHash, Session>,
    known_tokens: KnownTokens,
    /// Whether keys were ever made.
    is_locked: Mutex<Option<Read<bool>>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

impl KeyRing {
    /// The keys of a store with their sessions, and whom everybody stands for as long as there are none.
    #[must_use]
    pub fn new(keys: Arc<dyn Keys>, sessions: Arc<dyn Sessions>, clock: Arc<dyn Clock>, anybody: Principal) -> Self {
        Self {
            keys,
            sessions,
            provider: None,
            clock,
            anybody,
            known: Known::new(),
            known_sessions: Known::new(),
            known_tokens: KnownTokens::default(),
            is_locked: Mutex::default(),
        }
    }

    /// The same, which also lets in whom a provider knows. Then nobody comes in without showing something, whether or not a
    /// key was made.
    #[must_use]
    pub fn with_provider(self, provider: Option<Arc<dyn IdentityProvider>>) -> Self {
        Self { provider, ..self }
    }

    /// Who knows people.
    #[must_use]
    pub const fn provider(&self) -> Option<&Arc<dyn IdentityProvider>> {
        self.provider.as_ref()
    }

    /// Whether callers may show tokens of a provider.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.provider.as_ref().is_some_and(|provider| provider.takes_tokens())
    }

    /// Whom a caller stands for. As long as no key was ever made, everybody may do everything; but a key that is shown has
    /// to be good.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(&self, shown: &Shown) -> Result<Principal, NotAdmitted> {
        match shown {
            Shown::Nothing => self.nobody().await,
            Shown::Key(hash) => self.key_in_force(*hash).await.map(|key| key.principal()),
            Shown::Session(hash) => match self.session(*hash).await?.map(|session| session.holder) {
                Some(SessionHolder::Key { hash, .. }) => self.key_in_force(hash).await.map(|key| key.principal()),
                Some(SessionHolder::Person(person)) if self.provider.is_some() => Ok(person.principal()),
                // A service that knows no people any more has none of their sessions.
                Some(SessionHolder::Person(_)) | None => self.nobody().await,
            },
            Shown::Token(token) => self.token(token).await.map(|person| person.principal()),
        }
    }

    /// Whom somebody stands for who shows nothing.
    async fn nobody(&self) -> Result<Principal, NotAdmitted> {
        if self.is_locked().await? {
            return Err(NotAdmitted::NoKey);
        }
        Ok(self.anybody.clone())
    }

    /// The key of a secret, if it opens anything.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn key_in_force(&self, hash: KeyHash) -> Result<AccessKey, NotAdmitted> {
        let now = self.clock.now();
        match self.key(hash).await? {
            Some(key) if key.is_in_force(now) => Ok(key),
            key => Err(NotAdmitted::Refused(key.into())),
        }
    }

    /// Whether such a caller was let in when it was last asked for: to say so costs no look into the store.
    #[must_use]
    pub fn has_admitted(&self, shown: &Shown) -> bool {
        let now = self.clock.now();
        let key = match shown {
            Shown::Nothing => {
                let cached = self.is_locked.lock().unwrap_or_else(PoisonError::into_inner);
                // Nobody has asked yet: the first is as good as any.
                return self.provider.is_none() && !cached.as_ref().is_some_and(|read| read.value);
            }
            Shown::Key(hash) => *hash,
            Shown::Session(hash) => {
                let session = self.known_sessions.last(hash);
                match session.filter(|session| session.lasts_at(now)) {
                    Some(Session {
                        holder: SessionHolder::Key { hash, .. },
                        ..
                    }) => hash,
                    Some(_) => return self.provider.is_some(),
                    None => return false,
                }
            }
            Shown::Token(token) => return self.known_tokens.holder(token, &*self.clock).is_some(),
        };
        let key = self.known.last(&key);
        key.is_some_and(|key| key.is_in_force(now))
    }

    /// Forgets what was read, so that what this instance has changed holds at once.
    pub fn forget(&self) {
        self.known.lock().clear();
        self.known_sessions.lock().clear();
        *self.is_locked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether nobody comes in without showing something: a key was made once, or people sign in.
    ///
    /// # Errors
    /// [`NotAdmitted::Unavailable`].
    pub async fn is_locked(&self) -> Result<bool, NotAdmitted> {
        if self.provider.is_some() {
            return Ok(true);
        }
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
        if let Some(value) = self.known.at(&hash, asked) {
            return Ok(value);
        }
        let value = self.keys.key_of(hash).await.map_err(NotAdmitted::Unavailable)?;
        self.known.cache(hash, value.clone(), asked);
        if let Some(key) = &value {
            self.note_use(key).await;
        }
        Ok(value)
    }

    /// Whom a token stands for.
    async fn token(&self, token: &AccessToken) -> Result<Person, NotAdmitted> {
        if let Some(person) = self.known_tokens.holder(token, &*self.clock) {
            return Ok(person);
        }
        let Some(provider) = &self.provider else {
            let why = "there is no identity provider".to_owned();
            return Err(NotAdmitted::Token(SignInError::Refused(why)));
        };
        let asked = self.clock.monotonic();
        let holder = provider.holder_of(token).await.map_err(NotAdmitted::Token)?;
        if holder.ends_at <= self.clock.now() {
            return Err(NotAdmitted::Token(SignInError::Expired));
        }
        let person = holder.person.clone();
        self.known_tokens.cache(token, holder, asked);
        Ok(person)
    }

    /// A session that has not ended by itself. Whether its key still opens anything is another question.
    async fn session(&self, hash: SessionHash) -> Result<Option<Session>, NotAdmitted> {
        let asked = self.clock.monotonic();
        let session = match self.known_sessions.at(&hash, asked) {
            Some(known) => known,
            None => {
                let read = self.sessions.session_of(hash).await;
                let read = read.map_err(NotAdmitted::Unavailable)?;
                self.known_sessions.cache(hash, read.clone(), asked);
                read
            }
        };
        let now = self.clock.now();
        Ok(session.filter(|session| session.lasts_at(now)))
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
