//! Calls with an `Idempotency-Key`, where something goes wrong or somebody goes away amid them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use async_trait::async_trait;
use earmark_adapters::memory::MemoryStore;
use earmark_application::{
    Decide, Decided, Fingerprint, IdempotencyKey, IdempotencyStore, LEASE_SECONDS, LeaseOutcome, LeaseRequest,
    LeaseToken, Store, StoreError,
};
use earmark_domain::{OrderId, Scope, Sku};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::shop::{Answer, Shop, opening};

const KEY: &str = "idempotency-key";

/// How a store fails.
#[derive(Clone, Copy)]
enum Mood {
    Good,
    Away,
    Broken,
}

/// A store in memory that does as it is told, at the times it is told.
#[derive(Default)]
struct Moody {
    books: MemoryStore,
    /// The next transactions fail so.
    moods: std::sync::Mutex<Vec<Mood>>,
    /// Where transactions wait, if anywhere.
    gate: Option<Semaphore>,
    reached: Notify,
    /// How often answers were claimed, kept or given back.
    remembered: AtomicUsize,
    /// Whether it answers no claim.
    mute: bool,
}

impl Moody {
    fn gated() -> Self {
        Self {
            gate: Some(Semaphore::new(0)),
            ..Self::default()
        }
    }

    async fn shop(self: &Arc<Self>) -> Shop {
        Shop::with(self.books.clone(), self.clone(), self.clone()).await
    }
}

#[async_trait]
impl Store for Moody {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        if let Some(gate) = &self.gate {
            self.reached.notify_one();
            let _passed = gate.acquire().await.expect("it is never closed");
        }
        let mood = self.moods.lock().expect("nobody panicked").pop().unwrap_or(Mood::Good);
        match mood {
            Mood::Good => self.books.transact(scope, decide).await,
            Mood::Away => Err(StoreError::Unavailable("gone for lunch".to_owned())),
            Mood::Broken => Err(StoreError::Corrupt("a page is missing".to_owned())),
        }
    }

    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, StoreError> {
        self.books.due_orders(skus, now, limit).await
    }
}

#[async_trait]
impl IdempotencyStore for Moody {
    async fn claim(&self, claim: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        self.remembered.fetch_add(1, Ordering::Relaxed);
        if self.mute {
            return Err(StoreError::Unavailable("gone for lunch".to_owned()));
        }
        self.books.claim(claim).await
    }

    async fn keep(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        self.remembered.fetch_add(1, Ordering::Relaxed);
        self.books.keep(key, token, answer).await
    }

    async fn release_key(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        self.remembered.fetch_add(1, Ordering::Relaxed);
        self.books.release_key(key, token).await
    }

    async fn forget(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.books.forget(now, limit).await
    }
}

fn batch(reference: &str) -> Value {
    json!({"reference": reference, "sku": "LAMP", "quantity": 10})
}

/// A POST with a key.
fn post(shop: &Shop, uri: &str, key: &str, body: &Value) -> TestRequest {
    shop.request("POST", uri).insert_header((KEY, key)).set_json(body)
}

async fn create(shop: &Shop, key: &str, reference: &str) -> Answer {
    shop.send(post(shop, "/v1/batches", key, &batch(reference))).await
}

fn told(answer: &Answer) -> (StatusCode, Option<&str>, Option<&str>, &str) {
    (
        answer.status,
        answer.header("content-type"),
        answer.header("location"),
        answer.text(),
    )
}

/// The claim of a process that nobody hears of any more, made so many seconds ago.
async fn claimed_elsewhere(books: &MemoryStore, key: &str, seconds_ago: i64) -> LeaseRequest {
    let now = opening() - SignedDuration::from_secs(seconds_ago);
    let claim = LeaseRequest::made(
        now,
        IdempotencyKey::new(key).expect("a key"),
        fingerprint(),
        LeaseToken([7; 16]),
    );
    assert_eq!(books.claim(&claim).await.expect("an answer"), LeaseOutcome::Won);
    claim
}

/// That of `create(_, _, "B1")`: SHA-256 of its method, path, query, condition and body, each behind its length in eight bytes.
fn fingerprint() -> Fingerprint {
    let hex = "9e18124a9fc172cd3599304dd58a1157e13aaacec43661901362a2098091cd1f";
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("a byte");
    Fingerprint(std::array::from_fn(byte))
}

#[actix_web::test]
async fn what_the_service_could_not_do_is_not_kept_and_a_retry_runs() {
    for (mood, status) in [
        (Mood::Away, StatusCode::SERVICE_UNAVAILABLE),
        (Mood::Broken, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let store = Arc::new(Moody::default());
        let shop = store.shop().await;
        store.moods.lock().expect("nobody panicked").push(mood);
        assert_eq!(create(&shop, "k", "B1").await.status, status);
        assert_eq!(
            create(&shop, "k", "B2").await.status,
            StatusCode::CREATED,
            "the key was free"
        );
        let other = create(&shop, "k", "B1").await;
        assert_eq!(other.code(), "idempotency_key_reused");
    }
}

#[actix_web::test]
async fn a_client_that_leaves_while_its_command_runs_finds_the_answer_when_it_comes_back() {
    let store = Arc::new(Moody::gated());
    let shop = store.shop().await;
    let mut call = Box::pin(create(&shop, "k", "B1"));
    tokio::select! {
        _ = &mut call => unreachable!("the gate is closed"),
        () = store.reached.notified() => {}
    }
    drop(call);
    let mut again = Box::pin(create(&shop, "k", "B1"));
    assert!(futures::poll!(&mut again).is_pending(), "it waits for the first");
    store.gate.as_ref().expect("a gate").add_permits(1);
    let first = again.await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.header("location"), Some("/v1/batches/B1"));
    assert_eq!(told(&create(&shop, "k", "B1").await), told(&first));
}

#[actix_web::test]
async fn many_at_once_run_once_and_all_hear_the_same() {
    let store = Arc::new(Moody::gated());
    let shop = store.shop().await;
    let calls = futures::future::join_all((0..20).map(|_| create(&shop, "k", "B1")));
    let opened = async {
        store.reached.notified().await;
        store.gate.as_ref().expect("a gate").add_permits(1);
    };
    let (answers, ()) = futures::join!(calls, opened);
    for answer in &answers {
        assert_eq!(told(answer), told(&answers[0]));
        assert_eq!(answer.status, StatusCode::CREATED);
    }
}

#[actix_web::test]
async fn the_answer_of_another_process_is_waited_for() {
    let books = MemoryStore::new();
    let store = Arc::new(books.clone());
    let shop = Shop::with(books.clone(), store.clone(), store).await;
    let claim = claimed_elsewhere(&books, "k", 0).await;
    let mut call = Box::pin(create(&shop, "k", "B1"));
    for _ in 0..100 {
        assert!(futures::poll!(&mut call).is_pending(), "it waits");
        tokio::task::yield_now().await;
    }
    let answer =
        b"{\"status\":201,\"headers\":[[\"content-type\",\"application/json\"],[\"etag\",\"\\\"1\\\"\"]]}\n{ }";
    assert!(books.keep(&claim.key, claim.token, answer).await.expect("an answer"));
    let heard = call.await;
    assert_eq!((heard.status, heard.text()), (StatusCode::CREATED, "{ }"));
    assert_eq!(heard.header("content-type"), Some("application/json"));
    assert_eq!(heard.header("etag"), Some("\"1\""));
    assert!(heard.header("x-request-id").is_some());
    assert_eq!(
        shop.get("/v1/batches/B1").await.code(),
        "unknown_batch",
        "nothing ran here"
    );
}

#[actix_web::test]
async fn an_answer_that_does_not_come_is_not_waited_for_for_ever() {
    let books = MemoryStore::new();
    let store = Arc::new(books.clone());
    let shop = Shop::with(books.clone(), store.clone(), store).await;
    claimed_elsewhere(&books, "k", 0).await;
    // From here on an hour passes as soon as there is nothing else to do.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    // One waits for the other process, the second for the first.
    let (one, two) = futures::join!(create(&shop, "k", "B1"), create(&shop, "k", "B1"));
    assert_eq!(began.elapsed().as_secs(), 30);
    for answer in [one, two] {
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(answer.code(), "idempotency_key_in_use");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[actix_web::test]
async fn a_service_that_drains_does_not_stay_for_the_answer_of_another() {
    let books = MemoryStore::new();
    let store = Arc::new(books.clone());
    let shop = Shop::with(books.clone(), store.clone(), store).await;
    claimed_elsewhere(&books, "k", 0).await;
    let mut call = Box::pin(create(&shop, "k", "B1"));
    assert!(futures::poll!(&mut call).is_pending(), "it waits");
    shop.readiness.drain();
    let answer = call.await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "shutting_down".to_owned())
    );
}

#[actix_web::test]
async fn what_a_crash_left_behind_is_run_again_when_its_lease_is_over() {
    let books = MemoryStore::new();
    let store = Arc::new(books.clone());
    let shop = Shop::with(books.clone(), store.clone(), store).await;
    // The command was stored, and then the process died.
    shop.stock("B1", "LAMP", 10).await;
    claimed_elsewhere(&books, "k", LEASE_SECONDS).await;
    let again = create(&shop, "k", "B1").await;
    assert_eq!(again.status, StatusCode::OK, "it is there already, by its natural key");
    assert_eq!(
        told(&create(&shop, "k", "B1").await),
        told(&again),
        "this answer is kept"
    );
}

#[actix_web::test]
async fn a_request_without_a_key_asks_nothing_of_those_who_remember() {
    let store = Arc::new(Moody {
        mute: true,
        ..Moody::default()
    });
    let shop = store.shop().await;
    shop.stock("B1", "LAMP", 10).await;
    assert_eq!(store.remembered.load(Ordering::Relaxed), 0);
    let unanswered = create(&shop, "k", "B2").await;
    assert_eq!(
        (unanswered.status, unanswered.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable".to_owned())
    );
    assert_eq!(
        shop.get("/v1/batches/B2").await.code(),
        "unknown_batch",
        "what could not be claimed is not run"
    );
}

#[actix_web::test]
async fn the_key_says_nothing_where_nothing_is_changed_and_where_there_is_no_such_call() {
    let store = Arc::new(Moody::default());
    let shop = store.shop().await;
    shop.stock("B1", "LAMP", 10).await;
    let table = json!({"ref": "b1", "sku": "TABLE", "qty": 3, "eta": null});
    for (method, uri) in [
        ("GET", "/v1/batches/B1"),
        ("HEAD", "/v1/batches/B1"),
        ("POST", "/v1/nothing"),
        ("PUT", "/v1/batches/B1"),
        ("POST", "/add_batch"),
        ("POST", "/v1/batches?preview=true"),
    ] {
        for key in ["k", "no key at all"] {
            let request = shop.request(method, uri).insert_header((KEY, key)).set_json(&table);
            let answer = shop.send(request).await;
            assert_ne!(answer.status, StatusCode::BAD_REQUEST, "{method} {uri}");
        }
    }
    assert_eq!(store.remembered.load(Ordering::Relaxed), 0);
    assert_eq!(create(&shop, "k", "B2").await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_told_so_and_leaves_the_key_free() {
    let store = Arc::new(Moody::default());
    let shop = store.shop().await;
    let oversized = json!({"reference": "x".repeat(1_100_000)});
    let answer = shop.send(post(&shop, "/v1/batches", "k", &oversized)).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large".to_owned())
    );
    assert_eq!(store.remembered.load(Ordering::Relaxed), 0);
    assert_eq!(create(&shop, "k", "B1").await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn an_answer_that_somebody_has_forged_is_a_defect() {
    let books = MemoryStore::new();
    let store = Arc::new(books.clone());
    let shop = Shop::with(books.clone(), store.clone(), store).await;
    let claim = claimed_elsewhere(&books, "k", 0).await;
    assert!(
        books
            .keep(&claim.key, claim.token, b"no answer")
            .await
            .expect("an answer")
    );
    let answer = create(&shop, "k", "B1").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal".to_owned())
    );
}
