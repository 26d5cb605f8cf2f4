//! The key ring: what it caches, for how long, and whom it lets in.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    AccessEntry, AccessKey, Bounds, Clock, KEY_CACHED_FOR, KeyHash, KeyName, KeyRing, Keys, NotAdmitted, Principal,
    RefusedKey, Role, Roles, Session, SessionHash, SessionHolder, Sessions, Shown, StoreError,
};
use jiff::{SignedDuration, Timestamp};

const HASH: KeyHash = KeyHash([1; 32]);

const SESSION: SessionHash = SessionHash([2; 32]);

/// A clock that stands still until it is advanced.
#[derive(Default)]
struct Watch(AtomicI64);

impl Watch {
    fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed).unsigned_abs())
    }

    async fn pause(&self, _: Duration) {}
}

/// A store with one key, which counts how often it is asked.
#[derive(Default)]
struct OneKey {
    key: Mutex<Option<AccessKey>>,
    asked: AtomicUsize,
    noted: Mutex<Vec<Timestamp>>,
    is_away: AtomicBool,
    is_signed_out: AtomicBool,
}

impl OneKey {
    fn asked(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("unplugged".into()));
        }
        Ok(())
    }

    fn times_asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Keys for OneKey {
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

    async fn key_of(&self, hash: KeyHash) -> Result<Option<AccessKey>, StoreError> {
        self.asked()?;
        let key = self.key.lock().expect("not poisoned").clone();
        Ok(key.filter(|key| key.hash == hash))
    }

    async fn has_keys(&self) -> Result<bool, StoreError> {
        self.asked()?;
        Ok(self.key.lock().expect("not poisoned").is_some())
    }

    async fn note_key_used(&self, _: KeyHash, now: Timestamp) -> Result<(), StoreError> {
        self.noted.lock().expect("not poisoned").push(now);
        if let Some(key) = &mut *self.key.lock().expect("not poisoned") {
            key.last_used_at = Some(now);
        }
        Ok(())
    }
}

/// A store with one session, which is over after a minute.
#[async_trait]
impl Sessions for OneKey {
    async fn begin_session(&self, _: &Session, _: &AccessEntry) -> Result<(), StoreError> {
        unreachable!("no session begins")
    }

    async fn session_of(&self, hash: SessionHash) -> Result<Option<Session>, StoreError> {
        self.asked()?;
        let session = Session {
            hash: SESSION,
            holder: SessionHolder::Key {
                name: KeyName::new("shop").expect("a name"),
                hash: HASH,
            },
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

fn key() -> AccessKey {
    AccessKey {
        name: KeyName::new("shop").expect("a name"),
        hash: HASH,
        roles: Roles::NONE.and(Role::Sales),
        bounds: Bounds::default(),
        created_at: Timestamp::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

fn ring(key: Option<AccessKey>) -> (KeyRing, Arc<OneKey>, Arc<Watch>) {
    let store = Arc::new(OneKey {
        key: Mutex::new(key),
        ..OneKey::default()
    });
    let watch = Arc::new(Watch::default());
    let anybody = Principal::new("anybody", Roles::ALL);
    (
        KeyRing::new(store.clone(), store.clone(), watch.clone(), anybody),
        store,
        watch,
    )
}

async fn is_admitted(ring: &KeyRing) -> bool {
    ring.admit(&Shown::Key(HASH)).await.is_ok()
}

#[tokio::test]
async fn everybody_is_let_in_until_a_key_is_made_and_never_again() {
    let (ring, store, watch) = ring(None);
    let anybody = ring.admit(&Shown::Nothing).await.expect("it is open");
    assert_eq!(anybody.roles(), Roles::ALL);
    assert!(matches!(
        ring.admit(&Shown::Key(HASH)).await,
        Err(NotAdmitted::Refused(_))
    ));
    *store.key.lock().expect("not poisoned") = Some(key());
    watch.advance(1_000);
    assert!(matches!(ring.admit(&Shown::Nothing).await, Err(NotAdmitted::NoKey)));
    *store.key.lock().expect("not poisoned") = None;
    watch.advance(60_000);
    assert!(matches!(ring.admit(&Shown::Nothing).await, Err(NotAdmitted::NoKey)));
}

#[tokio::test]
async fn a_key_in_use_is_read_twice_a_second_at_most_however_many_calls_show_it() {
    let (ring, store, watch) = ring(Some(key()));
    for _ in 0..10_000 {
        assert!(is_admitted(&ring).await);
        watch.advance(1);
    }
    let times = store.times_asked();
    assert!((10..=26).contains(&times), "{times}");
}

#[tokio::test]
async fn a_key_that_is_revoked_opens_nothing_within_a_second() {
    let (ring, store, watch) = ring(Some(key()));
    assert!(is_admitted(&ring).await);
    store
        .key
        .lock()
        .expect("not poisoned")
        .as_mut()
        .expect("a key")
        .revoked_at = Some(watch.now());
    let mut admitted = 0;
    while is_admitted(&ring).await {
        admitted += 1;
        watch.advance(1);
    }
    assert!(admitted < 1_000, "let in for {admitted} ms");
}

#[tokio::test]
async fn a_key_ends_when_it_expires_and_not_when_it_is_read() {
    let mut expiring = key();
    expiring.expires_at = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_millis(10));
    let (ring, _, watch) = ring(Some(expiring));
    watch.advance(9);
    assert!(is_admitted(&ring).await);
    watch.advance(1);
    assert!(matches!(
        ring.admit(&Shown::Key(HASH)).await,
        Err(NotAdmitted::Refused(_))
    ));
}

#[tokio::test]
async fn nobody_is_let_in_on_the_word_of_a_store_that_is_away() {
    let (ring, store, watch) = ring(Some(key()));
    assert!(is_admitted(&ring).await);
    store.is_away.store(true, Ordering::Relaxed);
    watch.advance(i64::try_from(KEY_CACHED_FOR.as_millis()).expect("less than a second"));
    assert!(matches!(
        ring.admit(&Shown::Key(HASH)).await,
        Err(NotAdmitted::Unavailable(_))
    ));
    store.is_away.store(false, Ordering::Relaxed);
    assert!(is_admitted(&ring).await);
}

#[tokio::test]
async fn guessed_keys_push_no_key_out_that_is_in_use() {
    let (ring, store, _) = ring(Some(key()));
    assert!(is_admitted(&ring).await);
    for guess in 0..10_000_u32 {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&guess.to_be_bytes());
        assert!(matches!(
            ring.admit(&Shown::Key(KeyHash(hash))).await,
            Err(NotAdmitted::Refused(RefusedKey::Unknown))
        ));
    }
    let before = store.times_asked();
    assert!(is_admitted(&ring).await);
    assert_eq!(store.times_asked(), before, "it is still cached");
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute() {
    let (ring, store, watch) = ring(Some(key()));
    for _ in 0..300 {
        assert!(is_admitted(&ring).await);
        watch.advance(1_000);
    }
    let noted = store.noted.lock().expect("not poisoned").len();
    assert_eq!(noted, 5);
}

#[tokio::test]
async fn why_a_key_opens_nothing_is_known_with_the_name_of_the_key() {
    let name = key().name;
    let refused = async |change: fn(&mut AccessKey)| {
        let mut refused = key();
        change(&mut refused);
        let (ring, _, watch) = ring(Some(refused));
        watch.advance(10);
        match ring.admit(&Shown::Key(HASH)).await {
            Err(NotAdmitted::Refused(why)) => why,
            other => unreachable!("{other:?}"),
        }
    };
    let expired = refused(|key| key.expires_at = Some(Timestamp::UNIX_EPOCH)).await;
    assert_eq!(expired, RefusedKey::Expired(name.clone()));
    // Of one that is both, somebody has decided that it is to open nothing.
    let revoked = refused(|key| {
        key.expires_at = Some(Timestamp::UNIX_EPOCH);
        key.revoked_at = Some(Timestamp::UNIX_EPOCH);
    });
    assert_eq!(revoked.await, RefusedKey::Revoked(name));
}

#[tokio::test]
async fn a_session_opens_what_its_key_opens_until_it_or_the_key_ends() {
    let signed_in = async |ring: &KeyRing| ring.admit(&Shown::Session(SESSION)).await;
    let (ring, store, watch) = ring(Some(key()));
    let principal = signed_in(&ring).await.expect("it is let in");
    assert_eq!(principal, key().principal());
    assert!(ring.has_admitted(&Shown::Session(SESSION)));
    let another = Shown::Session(SessionHash([3; 32]));
    assert!(matches!(ring.admit(&another).await, Err(NotAdmitted::NoKey)));
    assert!(!ring.has_admitted(&another));
    // Who signs out is out within a second.
    store.is_signed_out.store(true, Ordering::Relaxed);
    watch.advance(1_000);
    assert!(matches!(signed_in(&ring).await, Err(NotAdmitted::NoKey)));
    store.is_signed_out.store(false, Ordering::Relaxed);
    watch.advance(1_000);
    assert!(signed_in(&ring).await.is_ok());
    // So is who shows a key that is revoked, or has another secret.
    let change = |change: fn(&mut AccessKey)| change(store.key.lock().expect("not poisoned").as_mut().expect("a key"));
    change(|key| key.revoked_at = Some(Timestamp::UNIX_EPOCH));
    watch.advance(1_000);
    assert!(matches!(
        signed_in(&ring).await,
        Err(NotAdmitted::Refused(RefusedKey::Revoked(_)))
    ));
    change(|key| {
        key.revoked_at = None;
        key.hash = KeyHash([9; 32]);
    });
    watch.advance(1_000);
    assert!(matches!(
        signed_in(&ring).await,
        Err(NotAdmitted::Refused(RefusedKey::Unknown))
    ));
    change(|key| key.hash = HASH);
    watch.advance(1_000);
    assert!(signed_in(&ring).await.is_ok());
    // It is over at its end, whatever is cached.
    watch.advance(60_000 - 5_000 - 1);
    assert!(signed_in(&ring).await.is_ok());
    watch.advance(1);
    assert!(matches!(signed_in(&ring).await, Err(NotAdmitted::NoKey)));
    assert!(!ring.has_admitted(&Shown::Session(SESSION)));
}

#[tokio::test]
async fn a_session_in_use_is_read_twice_a_second_at_most() {
    let (ring, store, watch) = ring(Some(key()));
    for _ in 0..10_000 {
        assert!(ring.admit(&Shown::Session(SESSION)).await.is_ok());
        watch.advance(1);
    }
    let times = store.times_asked();
    assert!((20..=52).contains(&times), "{times}");
}
