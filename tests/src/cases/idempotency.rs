//! The idempotency store: which call acquires a key, what is answered under it, and when it expires.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_application::{
    Fingerprint, IdempotencyKey, IdempotencyStore, KEY_LIFETIME_SECONDS, LEASE_SECONDS, LeaseOutcome, LeaseRequest,
    LeaseToken,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Barrier;

use crate::databases::Db;

type Keys = Arc<dyn IdempotencyStore>;

/// When each case begins.
fn start() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().expect("an instant")
}

/// So many seconds after the start.
fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// A microsecond earlier.
fn before(seconds: i64) -> Timestamp {
    after(seconds) - SignedDuration::from_micros(1)
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a key")
}

/// A request of one caller for one of several calls.
fn request_for(call: u8, text: &str, caller: u8, now: Timestamp) -> LeaseRequest {
    LeaseRequest::at(now, key(text), Fingerprint([call; 32]), LeaseToken([caller; 16]))
}

fn request(text: &str, caller: u8, now: Timestamp) -> LeaseRequest {
    request_for(1, text, caller, now)
}

async fn acquire(keys: &Keys, request: &LeaseRequest) -> LeaseOutcome {
    keys.acquire(request).await.expect("an outcome")
}

async fn complete(keys: &Keys, text: &str, caller: u8, answer: &[u8]) -> bool {
    let token = LeaseToken([caller; 16]);
    keys.complete(&key(text), token, answer).await.expect("an outcome")
}

async fn release(keys: &Keys, text: &str, caller: u8) {
    let released = keys.release(&key(text), LeaseToken([caller; 16])).await;
    released.expect("an outcome");
}

/// Acquires a key and completes it.
async fn answered(keys: &Keys, text: &str, now: Timestamp, answer: &[u8]) {
    assert_eq!(acquire(keys, &request(text, 1, now)).await, LeaseOutcome::Acquired);
    assert!(complete(keys, text, 1, answer).await);
}

/// Sends all requests at once, to the instances in turn.
async fn race(instances: &[Keys], requests: Vec<LeaseRequest>) -> Vec<LeaseOutcome> {
    let start = Arc::new(Barrier::new(requests.len()));
    let racers: Vec<_> = requests
        .into_iter()
        .enumerate()
        .map(|(at, request)| {
            let (keys, start) = (instances[at % instances.len()].clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                acquire(&keys, &request).await
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(racers.len());
    for racer in racers {
        outcomes.push(racer.await.expect("no panic"));
    }
    outcomes
}

fn acquired(outcomes: &[LeaseOutcome]) -> usize {
    outcomes
        .iter()
        .filter(|outcome| **outcome == LeaseOutcome::Acquired)
        .count()
}

/// The first call runs, the others are in progress, and then all get the first answer.
pub async fn a_key_is_acquired_once_and_then_answers(db: Db) {
    let keys = db.open().await.idempotency;
    assert_eq!(acquire(&keys, &request("k", 1, after(0))).await, LeaseOutcome::Acquired);
    assert_eq!(
        acquire(&keys, &request("k", 2, after(1))).await,
        LeaseOutcome::InProgress
    );
    assert!(complete(&keys, "k", 1, b"lamp").await);
    for caller in [1, 2, 3] {
        let outcome = acquire(&keys, &request("k", caller, after(2))).await;
        assert_eq!(outcome, LeaseOutcome::Answered(b"lamp".to_vec()));
    }
    assert_eq!(
        acquire(&keys, &request("K", 2, after(2))).await,
        LeaseOutcome::Acquired,
        "another key"
    );
}

/// A key belongs to one call: before it is answered, after that, and after its lease has ended.
pub async fn another_call_under_a_known_key_is_a_mismatch(db: Db) {
    let keys = db.open().await.idempotency;
    assert_eq!(acquire(&keys, &request("k", 1, after(0))).await, LeaseOutcome::Acquired);
    let other = |caller, now| request_for(2, "k", caller, now);
    assert_eq!(acquire(&keys, &other(2, after(1))).await, LeaseOutcome::Mismatch);
    assert_eq!(acquire(&keys, &other(1, after(1))).await, LeaseOutcome::Mismatch);
    assert_eq!(
        acquire(&keys, &other(2, after(LEASE_SECONDS))).await,
        LeaseOutcome::Mismatch
    );
    assert!(
        complete(&keys, "k", 1, b"lamp").await,
        "the lease is still the first caller's"
    );
    assert_eq!(acquire(&keys, &other(2, after(2))).await, LeaseOutcome::Mismatch);
}

/// The caller did not receive the first outcome.
pub async fn the_holder_of_a_lease_acquires_it_again(db: Db) {
    let keys = db.open().await.idempotency;
    for now in [after(0), after(1), after(2)] {
        assert_eq!(acquire(&keys, &request("k", 1, now)).await, LeaseOutcome::Acquired);
    }
    assert_eq!(
        acquire(&keys, &request("k", 2, after(3))).await,
        LeaseOutcome::InProgress
    );
}

/// A released key belongs to no call.
pub async fn a_released_key_goes_to_the_next_request(db: Db) {
    let keys = db.open().await.idempotency;
    assert_eq!(acquire(&keys, &request("k", 1, after(0))).await, LeaseOutcome::Acquired);
    release(&keys, "k", 2).await;
    assert_eq!(
        acquire(&keys, &request("k", 2, after(1))).await,
        LeaseOutcome::InProgress,
        "the lease was not its own"
    );
    release(&keys, "k", 1).await;
    assert_eq!(
        acquire(&keys, &request_for(2, "k", 2, after(2))).await,
        LeaseOutcome::Acquired
    );
    assert!(!complete(&keys, "k", 1, b"too late").await);
    assert!(complete(&keys, "k", 2, b"chair").await);
    release(&keys, "k", 2).await;
    let outcome = acquire(&keys, &request_for(2, "k", 3, after(3))).await;
    assert_eq!(
        outcome,
        LeaseOutcome::Answered(b"chair".to_vec()),
        "an answered key is not released"
    );
}

/// No other caller can complete the key, and the answer never changes.
pub async fn only_the_holder_of_the_lease_completes_a_key_and_once(db: Db) {
    let keys = db.open().await.idempotency;
    assert!(!complete(&keys, "k", 1, b"without a lease").await);
    assert_eq!(acquire(&keys, &request("k", 1, after(0))).await, LeaseOutcome::Acquired);
    assert!(!complete(&keys, "k", 2, b"another's").await);
    assert!(complete(&keys, "k", 1, b"the first").await);
    assert!(!complete(&keys, "k", 1, b"a second").await);
    let outcome = acquire(&keys, &request("k", 3, after(1))).await;
    assert_eq!(outcome, LeaseOutcome::Answered(b"the first".to_vec()));
}

/// A process that died does not block the key.
pub async fn a_lease_without_an_answer_ends(db: Db) {
    let keys = db.open().await.idempotency;
    assert_eq!(acquire(&keys, &request("k", 1, after(0))).await, LeaseOutcome::Acquired);
    let last = request("k", 2, before(LEASE_SECONDS));
    assert_eq!(acquire(&keys, &last).await, LeaseOutcome::InProgress);
    assert_eq!(
        acquire(&keys, &request("k", 2, after(LEASE_SECONDS))).await,
        LeaseOutcome::Acquired
    );
    assert_eq!(
        acquire(&keys, &request("k", 3, after(LEASE_SECONDS))).await,
        LeaseOutcome::InProgress,
        "the second caller has a lease of its own"
    );
    assert!(!complete(&keys, "k", 1, b"late").await, "the lease is another caller's");
    release(&keys, "k", 1).await;
    assert!(complete(&keys, "k", 2, b"in time").await);
    let outcome = acquire(&keys, &request("k", 1, after(LEASE_SECONDS))).await;
    assert_eq!(outcome, LeaseOutcome::Answered(b"in time".to_vec()));
}

/// A late answer counts as long as no other caller has acquired the key.
pub async fn an_answer_after_the_end_of_the_lease_is_stored_if_the_key_is_not_taken(db: Db) {
    let keys = db.open().await.idempotency;
    assert_eq!(acquire(&keys, &request("k", 1, after(0))).await, LeaseOutcome::Acquired);
    assert!(complete(&keys, "k", 1, b"slow").await);
    let outcome = acquire(&keys, &request("k", 2, after(10 * LEASE_SECONDS))).await;
    assert_eq!(
        outcome,
        LeaseOutcome::Answered(b"slow".to_vec()),
        "an answer has no lease"
    );
}

/// For a day, to the microsecond, purged or not.
pub async fn a_key_expires_after_a_day(db: Db) {
    let keys = db.open().await.idempotency;
    answered(&keys, "k", after(0), b"lamp").await;
    assert_eq!(
        acquire(&keys, &request("acquired", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    let outcome = acquire(&keys, &request("k", 2, before(KEY_LIFETIME_SECONDS))).await;
    assert_eq!(outcome, LeaseOutcome::Answered(b"lamp".to_vec()));

    let another = request_for(2, "k", 2, after(KEY_LIFETIME_SECONDS));
    assert_eq!(acquire(&keys, &another).await, LeaseOutcome::Acquired);
    assert!(!complete(&keys, "k", 1, b"expired").await);
    assert!(complete(&keys, "k", 2, b"chair").await);
    let outcome = acquire(&keys, &request_for(2, "k", 3, before(2 * KEY_LIFETIME_SECONDS))).await;
    assert_eq!(
        outcome,
        LeaseOutcome::Answered(b"chair".to_vec()),
        "the second call has a day of its own"
    );

    let another = request_for(2, "acquired", 2, after(KEY_LIFETIME_SECONDS));
    assert_eq!(acquire(&keys, &another).await, LeaseOutcome::Acquired);
}

/// A step purges no more than its limit, the oldest first, and no key that is still known.
pub async fn expired_keys_are_purged_in_bounded_steps(db: Db) {
    let keys = db.open().await.idempotency;
    let purge = async |now, limit| keys.purge_expired(now, limit).await.expect("an outcome");
    assert_eq!(purge(after(0), 10).await, 0);
    // Not in order, so that the first to expire are not the first that were stored.
    for at in [3, 0, 6, 2, 5, 1, 4] {
        answered(&keys, &format!("k-{at}"), after(at), b"lamp").await;
    }
    let day = KEY_LIFETIME_SECONDS;
    assert_eq!(purge(before(day), 10).await, 0);
    assert_eq!(purge(after(day + 4), 2).await, 2);
    // The keys of the first two seconds are purged. The third is still known.
    let outcome = acquire(&keys, &request("k-2", 2, before(day + 2))).await;
    assert_eq!(outcome, LeaseOutcome::Answered(b"lamp".to_vec()));
    for gone in ["k-0", "k-1"] {
        assert_eq!(
            acquire(&keys, &request(gone, 2, after(1))).await,
            LeaseOutcome::Acquired,
            "{gone}"
        );
        release(&keys, gone, 2).await;
    }
    assert_eq!(purge(after(day + 4), 2).await, 2);
    assert_eq!(purge(after(day + 4), 2).await, 1);
    assert_eq!(purge(after(day + 4), 2).await, 0);
    for left in ["k-5", "k-6"] {
        let outcome = acquire(&keys, &request(left, 2, after(day + 4))).await;
        assert_eq!(outcome, LeaseOutcome::Answered(b"lamp".to_vec()), "{left}");
    }
    // A key without an answer is purged as well.
    assert_eq!(
        acquire(&keys, &request("acquired", 1, after(5))).await,
        LeaseOutcome::Acquired
    );
    assert_eq!(purge(after(day + 6), 10).await, 3);
}

/// Two instances, and twenty equal calls at once.
pub async fn of_twenty_requests_for_a_key_at_once_one_acquires_it(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    for round in 0..10 {
        let text = format!("k-{round}");
        let outcomes = race(
            &instances,
            (0..20).map(|caller| request(&text, caller, after(0))).collect(),
        )
        .await;
        assert_eq!(acquired(&outcomes), 1, "{outcomes:?}");
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, LeaseOutcome::Acquired | LeaseOutcome::InProgress)),
            "{outcomes:?}"
        );
    }
}

/// The same after an earlier lease has ended, after the key has expired, and during a purge.
pub async fn of_twenty_requests_for_a_key_with_an_ended_lease_one_acquires_it(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    let times = [
        after(LEASE_SECONDS),
        after(KEY_LIFETIME_SECONDS),
        after(2 * KEY_LIFETIME_SECONDS),
    ];
    assert_eq!(
        acquire(&instances[0], &request("k", 99, after(0))).await,
        LeaseOutcome::Acquired
    );
    for (round, now) in times.into_iter().enumerate() {
        let keys = instances[round % 2].clone();
        let purging = tokio::spawn(async move { keys.purge_expired(now, 10).await });
        let outcomes = race(&instances, (0..20).map(|caller| request("k", caller, now)).collect()).await;
        assert_eq!(acquired(&outcomes), 1, "{outcomes:?}");
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, LeaseOutcome::Acquired | LeaseOutcome::InProgress)),
            "{outcomes:?}"
        );
        purging.await.expect("no panic").expect("an outcome");
    }
}

/// One of two different calls runs.
pub async fn of_two_calls_under_one_key_at_once_one_is_a_mismatch(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    for round in 0..10 {
        let text = format!("k-{round}");
        let requests = vec![request_for(1, &text, 1, after(0)), request_for(2, &text, 2, after(0))];
        let outcomes = race(&instances, requests).await;
        assert_eq!(acquired(&outcomes), 1, "{outcomes:?}");
        assert!(outcomes.contains(&LeaseOutcome::Mismatch), "{outcomes:?}");
    }
}

/// Many calls at once, each under its own key: each gets its own answer.
pub async fn many_keys_at_once_do_not_affect_each_other(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    let outcomes = race(
        &instances,
        (0..100)
            .map(|caller| request(&format!("k-{caller}"), caller, after(0)))
            .collect(),
    )
    .await;
    assert_eq!(acquired(&outcomes), 100);
    let completing: Vec<_> = (0..100_u8)
        .map(|caller| {
            let keys = instances[usize::from(caller) % 2].clone();
            tokio::spawn(async move { complete(&keys, &format!("k-{caller}"), caller, &[caller]).await })
        })
        .collect();
    for completed in completing {
        assert!(completed.await.expect("no panic"));
    }
    let outcomes = race(
        &instances,
        (0..100)
            .map(|caller| request(&format!("k-{caller}"), 200, after(0)))
            .collect(),
    )
    .await;
    let answers: BTreeSet<Vec<u8>> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            LeaseOutcome::Answered(answer) => answer,
            other => unreachable!("{other:?}"),
        })
        .collect();
    assert_eq!(answers, (0..100).map(|caller| vec![caller]).collect());
}

/// Answers of any length, under keys of any length.
pub async fn an_answer_of_any_bytes_is_read_back_as_it_was_stored(db: Db) {
    let keys = db.open().await.idempotency;
    let long: Vec<u8> = (0..1024 * 1024).map(|at: u32| at.to_le_bytes()[0]).collect();
    let longest_key = "~".repeat(255);
    let cases: [(&str, &[u8]); 4] = [
        ("empty", b""),
        ("a'b\"c\\d%?", b"\0\xff\n?"),
        ("long", &long),
        (&longest_key, b"lamp"),
    ];
    for (text, answer) in cases {
        answered(&keys, text, after(0), answer).await;
        let outcome = acquire(&keys, &request(text, 2, after(1))).await;
        assert!(outcome == LeaseOutcome::Answered(answer.to_vec()), "{text}");
    }
}

/// Answers and leases survive a restart.
pub async fn idempotency_keys_survive_a_restart(db: Db) {
    let first = db.open().await.idempotency;
    answered(&first, "k", after(0), b"lamp").await;
    assert_eq!(
        acquire(&first, &request("left", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    drop(first);
    let again = db.open().await.idempotency;
    let outcome = acquire(&again, &request("k", 2, after(1))).await;
    assert_eq!(outcome, LeaseOutcome::Answered(b"lamp".to_vec()));
    assert_eq!(
        acquire(&again, &request("left", 2, after(1))).await,
        LeaseOutcome::InProgress
    );
    assert_eq!(
        acquire(&again, &request("left", 2, after(LEASE_SECONDS))).await,
        LeaseOutcome::Acquired
    );
}
