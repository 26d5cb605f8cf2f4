//! Calls with an `Idempotency-Key`: sent again, they get the first answer.

use earmark_adapters::clock::SystemClock;
use earmark_adapters::http::ANYBODY;
use earmark_application::{
    Clock, Fingerprint, IdempotencyKey, IdempotencyStore, LEASE_SECONDS, LeaseOutcome, LeaseRequest, LeaseToken,
    Principal, Roles,
};
use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, Reply, Service, until};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{line, on_shortage, order};

/// The header.
const KEY: &str = "idempotency-key";

async fn call(client: &Client, method: Method, path: &str, key: &str, body: impl Into<Vec<u8>>) -> Reply {
    let headers = [("content-type", "application/json"), (KEY, key)];
    client.send(method, path, &headers, body).await
}

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Reply {
    call(client, Method::POST, path, key, body.to_string()).await
}

fn batch(reference: &str, sku: &str, quantity: u64) -> Value {
    json!({"reference": reference, "sku": sku, "quantity": quantity})
}

fn allocation(order: &str, sku: &str, quantity: u64) -> Value {
    json!({"order_id": order, "sku": sku, "quantity": quantity})
}

/// Asserts that two answers are the same, byte for byte.
#[track_caller]
fn assert_same(again: &Reply, first: &Reply) {
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    for header in ["content-type", "location", "etag", "content-length"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    let others = |reply: &Reply| {
        let names = reply.headers.keys().filter(|name| *name != "idempotent-replayed");
        names.count()
    };
    assert_eq!(others(first), others(again));
}

async fn a_repeated_call_gets_the_first_answer_whatever_has_changed(desk: Desk) {
    let created = post(&desk, "/v1/batches", "batch", &batch("B 1", "LAMP", 10)).await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, Some("/v1/batches/B%201"))
    );
    let allocated = post(&desk, "/v1/allocations", "line", &allocation("o1", "LAMP", 3)).await;
    assert_eq!(allocated.status, 201);
    let waiting = on_shortage(order("o2", &[line("LAMP", 20)]), "backorder");
    let placed = post(&desk, "/v1/orders", "order", &waiting).await;
    assert_eq!(placed.status, 201);
    let waits = json!({"order_id": "o3", "sku": "LAMP", "quantity": 30, "on_shortage": "backorder"});
    let accepted = post(&desk, "/v1/allocations", "waiting-line", &waits).await;
    assert_eq!(accepted.status, 202);
    let named = call(&desk, Method::PUT, "/v1/products/LAMP", "name", r#"{"name": "Lamp"}"#).await;
    assert_eq!(named.status, 200);
    assert!(named.header("etag").is_some());
    let counted = call(&desk, Method::PATCH, "/v1/batches/B%201", "count", r#"{"quantity": 5}"#).await;
    assert_eq!(counted.status, 200);
    let cancelled = call(&desk, Method::DELETE, "/v1/orders/o1/lines/LAMP", "cancel-line", "").await;
    assert_eq!(cancelled.status, 200);
    let gone = call(&desk, Method::DELETE, "/v1/orders/o2", "cancel-order", "").await;
    assert_eq!(gone.status, 200);

    let stored = desk.state().await;
    assert_same(
        &post(&desk, "/v1/batches", "batch", &batch("B 1", "LAMP", 10)).await,
        &created,
    );
    assert_same(
        &post(&desk, "/v1/allocations", "line", &allocation("o1", "LAMP", 3)).await,
        &allocated,
    );
    assert_same(&post(&desk, "/v1/orders", "order", &waiting).await, &placed);
    assert_same(&post(&desk, "/v1/allocations", "waiting-line", &waits).await, &accepted);
    let again = call(&desk, Method::PUT, "/v1/products/LAMP", "name", r#"{"name": "Lamp"}"#).await;
    assert_same(&again, &named);
    let again = call(&desk, Method::PATCH, "/v1/batches/B%201", "count", r#"{"quantity": 5}"#).await;
    assert_same(&again, &counted);
    let again = call(&desk, Method::DELETE, "/v1/orders/o1/lines/LAMP", "cancel-line", "").await;
    assert_same(&again, &cancelled);
    assert_same(
        &call(&desk, Method::DELETE, "/v1/orders/o2", "cancel-order", "").await,
        &gone,
    );
    assert_eq!(desk.state().await, stored, "nothing was executed twice");

    // Without the key the same request gets the present state: the line was cancelled.
    let now = desk.post("/v1/allocations", &allocation("o1", "LAMP", 3)).await;
    let _ = now.refuses(409, "line_ended");
}

async fn a_refusal_is_repeated_under_its_key(desk: Desk) {
    let missing = post(&desk, "/v1/allocations", "early", &allocation("o1", "LAMP", 1)).await;
    let _ = missing.refuses(404, "unknown_sku");
    desk.buy("B1", "LAMP", 1).await;
    assert_same(
        &post(&desk, "/v1/allocations", "early", &allocation("o1", "LAMP", 1)).await,
        &missing,
    );

    let short = post(&desk, "/v1/allocations", "large", &allocation("o1", "LAMP", 5)).await;
    let _ = short.refuses(409, "out_of_stock");
    desk.buy("B2", "LAMP", 5).await;
    assert_same(
        &post(&desk, "/v1/allocations", "large", &allocation("o1", "LAMP", 5)).await,
        &short,
    );

    let invalid = post(&desk, "/v1/allocations", "bad", &allocation("o1", "LAMP", 0)).await;
    assert_eq!(invalid.fields_at_fault(), ["quantity"]);
    assert_same(
        &post(&desk, "/v1/allocations", "bad", &allocation("o1", "LAMP", 0)).await,
        &invalid,
    );
    let malformed = call(&desk, Method::POST, "/v1/orders", "worse", "{").await;
    let _ = malformed.refuses(400, "malformed_json");
    assert_same(&call(&desk, Method::POST, "/v1/orders", "worse", "{").await, &malformed);

    let _ = desk.get("/v1/orders/o1").await.refuses(404, "unknown_order");
    let under_a_new_key = post(&desk, "/v1/allocations", "later", &allocation("o1", "LAMP", 5)).await;
    assert_eq!(under_a_new_key.status, 201);
}

async fn a_key_of_another_request_is_refused_and_nothing_is_executed(desk: Desk) {
    let created = post(&desk, "/v1/batches", "k", &batch("B1", "LAMP", 10)).await;
    assert_eq!(created.status, 201);
    let stored = desk.state().await;
    let same = batch("B1", "LAMP", 10).to_string();
    for (method, path, body) in [
        (Method::POST, "/v1/batches", batch("B2", "LAMP", 10).to_string()),
        (Method::POST, "/v1/batches", format!("{same} ")),
        (Method::POST, "/v1/batches?x=y", same.clone()),
        (Method::POST, "/v1/orders", same.clone()),
        (Method::PATCH, "/v1/batches/B1", r#"{"quantity": 3}"#.to_owned()),
        (Method::PUT, "/v1/products/LAMP", r#"{"name": "Lamp"}"#.to_owned()),
        (Method::DELETE, "/v1/orders/o1", String::new()),
    ] {
        let reply = call(&desk, method, path, "k", body).await;
        let _ = reply.refuses(422, "idempotency_key_reused");
    }
    assert_eq!(desk.state().await, stored);
    assert_same(&call(&desk, Method::POST, "/v1/batches", "k", same).await, &created);
}

async fn concurrent_calls_under_one_key_run_once_and_get_the_same_answer(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    for round in 0..5 {
        let key = format!("k-{round}");
        let line = allocation(&format!("o{round}"), "LAMP", 1);
        let callers: Vec<_> = (0..16)
            .map(|_| {
                let (client, key, line) = (desk.client.clone(), key.clone(), line.clone());
                tokio::spawn(async move { post(&client, "/v1/allocations", &key, &line).await })
            })
            .collect();
        let mut replies = Vec::new();
        for caller in callers {
            replies.push(caller.await.expect("a caller is answered"));
        }
        for reply in &replies {
            assert_eq!(reply.status, 201, "{}", reply.text());
            assert_same(reply, &replies[0]);
        }
    }
    assert_eq!(desk.product("LAMP").await["available"], 95);
}

async fn two_services_give_the_same_answer_under_one_key(desk: Desk) {
    let other = Service::start(&desk.db.url()).await;
    desk.buy("B1", "LAMP", 100).await;
    for at in 0..20 {
        let key = format!("k-{at}");
        let line = allocation(&format!("o{at}"), "LAMP", 1);
        let (here, there) = (desk.service.client(), other.client());
        let (one, two) = tokio::join!(
            post(&here, "/v1/allocations", &key, &line),
            post(&there, "/v1/allocations", &key, &line)
        );
        assert_eq!(one.status, 201, "{}", one.text());
        assert_same(&two, &one);
        let other_line = json!({"order_id": "x", "sku": "LAMP", "quantity": 1});
        let reused = post(&there, "/v1/allocations", &key, &other_line).await;
        let _ = reused.refuses(422, "idempotency_key_reused");
    }
    assert_eq!(desk.product("LAMP").await["available"], 80);
}

async fn a_stored_answer_survives_a_restart(mut desk: Desk) {
    let first = post(&desk, "/v1/batches", "k", &batch("B1", "LAMP", 10)).await;
    assert_eq!(first.status, 201);
    desk.restart().await;
    assert_same(&post(&desk, "/v1/batches", "k", &batch("B1", "LAMP", 10)).await, &first);
}

/// A request, and its fingerprint: the SHA-256 of its method, path, query, condition and body, each behind its length
/// in eight bytes.
const REQUEST: &str = r#"{"quantity":10,"reference":"B1","sku":"LAMP"}"#;
const FINGERPRINT: &str = "9e18124a9fc172cd3599304dd58a1157e13aaacec43661901362a2098091cd1f";

/// The lease of another service on the key `k` for [`REQUEST`], acquired so many seconds ago.
async fn leased_elsewhere(store: &dyn IdempotencyStore, seconds_ago: i64) -> LeaseRequest {
    let byte = |at: usize| u8::from_str_radix(&FINGERPRINT[2 * at..2 * at + 2], 16).expect("a byte");
    let request = LeaseRequest::at(
        SystemClock::new().now() - SignedDuration::from_secs(seconds_ago),
        // As a key of everybody: no access key was made.
        IdempotencyKey::new("k")
            .expect("a key")
            .of(&Principal::new(ANYBODY, Roles::ALL)),
        Fingerprint(std::array::from_fn(byte)),
        LeaseToken([9; 16]),
    );
    assert_eq!(
        store.acquire(&request).await.expect("an answer"),
        LeaseOutcome::Acquired
    );
    request
}

async fn a_call_of_a_crashed_service_runs_again_after_its_lease(desk: Desk) {
    let store = desk.db.open().await.idempotency;
    // The service stored the command and crashed before it answered.
    desk.buy("B1", "LAMP", 10).await;
    let lease = leased_elsewhere(&*store, LEASE_SECONDS).await;
    let events = desk.events().await;
    let again = call(&desk, Method::POST, "/v1/batches", "k", REQUEST).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(
        desk.events().await,
        events,
        "the batch exists already, by its reference"
    );
    assert_same(&call(&desk, Method::POST, "/v1/batches", "k", REQUEST).await, &again);
    let late = store.complete(&lease.key, lease.token, b"late").await;
    assert!(!late.expect("an answer"));
}

async fn a_call_waits_for_the_answer_of_another_service(desk: Desk) {
    let store = desk.db.open().await.idempotency;
    let lease = leased_elsewhere(&*store, 0).await;
    // The stored answer is none that the service would give.
    let client = desk.service.client();
    let waiting = tokio::spawn(async move { call(&client, Method::POST, "/v1/batches", "k", REQUEST).await });
    // A call under another key does not wait.
    let other = post(&desk, "/v1/batches", "other", &batch("B2", "LAMP", 1)).await;
    assert_eq!(other.status, 201);
    let answer = b"{\"status\":201,\"headers\":[[\"content-type\",\"application/json\"]]}\n{\"said\": \"elsewhere\"}";
    let stored = store.complete(&lease.key, lease.token, answer).await;
    assert!(stored.expect("an answer"));
    let repeated = waiting.await.expect("it is answered").answers(201);
    assert_eq!(repeated, json!({"said": "elsewhere"}));
    let _ = desk.get("/v1/batches/B1").await.refuses(404, "unknown_batch");
}

async fn a_client_that_leaves_before_the_answer_gets_it_on_a_retry(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    for at in 0..20 {
        let line = allocation(&format!("o{at}"), "LAMP", 1).to_string();
        let mut leaving = desk.raw().await;
        let headers = format!("content-length: {}\r\n{KEY}: k-{at}\r\n", line.len());
        leaving.begin_post("/v1/allocations", &headers).await;
        leaving.send(line).await;
        drop(leaving);
    }
    for at in 0..20 {
        let line = allocation(&format!("o{at}"), "LAMP", 1);
        let reply = post(&desk, "/v1/allocations", &format!("k-{at}"), &line).await;
        // The first answer, whether it was that to the client that left or this one.
        assert_eq!(reply.status, 201, "{}", reply.text());
    }
    assert_eq!(desk.product("LAMP").await["available"], 80);
}

async fn a_body_that_is_cut_off_leaves_the_key_free(desk: Desk) {
    let mut cut = desk.raw().await;
    cut.begin_post("/v1/batches", &format!("content-length: 500\r\n{KEY}: k\r\n"))
        .await;
    cut.send(batch("B1", "LAMP", 10).to_string()).await;
    cut.hang_up().await;
    drop(cut.rest().await);
    let large = format!("{{\"reference\": \"{}\"}}", "x".repeat(1_100_000));
    let too_large = call(&desk, Method::POST, "/v1/batches", "k", large).await;
    let _ = too_large.refuses(413, "payload_too_large");
    let reply = post(&desk, "/v1/batches", "k", &batch("B1", "LAMP", 10)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
}

async fn a_preview_takes_no_key(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let path = "/v1/allocations?preview=true";
    let _ = post(&desk, path, "k", &allocation("o1", "LAMP", 3)).await;
    let _ = post(&desk, path, "no key at all", &allocation("o1", "LAMP", 4)).await;
    let real = post(&desk, "/v1/allocations", "k", &allocation("o1", "LAMP", 5)).await;
    assert_eq!(real.status, 201, "the key was free: {}", real.text());
}

async fn a_bulk_stream_refuses_a_key_with_the_reason(desk: Desk) {
    let line = json!({"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 1}});
    let headers = [("content-type", "application/x-ndjson"), (KEY, "k")];
    let reply = desk.send(Method::POST, "/v1/bulk", &headers, line.to_string()).await;
    let problem = reply.refuses(400, "idempotency_key_not_supported");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("each of its lines is idempotent by its own key"),
        "{detail}"
    );
    let encoded_path = desk.send(Method::POST, "/v1/bul%6B", &headers, line.to_string()).await;
    let _ = encoded_path.refuses(400, "idempotency_key_not_supported");
    assert_eq!(desk.events().await.len(), 0);
    let reply = post(&desk, "/v1/batche%73", "k", &batch("B1", "LAMP", 1)).await;
    assert_eq!(reply.status, 201, "the key was free");
    assert_same(
        &post(&desk, "/v1/batche%73", "k", &batch("B1", "LAMP", 1)).await,
        &reply,
    );
}

async fn a_key_is_the_same_with_and_without_quotes_and_an_invalid_one_is_refused(desk: Desk) {
    let body = batch("B1", "LAMP", 10);
    let first = post(&desk, "/v1/batches", "\"8e03978e-40d5\"", &body).await;
    assert_eq!(first.status, 201);
    assert_same(&post(&desk, "/v1/batches", "8e03978e-40d5", &body).await, &first);
    let longest = "x".repeat(255);
    let quoted = format!("\"{longest}\"");
    let first = post(&desk, "/v1/batches", &longest, &batch("B2", "LAMP", 10)).await;
    assert_same(
        &post(&desk, "/v1/batches", &quoted, &batch("B2", "LAMP", 10)).await,
        &first,
    );

    let too_long = "x".repeat(256);
    for bad in [
        "",
        "\"\"",
        "\"",
        "\"open",
        "two words",
        "\"two words\"",
        "ümlaut",
        &too_long,
    ] {
        let reply = post(&desk, "/v1/batches", bad, &batch("B3", "LAMP", 10)).await;
        let _ = reply.refuses(400, "invalid_idempotency_key");
    }
    let twice = [("content-type", "application/json"), (KEY, "a"), (KEY, "b")];
    let twice = desk
        .send(Method::POST, "/v1/batches", &twice, batch("B3", "LAMP", 10).to_string())
        .await;
    let _ = twice.refuses(400, "invalid_idempotency_key");
    let _ = desk.get("/v1/batches/B3").await.refuses(404, "unknown_batch");
}

async fn a_key_is_ignored_by_reads_and_by_the_books_api(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let before = desk.send(Method::GET, "/v1/products/LAMP", &[(KEY, "k")], "").await;
    let line = json!({"orderid": "o1", "sku": "LAMP", "qty": 3});
    for _ in 0..2 {
        let reply = post(&desk, "/allocate", "k", &line).await;
        assert_eq!((reply.status, reply.text()), (202, "OK"));
    }
    let after = desk.send(Method::GET, "/v1/products/LAMP", &[(KEY, "k")], "").await;
    assert_ne!(after.text(), before.text());
    let _ = post(&desk, "/v1/nothing", "k", &line).await.refuses(404, "not_found");
    let _ = post(&desk, "/v1/products/LAMP", "k", &line)
        .await
        .refuses(405, "method_not_allowed");
    let free = post(&desk, "/v1/batches", "k", &batch("B2", "LAMP", 1)).await;
    assert_eq!(free.status, 201);
}

async fn expired_keys_are_purged_while_the_service_runs(desk: Desk) {
    /// More than one transaction purges.
    const KEYS: usize = 600;

    let store = desk.db.open().await.idempotency;
    let two_days_ago = SystemClock::new().now() - SignedDuration::from_hours(48);
    let request = |at: usize, token: u8| {
        let key = IdempotencyKey::new(&format!("old-{at}")).expect("a key");
        let later = SignedDuration::from_micros(i64::try_from(at).expect("not many"));
        LeaseRequest::at(two_days_ago + later, key, Fingerprint([1; 32]), LeaseToken([token; 16]))
    };
    for at in 0..KEYS {
        let outcome = store.acquire(&request(at, 1)).await;
        assert_eq!(outcome.expect("an answer"), LeaseOutcome::Acquired);
    }
    // A service purges expired keys when it starts, and then at intervals. The last key to be leased is purged last.
    let _another = Service::start(&desk.db.url()).await;
    let last = request(KEYS - 1, 2);
    until("all are purged", async || {
        // Requested at the time of the first lease, the key is in progress as long as it exists.
        let outcome = store.acquire(&last).await.expect("an answer");
        (outcome == LeaseOutcome::Acquired).then_some(())
    })
    .await;
}

on_each_database! {
    a_repeated_call_gets_the_first_answer_whatever_has_changed,
    a_refusal_is_repeated_under_its_key,
    a_key_of_another_request_is_refused_and_nothing_is_executed,
    concurrent_calls_under_one_key_run_once_and_get_the_same_answer,
    two_services_give_the_same_answer_under_one_key,
    a_stored_answer_survives_a_restart,
    a_call_of_a_crashed_service_runs_again_after_its_lease,
    a_call_waits_for_the_answer_of_another_service,
    a_client_that_leaves_before_the_answer_gets_it_on_a_retry,
    a_body_that_is_cut_off_leaves_the_key_free,
    a_preview_takes_no_key,
    a_bulk_stream_refuses_a_key_with_the_reason,
    a_key_is_the_same_with_and_without_quotes_and_an_invalid_one_is_refused,
    a_key_is_ignored_by_reads_and_by_the_books_api,
    expired_keys_are_purged_while_the_service_runs,
}
