//! Access keys: which name and which secret stand for which key, and what becomes of a key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_application::{
    AccessEntry, AccessKey, Bounds, Caller, EntryId, KeyHash, KeyName, Keys, MAX_KEYS, MAX_PREFIXES, Prefixes, Role,
    Roles, StoreError,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Barrier;

use crate::databases::Db;

/// The port.
type Port = Arc<dyn Keys>;

/// So many seconds after each case begins, with all digits that every store keeps: whole microseconds.
fn after(seconds: i64) -> Timestamp {
    let start = Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant");
    start + SignedDuration::from_secs(seconds)
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).expect("a name")
}

/// The hash of one of several secrets.
fn hash(secret: u16) -> KeyHash {
    let mut hash = [0; 32];
    hash[..2].copy_from_slice(&secret.to_be_bytes());
    KeyHash(hash)
}

/// A key that does not expire, as it is made.
fn key(of: &str, secret: u16) -> AccessKey {
    AccessKey {
        name: name(of),
        hash: hash(secret),
        roles: [Role::Viewer, Role::Sales].into_iter().collect(),
        bounds: Bounds::default(),
        created_at: after(0),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

/// The entry of the log for a change of a key, with an id that no other has.
fn entry(action: &str, of: &str) -> AccessEntry {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    AccessEntry::done(EntryId(id), after(0), Caller::known("root"), action, of)
}

async fn add(port: &Port, key: &AccessKey) -> bool {
    port.add_key(key, &entry("create_key", key.name.as_str()))
        .await
        .expect("an outcome")
}

async fn rotate(port: &Port, of: &str, secret: u16, expires_at: Option<Timestamp>) -> bool {
    let log = entry("rotate_key", of);
    let rotated = port.rotate_key(&name(of), hash(secret), expires_at, &log).await;
    rotated.expect("an outcome")
}

async fn revoke(port: &Port, of: &str, now: Timestamp) -> bool {
    let log = entry("revoke_key", of);
    port.revoke_key(&name(of), now, &log).await.expect("an outcome")
}

async fn note_used(port: &Port, secret: u16, now: Timestamp) {
    port.note_key_used(hash(secret), now).await.expect("an outcome");
}

async fn key_of(port: &Port, secret: u16) -> Option<AccessKey> {
    port.key_of(hash(secret)).await.expect("a key, or none")
}

async fn all(port: &Port) -> Vec<AccessKey> {
    port.all_keys().await.expect("the keys")
}

async fn has_keys(port: &Port) -> bool {
    port.has_keys().await.expect("an answer")
}

/// Keys with all kinds of names, roles and instants, listed by name: by its bytes.
pub async fn a_key_is_read_back_as_it_was_made(db: Db) {
    let port = db.open().await.keys;
    assert!(!has_keys(&port).await);
    assert_eq!(all(&port).await, []);
    assert_eq!(key_of(&port, 1).await, None);
    let longest = "x".repeat(64);
    let every_role_alone = Role::ALL.map(|role| Roles::NONE.and(role));
    let roles = [Roles::NONE, Roles::OF_THE_SHOP, Roles::ALL]
        .into_iter()
        .chain(every_role_alone);
    let names = [
        longest.as_str(),
        "shop",
        "Shop",
        "shop-1",
        "shop.1",
        "shop_1",
        "0",
        "SHOP",
    ];
    let mut made: Vec<AccessKey> = names
        .into_iter()
        .zip(roles)
        .zip(1..)
        .map(|((of, roles), secret)| AccessKey {
            roles,
            ..key(of, secret)
        })
        .collect();
    assert_eq!(made.len(), names.len());
    let prefixes = |texts: &[&str]| {
        let read = texts.iter().map(|text| text.parse().expect("a prefix"));
        Prefixes::new(read).expect("a few")
    };
    made[0].bounds.orders = prefixes(&["AMZ-", "é ß", "0"]);
    made[4].bounds.skus = prefixes(&["LAMP"]);
    // As many and as long as they may be.
    let longest: Vec<String> = (10..10 + MAX_PREFIXES)
        .map(|at| format!("{at}{}", "ж".repeat(62)))
        .collect();
    let longest: Vec<&str> = longest.iter().map(String::as_str).collect();
    made[5].bounds = Bounds {
        orders: prefixes(&longest),
        skus: prefixes(&longest),
    };
    made[1].expires_at = Some(after(60));
    made[2].revoked_at = Some(after(61));
    made[3].last_used_at = Some(after(62));
    for key in &made {
        assert!(add(&port, key).await, "{key:?}");
    }
    assert!(has_keys(&port).await);
    for key in &made {
        let read = port.key_of(key.hash).await.expect("a key");
        assert_eq!(read.as_ref(), Some(key));
    }
    made.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(all(&port).await, made);
    assert_eq!(key_of(&port, 99).await, None);
}

/// Even one that was revoked.
pub async fn a_name_is_given_to_one_key(db: Db) {
    let port = db.open().await.keys;
    let first = key("shop", 1);
    let second = AccessKey {
        roles: Roles::ALL,
        created_at: after(1),
        expires_at: Some(after(60)),
        ..key("shop", 2)
    };
    assert!(add(&port, &first).await);
    assert!(!add(&port, &second).await);
    assert_eq!(key_of(&port, 2).await, None);
    assert_eq!(all(&port).await, [first]);
    assert!(revoke(&port, "shop", after(2)).await);
    assert!(!add(&port, &second).await);
    assert_eq!(key_of(&port, 2).await, None);
}

/// The secret of another key is refused, so that it is never in doubt whom a caller stands for.
pub async fn a_secret_opens_one_key(db: Db) {
    let port = db.open().await.keys;
    let (shop, desk) = (key("shop", 1), key("desk", 2));
    assert!(add(&port, &shop).await);
    assert!(add(&port, &desk).await);
    let added = port.add_key(&key("other", 1), &entry("create_key", "other")).await;
    assert!(matches!(added, Err(StoreError::Conflict)), "{added:?}");
    let rotated = port
        .rotate_key(&name("desk"), hash(1), None, &entry("rotate_key", "desk"))
        .await;
    assert!(matches!(rotated, Err(StoreError::Conflict)), "{rotated:?}");
    assert_eq!(key_of(&port, 1).await.as_ref(), Some(&shop));
    assert_eq!(all(&port).await, [desk, shop]);
}

/// The key keeps its name, its roles, and when it was made and used; an end that has passed may be given another.
pub async fn the_old_secret_of_a_rotated_key_opens_nothing(db: Db) {
    let port = db.open().await.keys;
    let old = AccessKey {
        expires_at: Some(after(60)),
        ..key("shop", 1)
    };
    assert!(add(&port, &old).await);
    assert!(add(&port, &key("desk", 9)).await);
    note_used(&port, 1, after(30)).await;
    assert!(rotate(&port, "shop", 2, Some(after(120))).await);
    let new = AccessKey {
        hash: hash(2),
        expires_at: Some(after(120)),
        last_used_at: Some(after(30)),
        ..old
    };
    assert_eq!(key_of(&port, 1).await, None);
    assert_eq!(key_of(&port, 2).await.as_ref(), Some(&new));
    assert_eq!(all(&port).await, [key("desk", 9), new.clone()]);
    // A use of the old secret that is noted late is nobody's.
    note_used(&port, 1, after(40)).await;
    assert_eq!(key_of(&port, 2).await.as_ref(), Some(&new));
    // With the same secret it gets another end, or none.
    assert!(rotate(&port, "shop", 2, None).await);
    let expires_at = None;
    assert_eq!(key_of(&port, 2).await, Some(AccessKey { expires_at, ..new }));
    // A secret that opens nothing any more is free.
    assert!(rotate(&port, "desk", 1, None).await);
    assert_eq!(key_of(&port, 1).await, Some(key("desk", 1)));
    assert!(!rotate(&port, "nobody", 3, None).await);
    assert_eq!(key_of(&port, 3).await, None);
}

/// A revoked key is listed, is found by its secret, and counts as a key that was made.
pub async fn a_revoked_key_stays_known_and_keeps_its_first_instant(db: Db) {
    let port = db.open().await.keys;
    assert!(!revoke(&port, "shop", after(0)).await);
    let made = key("shop", 1);
    assert!(add(&port, &made).await);
    assert!(revoke(&port, "shop", after(10)).await);
    let revoked = AccessKey {
        revoked_at: Some(after(10)),
        ..made
    };
    for again in [after(20), after(5)] {
        assert!(revoke(&port, "shop", again).await);
        assert_eq!(key_of(&port, 1).await.as_ref(), Some(&revoked));
    }
    assert_eq!(all(&port).await, [revoked]);
    assert!(has_keys(&port).await);
}

/// What was revoked never opens anything again.
pub async fn a_revoked_key_gets_no_other_secret(db: Db) {
    let port = db.open().await.keys;
    assert!(add(&port, &key("shop", 1)).await);
    assert!(revoke(&port, "shop", after(10)).await);
    let revoked = key_of(&port, 1).await;
    assert!(!rotate(&port, "shop", 2, Some(after(60))).await);
    assert_eq!(key_of(&port, 2).await, None);
    assert_eq!(key_of(&port, 1).await, revoked);
}

/// Revoked ones count, and the keys that are there can be changed as before.
pub async fn no_more_keys_are_made_than_are_bounded(db: Db) {
    let port = db.open().await.keys;
    let bound = u16::try_from(MAX_KEYS).expect("a few keys");
    for secret in 1..=bound {
        assert!(add(&port, &key(&format!("key-{secret}"), secret)).await, "{secret}");
    }
    let one_more = key("one-more", bound + 1);
    assert!(!add(&port, &one_more).await);
    assert!(!add(&port, &key("key-1", bound + 1)).await);
    assert!(revoke(&port, "key-1", after(1)).await);
    assert!(!add(&port, &one_more).await);
    assert_eq!(key_of(&port, bound + 1).await, None);
    assert!(rotate(&port, "key-2", bound + 1, None).await);
    assert_eq!(key_of(&port, bound + 1).await, Some(key("key-2", bound + 1)));
    assert_eq!(all(&port).await.len(), MAX_KEYS);
}

/// Instances with other clocks note uses in any order.
pub async fn a_use_is_never_noted_as_earlier_than_one_before(db: Db) {
    let port = db.open().await.keys;
    let (shop, desk) = (key("shop", 1), key("desk", 2));
    assert!(add(&port, &shop).await);
    assert!(add(&port, &desk).await);
    for (noted, known) in [(60, 60), (30, 60), (60, 60), (61, 61), (0, 61)] {
        note_used(&port, 1, after(noted)).await;
        let last_used_at = Some(after(known));
        let used = AccessKey {
            last_used_at,
            ..shop.clone()
        };
        assert_eq!(key_of(&port, 1).await.as_ref(), Some(&used), "{noted}");
    }
    assert_eq!(key_of(&port, 2).await, Some(desk));
    // A secret of no key.
    note_used(&port, 3, after(0)).await;
    assert_eq!(all(&port).await.len(), 2);
}

/// Each comes from an instance of its own. The others are told that it is taken.
pub async fn of_many_keys_of_one_name_at_once_one_is_made(db: Db) {
    const CALLERS: u16 = 8;
    let ports = [db.open().await.keys, db.open().await.keys];
    let barrier = Arc::new(Barrier::new(usize::from(CALLERS)));
    let calls: Vec<_> = (1..=CALLERS)
        .map(|secret| {
            let port = ports[usize::from(secret % 2)].clone();
            let barrier = barrier.clone();
            tokio::spawn(async move {
                barrier.wait().await;
                add(&port, &key("shop", secret)).await.then_some(secret)
            })
        })
        .collect();
    let mut made = Vec::new();
    for call in calls {
        made.extend(call.await.expect("the call ends"));
    }
    let [secret] = made[..] else {
        unreachable!("{made:?} were made");
    };
    assert_eq!(all(&ports[0]).await, [key("shop", secret)]);
}

/// Keys, what became of them, and when they were used.
pub async fn keys_survive_a_restart(db: Db) {
    let first = db.open().await.keys;
    for (of, secret) in [("shop", 1), ("desk", 2), ("old", 3)] {
        assert!(add(&first, &key(of, secret)).await);
    }
    assert!(rotate(&first, "desk", 4, Some(after(60))).await);
    assert!(revoke(&first, "old", after(10)).await);
    note_used(&first, 1, after(20)).await;
    let before = all(&first).await;
    drop(first);
    let again = db.open().await.keys;
    assert!(has_keys(&again).await);
    assert_eq!(all(&again).await, before);
    assert_eq!(key_of(&again, 2).await, None);
    assert_eq!(key_of(&again, 4).await.as_ref(), before.first());
}

/// Who has changed a key is in the log, and what has changed none is not.
pub async fn a_change_of_a_key_is_logged_with_it_and_no_other_is(db: Db) {
    let adapter = db.open().await;
    let (port, log) = (&adapter.keys, &adapter.access_log);
    assert!(add(port, &key("shop", 1)).await);
    assert!(!add(port, &key("shop", 2)).await);
    assert!(
        port.add_key(&key("other", 1), &entry("create_key", "other"))
            .await
            .is_err()
    );
    assert!(rotate(port, "shop", 3, None).await);
    assert!(!rotate(port, "nobody", 4, None).await);
    assert!(revoke(port, "shop", after(1)).await);
    assert!(revoke(port, "shop", after(2)).await);
    assert!(!revoke(port, "nobody", after(2)).await);
    assert!(!rotate(port, "shop", 5, None).await);
    let logged = log.access_entries(0, 10).await.expect("entries");
    let logged: Vec<(&str, Option<&str>, Option<&str>)> = logged
        .iter()
        .map(|logged| &logged.entry)
        .map(|entry| (&*entry.action, entry.about.as_deref(), entry.caller.name.as_deref()))
        .collect();
    let expected = ["create_key", "rotate_key", "revoke_key"].map(|action| (action, Some("shop"), Some("root")));
    assert_eq!(logged, expected);
}
