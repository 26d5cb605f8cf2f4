//! The key ring, where a provider knows people: whom it lets in, and what it keeps of tokens.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    AccessEntry, AccessKey, AccessToken, Clock, IdentityProvider, KeyHash, KeyName, KeyRing, Keys, NotAdmitted, Person,
    PersonName, Principal, Role, Roles, Session, SessionHash, SessionHolder, Sessions, Shown, SignInAttempt,
    SignInError, StoreError, TOKEN_CACHED_FOR, TokenHolder,
};
use jiff::{SignedDuration, Timestamp};

const SESSION: SessionHash = SessionHash([2; 32]);

/// A clock that stands still until it is advanced.
#[derive(Default)]
struct Watch(AtomicI64);

impl Watch {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed).unsigned_abs())
    }

    async fn pause(&self, _: Duration) {}
}

/// A store without a key, with the session of a person that is over after a minute.
#[derive(Default)]
struct NoKeys {
    is_signed_out: AtomicBool,
}

#[async_trait]
impl Keys for NoKeys {
    async fn add_key(&self, _: &AccessKey, _: &AccessEntry) -> Result<bool, StoreError> {
        unreachable!("no key is made")
    }

    async fn rotate_key(
        &self,
        _: &KeyName,
        _: KeyHash,
        _: Option<Timestamp>,
        _: &AccessEntry,
    ) -> Result<bool, StoreError> {
        unreachable!("no key is rotated")
    }

    async fn revoke_key(&self, _: &KeyName, _: Timestamp, _: &AccessEntry) -> Result<bool, StoreError> {
        unreachable!("no key is revoked")
    }

    async fn all_keys(&self) -> Result<Vec<AccessKey>, StoreError> {
        unreachable!("no list is asked for")
    }

    async fn key_of(&self, _: KeyHash) -> Result<Option<AccessKey>, StoreError> {
        Ok(None)
    }

    async fn has_keys(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn note_key_used(&self, _: KeyHash, _: Timestamp) -> Result<(), StoreError> {
        unreachable!("no key is used")
    }
}

fn anna() -> Person {
    Person {
        name: PersonName::of("anna@shop.example").expect("a name"),
        roles: Roles::NONE.and(Role::Sales),
    }
}

#[async_trait]
impl Sessions for NoKeys {
    async fn begin_session(&self, _: &Session, _: &AccessEntry) -> Result<(), StoreError> {
        unreachable!("no session begins")
    }

    async fn session_of(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        let session = Session {
            hash: SESSION,
            holder: SessionHolder::Person(anna()),
            began_at: Timestamp::UNIX_EPOCH,
            ends_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60),
        };
        let is_there = hash == SESSION && !self.is_signed_out.load(Ordering::Relaxed);
        Ok(is_there.then_some(session))
    }

    async fn end_session(&self, _: SessionHash, _: &AccessEntry) -> Result<bool, StoreError> {
        unreachable!("no session ends")
    }

    async fn all_sessions(&self, _: Timestamp) -> Result<Vec<Session>, StoreError> {
        unreachable!("no list is asked for")
    }
}

/// A provider that says the same of every token, and counts how often it is asked.
struct Known {
    answer: Mutex<Result<TokenHolder, SignInError>>,
    asked: AtomicUsize,
}

impl Known {
    fn says(&self, answer: Result<TokenHolder, SignInError>) {
        *self.answer.lock().expect("not poisoned") = answer;
    }

    fn times_asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl IdentityProvider for Known {
    async fn begin(&self, _: &SignInAttempt) -> Result<String, SignInError> {
        unreachable!("nobody signs in")
    }

    async fn finish(&self, _: &SignInAttempt, _: &str) -> Result<Person, SignInError> {
        unreachable!("nobody signs in")
    }

    fn takes_tokens(&self) -> bool {
        true
    }

    async fn holder_of(&self, _: &AccessToken) -> Result<TokenHolder, SignInError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answer.lock().expect("not poisoned").clone()
    }
}

/// What is in force for so many seconds.
fn until(seconds: i64) -> Result<TokenHolder, SignInError> {
    Ok(TokenHolder {
        person: anna(),
        ends_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds),
    })
}

fn token(id: u64) -> Shown {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&id.to_be_bytes());
    let text = format!("a.b.{id}").into();
    Shown::Token(AccessToken { hash, text })
}

fn ring() -> (KeyRing, Arc<NoKeys>, Arc<Known>, Arc<Watch>) {
    let store = Arc::new(NoKeys::default());
    let watch = Arc::new(Watch::default());
    let provider = Arc::new(Known {
        answer: Mutex::new(until(3_600)),
        asked: AtomicUsize::default(),
    });
    let anybody = Principal::new("anybody", Roles::ALL);
    let ring = KeyRing::new(store.clone(), store.clone(), watch.clone(), anybody);
    (ring.with_provider(Some(provider.clone())), store, provider, watch)
}

#[tokio::test]
async fn where_people_sign_in_nobody_comes_in_for_nothing() {
    let (ring, ..) = ring();
    assert!(!ring.has_admitted(&Shown::Nothing));
    assert!(matches!(ring.admit(&Shown::Nothing).await, Err(NotAdmitted::NoKey)));
    let unknown = Shown::Session(SessionHash([9; 32]));
    assert!(matches!(ring.admit(&unknown).await, Err(NotAdmitted::NoKey)));
    assert!(!ring.has_admitted(&unknown));
}

#[tokio::test]
async fn a_session_of_a_person_lasts_until_it_is_over_or_ended() {
    let (ring, store, _, watch) = ring();
    let shown = Shown::Session(SESSION);
    assert_eq!(ring.admit(&shown).await.expect("it is let in"), anna().principal());
    assert!(ring.has_admitted(&shown));
    store.is_signed_out.store(true, Ordering::Relaxed);
    watch.advance(1);
    assert!(matches!(ring.admit(&shown).await, Err(NotAdmitted::NoKey)));
    store.is_signed_out.store(false, Ordering::Relaxed);
    watch.advance(58);
    assert!(ring.admit(&shown).await.is_ok());
    watch.advance(1);
    assert!(matches!(ring.admit(&shown).await, Err(NotAdmitted::NoKey)));
    assert!(!ring.has_admitted(&shown));
}

#[tokio::test]
async fn where_there_is_no_provider_a_session_of_a_person_is_none() {
    let (with, store, _, watch) = ring();
    drop(with);
    let ring = KeyRing::new(store.clone(), store, watch, Principal::new("anybody", Roles::NONE));
    let admitted = ring.admit(&Shown::Session(SESSION)).await.expect("it is open");
    assert_eq!(&**admitted.name(), "anybody");
    assert!(!ring.has_admitted(&Shown::Session(SESSION)));
    assert!(matches!(
        ring.admit(&token(1)).await,
        Err(NotAdmitted::Token(SignInError::Refused(_)))
    ));
}

#[tokio::test]
async fn a_token_is_checked_once_a_minute_and_never_taken_beyond_its_end() {
    let (ring, _, provider, watch) = ring();
    let shown = token(1);
    assert!(!ring.has_admitted(&shown));
    for _ in 0..1_000 {
        assert_eq!(ring.admit(&shown).await.expect("it is let in"), anna().principal());
    }
    assert!(ring.has_admitted(&shown));
    assert_eq!(provider.times_asked(), 1);
    // What the provider has withdrawn is heard of within a minute.
    provider.says(Err(SignInError::Refused("its key is withdrawn".to_owned())));
    let minute = i64::try_from(TOKEN_CACHED_FOR.as_secs()).expect("a minute");
    watch.advance(minute - 1);
    assert!(ring.admit(&shown).await.is_ok());
    watch.advance(1);
    assert!(!ring.has_admitted(&shown));
    assert!(matches!(ring.admit(&shown).await, Err(NotAdmitted::Token(_))));
    // Its end comes before the minute does.
    provider.says(until(minute + 10));
    assert!(ring.admit(&shown).await.is_ok());
    watch.advance(10);
    assert!(!ring.has_admitted(&shown));
    let ended = ring.admit(&shown).await;
    assert!(
        matches!(ended, Err(NotAdmitted::Token(SignInError::Expired))),
        "whatever the provider says"
    );
}

/// Tokens that are no good take no room of those that are, and those that are have a bound.
#[tokio::test]
async fn tokens_that_are_refused_are_not_kept_and_those_that_are_kept_are_bounded() {
    let (ring, _, provider, watch) = ring();
    let good = token(0);
    assert!(ring.admit(&good).await.is_ok());
    provider.says(Err(SignInError::Refused("no".to_owned())));
    for id in 1..10_000 {
        assert!(ring.admit(&token(id)).await.is_err());
    }
    assert!(ring.has_admitted(&good));
    provider.says(until(3_600));
    for id in 1..10_000 {
        assert!(
            ring.admit(&token(id)).await.is_ok(),
            "beyond the bound it is checked each time"
        );
    }
    assert!(ring.has_admitted(&good));
    let kept = (0..10_000).filter(|id| ring.has_admitted(&token(*id))).count();
    assert!(kept <= 4_096, "{kept}");
    watch.advance(60);
    assert!(ring.admit(&token(20_000)).await.is_ok());
    assert!(ring.has_admitted(&token(20_000)), "what is old makes room");
}
