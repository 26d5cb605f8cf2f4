//! Sessions: which one begins and ends, and how many a key has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_application::{
    AccessEntry, Caller, EntryId, KeyHash, KeyName, MAX_SESSIONS_OF_A_HOLDER, Person, PersonName, Role, Roles, Session,
    SessionHash, SessionHolder, Sessions,
};
use jiff::{SignedDuration, Timestamp};

use crate::databases::Db;

/// The port.
type Port = Arc<dyn Sessions>;

/// So many seconds after each case begins, with all digits that every store keeps: whole microseconds.
fn after(seconds: i64) -> Timestamp {
    let start = Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant");
    start + SignedDuration::from_secs(seconds)
}

fn hash(id: u8) -> SessionHash {
    SessionHash([id; 32])
}

/// A session that lasts a minute.
fn session(of: &str, id: u8, began: i64) -> Session {
    Session {
        hash: hash(id),
        holder: SessionHolder::Key {
            name: KeyName::new(of).expect("a name"),
            hash: KeyHash([id ^ 255; 32]),
        },
        began_at: after(began),
        ends_at: after(began + 60),
    }
}

/// The entry of the log, with an id that no other has.
fn entry(action: &str, of: &str) -> AccessEntry {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    AccessEntry::done(EntryId(id), after(0), Caller::known(of), action, of)
}

async fn begin(port: &Port, session: &Session) {
    let log = entry("sign_in", session.holder.name());
    port.begin_session(session, &log).await.expect("an outcome");
}

async fn end(port: &Port, id: u8) -> bool {
    port.end_session(hash(id), &entry("sign_out", "anna"))
        .await
        .expect("an outcome")
}

async fn of(port: &Port, id: u8) -> Option<Session> {
    port.session_of(hash(id)).await.expect("a session, or none")
}

async fn all(port: &Port, now: Timestamp) -> Vec<Session> {
    port.all_sessions(now).await.expect("the sessions")
}

/// Also by another instance; and listed by its key, then by its age, until it is over.
pub async fn a_session_is_read_back_as_it_began(db: Db) {
    let port = db.open().await.sessions;
    assert_eq!(of(&port, 1).await, None);
    let made = [session("bert", 1, 0), session("anna", 2, 1), session("anna", 3, 0)];
    for session in &made {
        begin(&port, session).await;
    }
    let elsewhere = db.open().await.sessions;
    for session in &made {
        assert_eq!(of(&elsewhere, session.hash.0[0]).await.as_ref(), Some(session));
    }
    let [bert, young, old] = made;
    assert_eq!(all(&elsewhere, after(2)).await, [old, young.clone(), bert]);
    assert_eq!(all(&elsewhere, after(60)).await, [young]);
    assert_eq!(all(&elsewhere, after(61)).await, []);
}

/// A session of somebody who has no key.
fn of_a_person(name: &str, id: u8, began: i64, roles: Roles) -> Session {
    let name = PersonName::of(name).expect("a name");
    Session {
        holder: SessionHolder::Person(Person { name, roles }),
        ..session("anna", id, began)
    }
}

/// With the roles of when it began, whatever key there is of whatever name.
pub async fn a_person_has_sessions_without_a_key(db: Db) {
    let port = db.open().await.sessions;
    let planner = of_a_person("anna", 1, 0, Roles::NONE.and(Role::Planner));
    let all = of_a_person("bert@shop.example", 2, 0, Roles::ALL);
    let key = session("anna", 3, 0);
    for session in [&planner, &all, &key] {
        begin(&port, session).await;
    }
    let elsewhere = db.open().await.sessions;
    for session in [&planner, &all, &key] {
        assert_eq!(of(&elsewhere, session.hash.0[0]).await.as_ref(), Some(session));
    }
    assert_eq!(
        elsewhere.all_sessions(after(2)).await.expect("the sessions"),
        [key, planner, all]
    );
    assert!(end(&elsewhere, 1).await);
    assert_eq!(of(&port, 1).await, None);
    assert!(of(&port, 3).await.is_some());
}

/// Whoever signs out is out, and nobody else is.
pub async fn a_session_that_is_ended_opens_nothing(db: Db) {
    let port = db.open().await.sessions;
    let (one, other) = (session("anna", 1, 0), session("anna", 2, 0));
    begin(&port, &one).await;
    begin(&port, &other).await;
    assert!(end(&port, 1).await);
    assert_eq!(of(&port, 1).await, None);
    assert_eq!(of(&port, 2).await, Some(other));
    assert!(!end(&port, 1).await, "it is ended once");
    assert!(!end(&port, 9).await);
}

/// The oldest go first, and those of other keys stay.
pub async fn a_key_or_a_person_has_only_so_many_sessions(db: Db) {
    let port = db.open().await.sessions;
    let bound = u8::try_from(MAX_SESSIONS_OF_A_HOLDER).expect("a few");
    let bert = session("bert", 255, 0);
    begin(&port, &bert).await;
    for id in 1..=bound + 2 {
        begin(&port, &session("anna", id, i64::from(id))).await;
    }
    let known = all(&port, after(5)).await;
    let of_anna: Vec<u8> = known
        .iter()
        .filter(|session| &**session.holder.name() == "anna")
        .map(|session| session.hash.0[0])
        .collect();
    assert_eq!(of_anna, (3..=bound + 2).collect::<Vec<_>>());
    assert_eq!(of(&port, 255).await, Some(bert));
    assert_eq!(of(&port, 1).await, None);
    for id in 101..=101 + bound {
        begin(&port, &of_a_person("anna", id, i64::from(id) - 90, Roles::ALL)).await;
    }
    assert_eq!(of(&port, 101).await, None);
    assert!(of(&port, 102).await.is_some());
    assert!(
        of(&port, 3).await.is_some(),
        "whoever has a key of that name is another"
    );
}

/// So that the table stays as small as what is in use.
pub async fn what_is_over_is_forgotten_when_another_begins(db: Db) {
    let port = db.open().await.sessions;
    begin(&port, &session("anna", 1, 0)).await;
    begin(&port, &session("bert", 2, 1)).await;
    assert!(of(&port, 1).await.is_some(), "it may be asked for at its end");
    begin(&port, &session("carl", 3, 60)).await;
    assert_eq!(of(&port, 1).await, None);
    assert!(of(&port, 2).await.is_some() && of(&port, 3).await.is_some());
}

/// Who has signed in and out is in the log, and what has ended nothing is not.
pub async fn a_session_is_logged_with_its_beginning_and_its_end(db: Db) {
    let adapter = db.open().await;
    begin(&adapter.sessions, &session("anna", 1, 0)).await;
    assert!(end(&adapter.sessions, 1).await);
    assert!(!end(&adapter.sessions, 1).await);
    let logged = adapter.access_log.access_entries(0, 10).await.expect("entries");
    let actions: Vec<&str> = logged.iter().map(|logged| &*logged.entry.action).collect();
    assert_eq!(actions, ["sign_in", "sign_out"]);
}

/// A restart signs nobody out.
pub async fn sessions_survive_a_restart(db: Db) {
    let first = db.open().await.sessions;
    let made = session("anna", 1, 0);
    begin(&first, &made).await;
    drop(first);
    let again = db.open().await.sessions;
    assert_eq!(of(&again, 1).await, Some(made));
}
