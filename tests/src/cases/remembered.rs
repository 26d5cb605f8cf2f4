//! Answers that callers may ask for again: who wins a key, what is told under it, and when it is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_application::{
    Fingerprint, IdempotencyKey, IdempotencyStore, KEY_LIFETIME_SECONDS, LEASE_SECONDS, LeaseOutcome, LeaseRequest,
    LeaseToken,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Barrier;

use crate::databases::Db;

type Answers = Arc<dyn IdempotencyStore>;

/// When the shop opens.
fn opening() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().expect("an instant")
}

/// So many seconds after the opening, and a microsecond before it in `before`.
fn after(seconds: i64) -> Timestamp {
    opening() + SignedDuration::from_secs(seconds)
}

fn before(seconds: i64) -> Timestamp {
    after(seconds) - SignedDuration::from_micros(1)
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a key")
}

/// A call for a lamp, or for whatever `what` is.
fn claim_of(what: u8, text: &str, who: u8, now: Timestamp) -> LeaseRequest {
    LeaseRequest::at(now, key(text), Fingerprint([what; 32]), LeaseToken([who; 16]))
}

fn claim(text: &str, who: u8, now: Timestamp) -> LeaseRequest {
    claim_of(1, text, who, now)
}

async fn claimed(answers: &Answers, claim: &LeaseRequest) -> LeaseOutcome {
    answers.acquire(claim).await.expect("an answer")
}

async fn keeps(answers: &Answers, text: &str, who: u8, answer: &[u8]) -> bool {
    answers
        .complete(&key(text), LeaseToken([who; 16]), answer)
        .await
        .expect("an answer")
}

async fn gives_back(answers: &Answers, text: &str, who: u8) {
    let given = answers.release(&key(text), LeaseToken([who; 16])).await;
    given.expect("an answer");
}

/// A key that has been claimed and answered.
async fn answered(answers: &Answers, text: &str, now: Timestamp, answer: &[u8]) {
    assert_eq!(claimed(answers, &claim(text, 1, now)).await, LeaseOutcome::Acquired);
    assert!(keeps(answers, text, 1, answer).await);
}

/// All of these at once, through the instances in turn.
async fn race(instances: &[Answers], claims: Vec<LeaseRequest>) -> Vec<LeaseOutcome> {
    let start = Arc::new(Barrier::new(claims.len()));
    let racers: Vec<_> = claims
        .into_iter()
        .enumerate()
        .map(|(at, claim)| {
            let (answers, start) = (instances[at % instances.len()].clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                claimed(&answers, &claim).await
            })
        })
        .collect();
    let mut told = Vec::with_capacity(racers.len());
    for racer in racers {
        told.push(racer.await.expect("a racer is answered"));
    }
    told
}

fn won(told: &[LeaseOutcome]) -> usize {
    told.iter().filter(|told| **told == LeaseOutcome::Acquired).count()
}

/// The first runs, the others wait, and then all are told what the first was.
pub async fn a_key_is_won_once_and_then_tells_its_answer(db: Db) {
    let answers = db.open().await.idempotency;
    assert_eq!(
        claimed(&answers, &claim("k", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    assert_eq!(
        claimed(&answers, &claim("k", 2, after(1))).await,
        LeaseOutcome::InProgress
    );
    assert!(keeps(&answers, "k", 1, b"a lamp").await);
    for who in [1, 2, 3] {
        let told = claimed(&answers, &claim("k", who, after(2))).await;
        assert_eq!(told, LeaseOutcome::Answered(b"a lamp".to_vec()));
    }
    assert_eq!(
        claimed(&answers, &claim("K", 2, after(2))).await,
        LeaseOutcome::Acquired,
        "another key"
    );
}

/// One key, one call: whether that is answered yet or not, and after its claim has lapsed too.
pub async fn another_call_under_a_key_that_is_known_is_told_so(db: Db) {
    let answers = db.open().await.idempotency;
    assert_eq!(
        claimed(&answers, &claim("k", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    let other = |who, now| claim_of(2, "k", who, now);
    assert_eq!(claimed(&answers, &other(2, after(1))).await, LeaseOutcome::Mismatch);
    assert_eq!(claimed(&answers, &other(1, after(1))).await, LeaseOutcome::Mismatch);
    assert_eq!(
        claimed(&answers, &other(2, after(LEASE_SECONDS))).await,
        LeaseOutcome::Mismatch
    );
    assert!(keeps(&answers, "k", 1, b"a lamp").await, "it is still the first one's");
    assert_eq!(claimed(&answers, &other(2, after(2))).await, LeaseOutcome::Mismatch);
}

/// A caller that did not hear whether it has won asks again.
pub async fn who_claims_again_what_it_has_won_has_won_it(db: Db) {
    let answers = db.open().await.idempotency;
    for now in [after(0), after(1), after(2)] {
        assert_eq!(claimed(&answers, &claim("k", 1, now)).await, LeaseOutcome::Acquired);
    }
    assert_eq!(
        claimed(&answers, &claim("k", 2, after(3))).await,
        LeaseOutcome::InProgress
    );
}

/// What came to nothing leaves nothing behind.
pub async fn a_key_that_was_given_back_goes_to_anybody(db: Db) {
    let answers = db.open().await.idempotency;
    assert_eq!(
        claimed(&answers, &claim("k", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    gives_back(&answers, "k", 2).await;
    assert_eq!(
        claimed(&answers, &claim("k", 2, after(1))).await,
        LeaseOutcome::InProgress,
        "it was not his"
    );
    gives_back(&answers, "k", 1).await;
    assert_eq!(
        claimed(&answers, &claim_of(2, "k", 2, after(2))).await,
        LeaseOutcome::Acquired
    );
    assert!(!keeps(&answers, "k", 1, b"too late").await);
    assert!(keeps(&answers, "k", 2, b"a chair").await);
    gives_back(&answers, "k", 2).await;
    let told = claimed(&answers, &claim_of(2, "k", 3, after(3))).await;
    assert_eq!(
        told,
        LeaseOutcome::Answered(b"a chair".to_vec()),
        "an answer is not given back"
    );
}

/// The answer is the first one's, and nobody else's.
pub async fn an_answer_is_kept_for_who_has_won_alone_and_never_changes(db: Db) {
    let answers = db.open().await.idempotency;
    assert!(!keeps(&answers, "k", 1, b"out of nothing").await);
    assert_eq!(
        claimed(&answers, &claim("k", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    assert!(!keeps(&answers, "k", 2, b"a stranger's").await);
    assert!(keeps(&answers, "k", 1, b"the first").await);
    assert!(!keeps(&answers, "k", 1, b"a second").await);
    let told = claimed(&answers, &claim("k", 3, after(1))).await;
    assert_eq!(told, LeaseOutcome::Answered(b"the first".to_vec()));
}

/// A process that has gone away does not keep others from being served.
pub async fn a_claim_without_an_answer_lapses(db: Db) {
    let answers = db.open().await.idempotency;
    assert_eq!(
        claimed(&answers, &claim("k", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    let last = claim("k", 2, before(LEASE_SECONDS));
    assert_eq!(claimed(&answers, &last).await, LeaseOutcome::InProgress);
    assert_eq!(
        claimed(&answers, &claim("k", 2, after(LEASE_SECONDS))).await,
        LeaseOutcome::Acquired
    );
    assert_eq!(
        claimed(&answers, &claim("k", 3, after(LEASE_SECONDS))).await,
        LeaseOutcome::InProgress,
        "it has a lease of its own"
    );
    assert!(!keeps(&answers, "k", 1, b"late").await, "the key has gone to another");
    gives_back(&answers, "k", 1).await;
    assert!(keeps(&answers, "k", 2, b"in time").await);
    let told = claimed(&answers, &claim("k", 1, after(LEASE_SECONDS))).await;
    assert_eq!(told, LeaseOutcome::Answered(b"in time".to_vec()));
}

/// Late, but nobody has come meanwhile.
pub async fn an_answer_after_the_lease_is_kept_if_nobody_has_taken_the_key(db: Db) {
    let answers = db.open().await.idempotency;
    assert_eq!(
        claimed(&answers, &claim("k", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    assert!(keeps(&answers, "k", 1, b"slow").await);
    let told = claimed(&answers, &claim("k", 2, after(10 * LEASE_SECONDS))).await;
    assert_eq!(
        told,
        LeaseOutcome::Answered(b"slow".to_vec()),
        "an answer does not lapse"
    );
}

/// For a day, to the microsecond; nobody has to have swept.
pub async fn a_key_is_known_for_a_day_and_then_it_is_as_if_it_had_never_been(db: Db) {
    let answers = db.open().await.idempotency;
    answered(&answers, "k", after(0), b"a lamp").await;
    assert_eq!(
        claimed(&answers, &claim("claimed", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    let told = claimed(&answers, &claim("k", 2, before(KEY_LIFETIME_SECONDS))).await;
    assert_eq!(told, LeaseOutcome::Answered(b"a lamp".to_vec()));

    let another = claim_of(2, "k", 2, after(KEY_LIFETIME_SECONDS));
    assert_eq!(claimed(&answers, &another).await, LeaseOutcome::Acquired);
    assert!(!keeps(&answers, "k", 1, b"of yesterday").await);
    assert!(keeps(&answers, "k", 2, b"a chair").await);
    let told = claimed(&answers, &claim_of(2, "k", 3, before(2 * KEY_LIFETIME_SECONDS))).await;
    assert_eq!(
        told,
        LeaseOutcome::Answered(b"a chair".to_vec()),
        "it has a day of its own"
    );

    let another = claim_of(2, "claimed", 2, after(KEY_LIFETIME_SECONDS));
    assert_eq!(claimed(&answers, &another).await, LeaseOutcome::Acquired);
}

/// A step takes away no more than it may, the oldest first, and nothing that is known.
pub async fn keys_whose_time_has_passed_are_taken_away_in_bounded_steps(db: Db) {
    let answers = db.open().await.idempotency;
    let forget = async |now, limit| answers.purge_expired(now, limit).await.expect("an answer");
    assert_eq!(forget(after(0), 10).await, 0);
    // In no order, so that the first to go are not the first to have come.
    for at in [3, 0, 6, 2, 5, 1, 4] {
        answered(&answers, &format!("k-{at}"), after(at), b"a lamp").await;
    }
    let day = KEY_LIFETIME_SECONDS;
    assert_eq!(forget(before(day), 10).await, 0);
    assert_eq!(forget(after(day + 4), 2).await, 2);
    // Those of the first two seconds have gone: their keepers find nothing any more. The third stands, though not for long.
    let told = claimed(&answers, &claim("k-2", 2, before(day + 2))).await;
    assert_eq!(told, LeaseOutcome::Answered(b"a lamp".to_vec()));
    for gone in ["k-0", "k-1"] {
        assert_eq!(
            claimed(&answers, &claim(gone, 2, after(1))).await,
            LeaseOutcome::Acquired,
            "{gone}"
        );
        gives_back(&answers, gone, 2).await;
    }
    assert_eq!(forget(after(day + 4), 2).await, 2);
    assert_eq!(forget(after(day + 4), 2).await, 1);
    assert_eq!(forget(after(day + 4), 2).await, 0);
    for left in ["k-5", "k-6"] {
        let told = claimed(&answers, &claim(left, 2, after(day + 4))).await;
        assert_eq!(told, LeaseOutcome::Answered(b"a lamp".to_vec()), "{left}");
    }
    // A claim that was never answered goes as well.
    assert_eq!(
        claimed(&answers, &claim("claimed", 1, after(5))).await,
        LeaseOutcome::Acquired
    );
    assert_eq!(forget(after(day + 6), 10).await, 3);
}

/// Two instances, twenty callers who send the same thing at the same time.
pub async fn of_twenty_who_claim_a_key_at_once_one_wins(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    for round in 0..10 {
        let text = format!("k-{round}");
        let told = race(&instances, (0..20).map(|who| claim(&text, who, after(0))).collect()).await;
        assert_eq!(won(&told), 1, "{told:?}");
        assert!(
            told.iter()
                .all(|told| matches!(told, LeaseOutcome::Acquired | LeaseOutcome::InProgress)),
            "{told:?}"
        );
    }
}

/// The same when a claim of before has lapsed, when its day has passed, and while somebody sweeps.
pub async fn of_twenty_who_find_a_key_left_behind_one_wins(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    let times = [
        after(LEASE_SECONDS),
        after(KEY_LIFETIME_SECONDS),
        after(2 * KEY_LIFETIME_SECONDS),
    ];
    assert_eq!(
        claimed(&instances[0], &claim("k", 99, after(0))).await,
        LeaseOutcome::Acquired
    );
    for (round, now) in times.into_iter().enumerate() {
        let sweeping = instances[round % 2].clone();
        let sweeping = tokio::spawn(async move { sweeping.purge_expired(now, 10).await });
        let told = race(&instances, (0..20).map(|who| claim("k", who, now)).collect()).await;
        assert_eq!(won(&told), 1, "{told:?}");
        assert!(
            told.iter()
                .all(|told| matches!(told, LeaseOutcome::Acquired | LeaseOutcome::InProgress)),
            "{told:?}"
        );
        sweeping.await.expect("it sweeps").expect("an answer");
    }
}

/// Of two calls that meet under one key one is served, and the other is told that it is another.
pub async fn of_two_calls_that_claim_one_key_at_once_one_is_told_that_it_is_another(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    for round in 0..10 {
        let text = format!("k-{round}");
        let claims = vec![claim_of(1, &text, 1, after(0)), claim_of(2, &text, 2, after(0))];
        let told = race(&instances, claims).await;
        assert_eq!(won(&told), 1, "{told:?}");
        assert!(told.contains(&LeaseOutcome::Mismatch), "{told:?}");
    }
}

/// Many calls at once, each under a key of its own: all are served, and each hears its own answer.
pub async fn many_keys_at_once_do_not_get_into_each_others_way(db: Db) {
    let instances = [db.open().await.idempotency, db.open().await.idempotency];
    let told = race(
        &instances,
        (0..100).map(|who| claim(&format!("k-{who}"), who, after(0))).collect(),
    )
    .await;
    assert_eq!(won(&told), 100);
    let keeping: Vec<_> = (0..100_u8)
        .map(|who| {
            let answers = instances[usize::from(who) % 2].clone();
            tokio::spawn(async move { keeps(&answers, &format!("k-{who}"), who, &[who]).await })
        })
        .collect();
    for kept in keeping {
        assert!(kept.await.expect("it is answered"));
    }
    let told = race(
        &instances,
        (0..100).map(|who| claim(&format!("k-{who}"), 200, after(0))).collect(),
    )
    .await;
    let heard: BTreeSet<Vec<u8>> = told
        .into_iter()
        .map(|told| match told {
            LeaseOutcome::Answered(answer) => answer,
            other => unreachable!("{other:?}"),
        })
        .collect();
    assert_eq!(heard, (0..100).map(|who| vec![who]).collect());
}

/// Whatever an answer is made of, and however long it is, and however long its key.
pub async fn an_answer_of_any_bytes_comes_back_as_it_was(db: Db) {
    let answers = db.open().await.idempotency;
    let long: Vec<u8> = (0..1024 * 1024).map(|at: u32| at.to_le_bytes()[0]).collect();
    let longest_key = "~".repeat(255);
    let cases: [(&str, &[u8]); 4] = [
        ("empty", b""),
        ("a'b\"c\\d%?", b"\0\xff\n?"),
        ("long", &long),
        (&longest_key, b"a lamp"),
    ];
    for (text, answer) in cases {
        answered(&answers, text, after(0), answer).await;
        let told = claimed(&answers, &claim(text, 2, after(1))).await;
        assert!(told == LeaseOutcome::Answered(answer.to_vec()), "{text}");
    }
}

/// What was kept outlasts whoever kept it.
pub async fn answers_stand_when_the_books_are_opened_again(db: Db) {
    let first = db.open().await.idempotency;
    answered(&first, "k", after(0), b"a lamp").await;
    assert_eq!(
        claimed(&first, &claim("left", 1, after(0))).await,
        LeaseOutcome::Acquired
    );
    drop(first);
    let again = db.open().await.idempotency;
    let told = claimed(&again, &claim("k", 2, after(1))).await;
    assert_eq!(told, LeaseOutcome::Answered(b"a lamp".to_vec()));
    assert_eq!(
        claimed(&again, &claim("left", 2, after(1))).await,
        LeaseOutcome::InProgress
    );
    assert_eq!(
        claimed(&again, &claim("left", 2, after(LEASE_SECONDS))).await,
        LeaseOutcome::Acquired
    );
}
