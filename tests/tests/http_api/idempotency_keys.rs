//! Calls that bear an `Idempotency-Key`: sent again, they are answered as they were the first time.

use earmark_adapters::clock::SystemClock;
use earmark_application::{
    Clock, Fingerprint, IdempotencyKey, IdempotencyStore, LEASE_SECONDS, LeaseOutcome, LeaseRequest, LeaseToken,
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

fn wish(order: &str, sku: &str, quantity: u64) -> Value {
    json!({"order_id": order, "sku": sku, "quantity": quantity})
}

/// Holds one answer to be another, to the letter.
#[track_caller]
fn assert_same(again: &Reply, first: &Reply) {
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    for header in ["content-type", "location", "etag", "content-length"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(first.headers.len(), again.headers.len());
}

async fn the_first_answer_is_given_again_to_the_letter_whatever_has_become_of_things(desk: Desk) {
    let created = post(&desk, "/v1/batches", "batch", &batch("B 1", "LAMP", 10)).await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, Some("/v1/batches/B%201"))
    );
    let allocated = post(&desk, "/v1/allocations", "line", &wish("o1", "LAMP", 3)).await;
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

    let books = desk.books().await;
    assert_same(
        &post(&desk, "/v1/batches", "batch", &batch("B 1", "LAMP", 10)).await,
        &created,
    );
    assert_same(
        &post(&desk, "/v1/allocations", "line", &wish("o1", "LAMP", 3)).await,
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
    assert_eq!(desk.books().await, books, "nothing was executed twice");

    // Without the key the same request is answered as things stand now.
    let now = desk.post("/v1/allocations", &wish("o1", "LAMP", 3)).await;
    assert_eq!(now.status, 200);
    assert_ne!(now.text(), allocated.text());
}

async fn what_was_refused_stays_refused_under_its_key(desk: Desk) {
    let missing = post(&desk, "/v1/allocations", "early", &wish("o1", "LAMP", 1)).await;
    let _ = missing.refuses(404, "unknown_sku");
    desk.buy("B1", "LAMP", 1).await;
    assert_same(
        &post(&desk, "/v1/allocations", "early", &wish("o1", "LAMP", 1)).await,
        &missing,
    );

    let short = post(&desk, "/v1/allocations", "large", &wish("o1", "LAMP", 5)).await;
    let _ = short.refuses(409, "out_of_stock");
    desk.buy("B2", "LAMP", 5).await;
    assert_same(
        &post(&desk, "/v1/allocations", "large", &wish("o1", "LAMP", 5)).await,
        &short,
    );

    let invalid = post(&desk, "/v1/allocations", "bad", &wish("o1", "LAMP", 0)).await;
    assert_eq!(invalid.fields_at_fault(), ["quantity"]);
    assert_same(
        &post(&desk, "/v1/allocations", "bad", &wish("o1", "LAMP", 0)).await,
        &invalid,
    );
    let malformed = call(&desk, Method::POST, "/v1/orders", "worse", "{").await;
    let _ = malformed.refuses(400, "malformed_json");
    assert_same(&call(&desk, Method::POST, "/v1/orders", "worse", "{").await, &malformed);

    let _ = desk.get("/v1/orders/o1").await.refuses(404, "unknown_order");
    let under_a_new_key = post(&desk, "/v1/allocations", "later", &wish("o1", "LAMP", 5)).await;
    assert_eq!(under_a_new_key.status, 201);
}

async fn a_key_that_stands_for_another_request_is_refused_and_nothing_is_executed(desk: Desk) {
    let created = post(&desk, "/v1/batches", "k", &batch("B1", "LAMP", 10)).await;
    assert_eq!(created.status, 201);
    let books = desk.books().await;
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
    assert_eq!(desk.books().await, books);
    assert_same(&call(&desk, Method::POST, "/v1/batches", "k", same).await, &created);
}

async fn of_many_who_send_the_same_at_once_one_is_served_and_all_hear_the_same(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    for round in 0..5 {
        let key = format!("k-{round}");
        let wish = wish(&format!("o{round}"), "LAMP", 1);
        let callers: Vec<_> = (0..16)
            .map(|_| {
                let (client, key, wish) = (desk.client.clone(), key.clone(), wish.clone());
                tokio::spawn(async move { post(&client, "/v1/allocations", &key, &wish).await })
            })
            .collect();
        let mut heard = Vec::new();
        for caller in callers {
            heard.push(caller.await.expect("a caller is answered"));
        }
        for reply in &heard {
            assert_eq!(reply.status, 201, "{}", reply.text());
            assert_same(reply, &heard[0]);
        }
    }
    assert_eq!(desk.product("LAMP").await["available"], 95);
}

async fn two_services_give_the_same_answer_to_what_is_sent_to_both(desk: Desk) {
    let other = Service::start(&desk.db.url()).await;
    desk.buy("B1", "LAMP", 100).await;
    for at in 0..20 {
        let key = format!("k-{at}");
        let wish = wish(&format!("o{at}"), "LAMP", 1);
        let (here, there) = (desk.service.client(), other.client());
        let (one, two) = tokio::join!(
            post(&here, "/v1/allocations", &key, &wish),
            post(&there, "/v1/allocations", &key, &wish)
        );
        assert_eq!(one.status, 201, "{}", one.text());
        assert_same(&two, &one);
        let other_wish = json!({"order_id": "x", "sku": "LAMP", "quantity": 1});
        let reused = post(&there, "/v1/allocations", &key, &other_wish).await;
        let _ = reused.refuses(422, "idempotency_key_reused");
    }
    assert_eq!(desk.product("LAMP").await["available"], 80);
}

async fn an_answer_outlasts_the_service_that_gave_it(mut desk: Desk) {
    let first = post(&desk, "/v1/batches", "k", &batch("B1", "LAMP", 10)).await;
    assert_eq!(first.status, 201);
    desk.restart().await;
    assert_same(&post(&desk, "/v1/batches", "k", &batch("B1", "LAMP", 10)).await, &first);
}

/// A request, and what it is called where answers are remembered: the SHA-256 of its method, path, query, condition and body, each
/// behind its length in eight bytes.
const REQUEST: &str = r#"{"quantity":10,"reference":"B1","sku":"LAMP"}"#;
const CALLED: &str = "9e18124a9fc172cd3599304dd58a1157e13aaacec43661901362a2098091cd1f";

/// The claim of another service on the key `k` for [`REQUEST`], made so many seconds ago.
async fn claimed_elsewhere(answers: &dyn IdempotencyStore, seconds_ago: i64) -> LeaseRequest {
    let byte = |at: usize| u8::from_str_radix(&CALLED[2 * at..2 * at + 2], 16).expect("a byte");
    let claim = LeaseRequest::at(
        SystemClock::new().now() - SignedDuration::from_secs(seconds_ago),
        IdempotencyKey::new("k").expect("a key"),
        Fingerprint(std::array::from_fn(byte)),
        LeaseToken([9; 16]),
    );
    assert_eq!(
        answers.acquire(&claim).await.expect("an answer"),
        LeaseOutcome::Acquired
    );
    claim
}

async fn what_a_service_that_died_has_left_claimed_is_run_again_after_its_lease(desk: Desk) {
    let answers = desk.db.open().await.idempotency;
    // It had stored the command, and nobody heard of it.
    desk.buy("B1", "LAMP", 10).await;
    let claim = claimed_elsewhere(&*answers, LEASE_SECONDS).await;
    let events = desk.events().await;
    let again = call(&desk, Method::POST, "/v1/batches", "k", REQUEST).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(
        desk.events().await,
        events,
        "the batch is there already, by its own reference"
    );
    assert_same(&call(&desk, Method::POST, "/v1/batches", "k", REQUEST).await, &again);
    let late = answers.complete(&claim.key, claim.token, b"late").await;
    assert!(!late.expect("an answer"));
}

async fn the_answer_of_another_service_is_waited_for(desk: Desk) {
    let answers = desk.db.open().await.idempotency;
    let claim = claimed_elsewhere(&*answers, 0).await;
    let client = desk.client.clone();
    let waiting = tokio::spawn(async move { call(&client, Method::POST, "/v1/batches", "k", REQUEST).await });
    // One under another key goes its way meanwhile.
    let other = post(&desk, "/v1/batches", "other", &batch("B2", "LAMP", 1)).await;
    assert_eq!(other.status, 201);
    let answer = b"{\"status\":201,\"headers\":[[\"content-type\",\"application/json\"]]}\n{\"said\": \"elsewhere\"}";
    let kept = answers.complete(&claim.key, claim.token, answer).await;
    assert!(kept.expect("an answer"));
    let heard = waiting.await.expect("it is answered").answers(201);
    assert_eq!(heard, json!({"said": "elsewhere"}));
    let _ = desk.get("/v1/batches/B1").await.refuses(404, "unknown_batch");
}

async fn a_client_that_leaves_before_the_answer_hears_it_when_it_comes_back(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    for at in 0..20 {
        let wish = wish(&format!("o{at}"), "LAMP", 1).to_string();
        let mut leaving = desk.raw().await;
        let headers = format!("content-length: {}\r\n{KEY}: k-{at}\r\n", wish.len());
        leaving.begin_post("/v1/allocations", &headers).await;
        leaving.send(wish).await;
        drop(leaving);
    }
    for at in 0..20 {
        let wish = wish(&format!("o{at}"), "LAMP", 1);
        let reply = post(&desk, "/v1/allocations", &format!("k-{at}"), &wish).await;
        // The first answer, whether it was the one to him who left or this one.
        assert_eq!(reply.status, 201, "{}", reply.text());
    }
    assert_eq!(desk.product("LAMP").await["available"], 80);
}

async fn a_body_that_breaks_off_leaves_the_key_free(desk: Desk) {
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
    let _ = post(&desk, path, "k", &wish("o1", "LAMP", 3)).await;
    let _ = post(&desk, path, "no key at all", &wish("o1", "LAMP", 4)).await;
    let real = post(&desk, "/v1/allocations", "k", &wish("o1", "LAMP", 5)).await;
    assert_eq!(real.status, 201, "the key was free: {}", real.text());
}

async fn a_stream_takes_no_key_and_says_why(desk: Desk) {
    let line = json!({"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 1}});
    let headers = [("content-type", "application/x-ndjson"), (KEY, "k")];
    let reply = desk.send(Method::POST, "/v1/bulk", &headers, line.to_string()).await;
    let problem = reply.refuses(400, "idempotency_key_not_supported");
    let told = problem["detail"].as_str().expect("a detail");
    assert!(
        told.contains("each of its lines is idempotent by its own key"),
        "{told}"
    );
    let spelt_oddly = desk.send(Method::POST, "/v1/bul%6B", &headers, line.to_string()).await;
    let _ = spelt_oddly.refuses(400, "idempotency_key_not_supported");
    assert_eq!(desk.events().await.len(), 0);
    let reply = post(&desk, "/v1/batche%73", "k", &batch("B1", "LAMP", 1)).await;
    assert_eq!(reply.status, 201, "the key was free");
    assert_same(
        &post(&desk, "/v1/batche%73", "k", &batch("B1", "LAMP", 1)).await,
        &reply,
    );
}

async fn a_key_is_the_same_bare_and_in_quotes_and_what_is_none_is_told(desk: Desk) {
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

async fn the_key_says_nothing_to_questions_and_in_the_books_own_api(desk: Desk) {
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

async fn answers_whose_day_has_passed_are_swept_while_the_service_runs(desk: Desk) {
    /// More than a step takes away.
    const KEYS: usize = 600;

    let answers = desk.db.open().await.idempotency;
    let two_days_ago = SystemClock::new().now() - SignedDuration::from_hours(48);
    let claim = |at: usize, who: u8| {
        let key = IdempotencyKey::new(&format!("old-{at}")).expect("a key");
        let later = SignedDuration::from_micros(i64::try_from(at).expect("not many"));
        LeaseRequest::at(two_days_ago + later, key, Fingerprint([1; 32]), LeaseToken([who; 16]))
    };
    for at in 0..KEYS {
        let claimed = answers.acquire(&claim(at, 1)).await;
        assert_eq!(claimed.expect("an answer"), LeaseOutcome::Acquired);
    }
    // A service sweeps when it starts, and from then on at intervals. The last to be claimed is the last to go.
    let _another = Service::start(&desk.db.url()).await;
    let last = claim(KEYS - 1, 2);
    until("all are taken away", async || {
        // Asked for at the time of its claim, it is under way for as long as it stands.
        let claimed = answers.acquire(&last).await.expect("an answer");
        (claimed == LeaseOutcome::Acquired).then_some(())
    })
    .await;
}

on_each_database! {
    the_first_answer_is_given_again_to_the_letter_whatever_has_become_of_things,
    what_was_refused_stays_refused_under_its_key,
    a_key_that_stands_for_another_request_is_refused_and_nothing_is_executed,
    of_many_who_send_the_same_at_once_one_is_served_and_all_hear_the_same,
    two_services_give_the_same_answer_to_what_is_sent_to_both,
    an_answer_outlasts_the_service_that_gave_it,
    what_a_service_that_died_has_left_claimed_is_run_again_after_its_lease,
    the_answer_of_another_service_is_waited_for,
    a_client_that_leaves_before_the_answer_hears_it_when_it_comes_back,
    a_body_that_breaks_off_leaves_the_key_free,
    a_preview_takes_no_key,
    a_stream_takes_no_key_and_says_why,
    a_key_is_the_same_bare_and_in_quotes_and_what_is_none_is_told,
    the_key_says_nothing_to_questions_and_in_the_books_own_api,
    answers_whose_day_has_passed_are_swept_while_the_service_runs,
}
