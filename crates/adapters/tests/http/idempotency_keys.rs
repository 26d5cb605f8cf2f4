//! Calls with an `Idempotency-Key` that fail, or whose clients leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use async_trait::async_trait;
use earmark_adapters::http::ANYBODY;
use earmark_adapters::memory::MemoryStore;
use earmark_application::{
    Decide, Decided, Fingerprint, IdempotencyKey, IdempotencyStore, LEASE_SECONDS, LeaseOutcome, LeaseRequest,
    LeaseToken, Principal, Roles, Store, StoreError,
};
use earmark_domain::Scope;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::shop::{Answer, Shop, opening};

const KEY: &str = "idempotency-key";

/// How a transaction fails.
#[derive(Clone, Copy)]
enum Failure {
    Unavailable,
    Corrupt,
}

/// A store in memory whose transactions fail or wait as a test demands.
#[derive(Default)]
struct ScriptedStore {
    inner: MemoryStore,
    /// The failures of the next transactions.
    failures: std::sync::Mutex<Vec<Failure>>,
    /// Where transactions wait, if they do.
    gate: Option<Semaphore>,
    reached: Notify,
    /// How often the idempotency store was called.
    key_calls: AtomicUsize,
    /// Whether the idempotency store is unavailable.
    keys_unavailable: bool,
}

impl ScriptedStore {
    fn gated() -> Self {
        Self {
            gate: Some(Semaphore::new(0)),
            ..Self::default()
        }
    }

    async fn shop(self: &Arc<Self>) -> Shop {
        Shop::with(self.inner.clone(), self.clone(), self.clone()).await
    }
}

#[async_trait]
impl Store for ScriptedStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        if let Some(gate) = &self.gate {
            self.reached.notify_one();
            let _passed = gate.acquire().await.expect("it is never closed");
        }
        let failure = self.failures.lock().expect("the lock is not poisoned").pop();
        match failure {
            None => self.inner.transact(scope, decide).await,
            Some(Failure::Unavailable) => Err(StoreError::Unavailable("connection refused".to_owned())),
            Some(Failure::Corrupt) => Err(StoreError::Corrupt("a page is missing".to_owned())),
        }
    }
}

#[async_trait]
impl IdempotencyStore for ScriptedStore {
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        self.key_calls.fetch_add(1, Ordering::Relaxed);
        if self.keys_unavailable {
            return Err(StoreError::Unavailable("connection refused".to_owned()));
        }
        self.inner.acquire(request).await
    }

    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        self.key_calls.fetch_add(1, Ordering::Relaxed);
        self.inner.complete(key, token, answer).await
    }

    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        self.key_calls.fetch_add(1, Ordering::Relaxed);
        self.inner.release(key, token).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge_expired(now, limit).await
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

fn essence(answer: &Answer) -> (StatusCode, Option<&str>, Option<&str>, &str) {
    (
        answer.status,
        answer.header("content-type"),
        answer.header("location"),
        answer.text(),
    )
}

/// The lease of another process that never answers, acquired so many seconds ago.
async fn leased_elsewhere(store: &MemoryStore, key: &str, seconds_ago: i64) -> LeaseRequest {
    let now = opening() - SignedDuration::from_secs(seconds_ago);
    let request = LeaseRequest::at(
        now,
        // As a key of everybody: no access key was made.
        IdempotencyKey::new(key)
            .expect("a key")
            .of(&Principal::new(ANYBODY, Roles::ALL)),
        fingerprint(),
        LeaseToken([7; 16]),
    );
    assert_eq!(
        store.acquire(&request).await.expect("an answer"),
        LeaseOutcome::Acquired
    );
    request
}

/// The fingerprint of `create(_, _, "B1")`: SHA-256 of its method, path, query, condition and body, each behind its
/// length in eight bytes.
fn fingerprint() -> Fingerprint {
    let hex = "9e18124a9fc172cd3599304dd58a1157e13aaacec43661901362a2098091cd1f";
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("a byte");
    Fingerprint(std::array::from_fn(byte))
}

#[actix_web::test]
async fn a_failure_of_the_service_is_not_stored_and_a_retry_runs() {
    for (failure, status) in [
        (Failure::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
        (Failure::Corrupt, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let store = Arc::new(ScriptedStore::default());
        let shop = store.shop().await;
        store.failures.lock().expect("the lock is not poisoned").push(failure);
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
async fn a_client_that_leaves_during_its_command_gets_the_answer_on_a_retry() {
    let store = Arc::new(ScriptedStore::gated());
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
    assert_eq!(essence(&create(&shop, "k", "B1").await), essence(&first));
}

#[actix_web::test]
async fn concurrent_calls_run_once_and_all_get_the_same_answer() {
    let store = Arc::new(ScriptedStore::gated());
    let shop = store.shop().await;
    let calls = futures::future::join_all((0..20).map(|_| create(&shop, "k", "B1")));
    let opened = async {
        store.reached.notified().await;
        store.gate.as_ref().expect("a gate").add_permits(1);
    };
    let (answers, ()) = futures::join!(calls, opened);
    for answer in &answers {
        assert_eq!(essence(answer), essence(&answers[0]));
        assert_eq!(answer.status, StatusCode::CREATED);
    }
}

#[actix_web::test]
async fn a_call_waits_for_the_answer_of_another_process() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::with((*store).clone(), store.clone(), store.clone()).await;
    let lease = leased_elsewhere(&store, "k", 0).await;
    let mut call = Box::pin(create(&shop, "k", "B1"));
    for _ in 0..100 {
        assert!(futures::poll!(&mut call).is_pending(), "it waits");
        tokio::task::yield_now().await;
    }
    let stored =
        b"{\"status\":201,\"headers\":[[\"content-type\",\"application/json\"],[\"etag\",\"\\\"1\\\"\"]]}\n{ }";
    assert!(
        store
            .complete(&lease.key, lease.token, stored)
            .await
            .expect("an answer")
    );
    let answer = call.await;
    assert_eq!((answer.status, answer.text()), (StatusCode::CREATED, "{ }"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(
        shop.get("/v1/batches/B1").await.code(),
        "unknown_batch",
        "nothing ran here"
    );
}

#[actix_web::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test measures by the runtime's clock, which it has paused"
)]
async fn a_call_waits_three_seconds_for_another_process_which_may_have_crashed() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::with((*store).clone(), store.clone(), store.clone()).await;
    leased_elsewhere(&store, "k", 0).await;
    // From here on the runtime's clock advances whenever there is nothing else to do.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    // The first waits for the other process, the second for the first.
    let (one, two) = futures::join!(create(&shop, "k", "B1"), create(&shop, "k", "B1"));
    assert_eq!(began.elapsed().as_secs(), 3);
    for answer in [one, two] {
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(answer.code(), "idempotency_key_in_use");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[actix_web::test]
async fn a_service_that_drains_does_not_wait_for_another_process() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::with((*store).clone(), store.clone(), store.clone()).await;
    leased_elsewhere(&store, "k", 0).await;
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
async fn a_call_of_a_crashed_process_runs_again_when_its_lease_has_ended() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::with((*store).clone(), store.clone(), store.clone()).await;
    // The command was stored, and then the process died.
    shop.stock("B1", "LAMP", 10).await;
    leased_elsewhere(&store, "k", LEASE_SECONDS).await;
    let again = create(&shop, "k", "B1").await;
    assert_eq!(again.status, StatusCode::OK, "it exists, by its natural key");
    assert_eq!(
        essence(&create(&shop, "k", "B1").await),
        essence(&again),
        "this answer is stored"
    );
}

#[actix_web::test]
async fn a_request_without_a_key_does_not_call_the_idempotency_store() {
    let store = Arc::new(ScriptedStore {
        keys_unavailable: true,
        ..ScriptedStore::default()
    });
    let shop = store.shop().await;
    shop.stock("B1", "LAMP", 10).await;
    assert_eq!(store.key_calls.load(Ordering::Relaxed), 0);
    let unanswered = create(&shop, "k", "B2").await;
    assert_eq!(
        (unanswered.status, unanswered.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable".to_owned())
    );
    assert_eq!(
        shop.get("/v1/batches/B2").await.code(),
        "unknown_batch",
        "without a lease the command is not run"
    );
}

#[actix_web::test]
async fn a_key_is_ignored_where_nothing_is_changed_and_where_there_is_no_such_call() {
    let store = Arc::new(ScriptedStore::default());
    let shop = store.shop().await;
    shop.stock("B1", "LAMP", 10).await;
    let table = json!({"ref": "b1", "sku": "TABLE", "qty": 3, "eta": null});
    for (method, uri) in [
        ("GET", "/v1/batches/B1"),
        ("HEAD", "/v1/batches/B1"),
        ("POST", "/v1/nothing"),
        ("PUT", "/v1/batches/B1"),
        ("POST", "/add_batch"),
    ] {
        for key in ["k", "no key at all"] {
            let request = shop.request(method, uri).insert_header((KEY, key)).set_json(&table);
            let answer = shop.send(request).await;
            assert_ne!(answer.status, StatusCode::BAD_REQUEST, "{method} {uri}");
        }
    }
    assert_eq!(store.key_calls.load(Ordering::Relaxed), 0);
    assert_eq!(create(&shop, "k", "B2").await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn a_preview_stores_nothing_under_its_key_and_refuses_one_that_is_not_valid() {
    let store = Arc::new(ScriptedStore::default());
    let shop = store.shop().await;
    let batch = json!({"reference": "B1", "sku": "LAMP", "quantity": 1});
    let preview = |key: &'static str| {
        shop.request("POST", "/v1/batches?preview=true")
            .insert_header((KEY, key))
            .set_json(&batch)
    };
    let refused = shop.send(preview("no key at all")).await;
    assert_eq!(refused.code(), "invalid_idempotency_key");
    assert_eq!(refused.header("x-earmark-preview"), Some("true"));
    assert_eq!(shop.send(preview("k")).await.status, StatusCode::OK);
    assert_eq!(store.key_calls.load(Ordering::Relaxed), 0);
    assert_eq!(create(&shop, "k", "B2").await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn a_stored_answer_says_that_it_was_stored_and_the_first_does_not() {
    let shop = Shop::open().await;
    let first = create(&shop, "k", "B1").await;
    let again = create(&shop, "k", "B1").await;
    assert_eq!((first.status, first.text()), (again.status, again.text()));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_refused_and_leaves_the_key_free() {
    let store = Arc::new(ScriptedStore::default());
    let shop = store.shop().await;
    let oversized = json!({"reference": "x".repeat(1_100_000)});
    let answer = shop.send(post(&shop, "/v1/batches", "k", &oversized)).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large".to_owned())
    );
    assert_eq!(store.key_calls.load(Ordering::Relaxed), 0);
    assert_eq!(create(&shop, "k", "B1").await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn a_stored_answer_that_can_not_be_read_is_a_defect() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::with((*store).clone(), store.clone(), store.clone()).await;
    let lease = leased_elsewhere(&store, "k", 0).await;
    assert!(
        store
            .complete(&lease.key, lease.token, b"no answer")
            .await
            .expect("an answer")
    );
    let answer = create(&shop, "k", "B1").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal".to_owned())
    );
}
