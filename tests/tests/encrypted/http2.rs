//! HTTP/2: the same answers as by HTTP/1.1, many at once on a connection, and streams.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use earmark_tests::service::in_time;
use futures::future::join_all;
use http::Method;
use serde_json::json;

use crate::client::{text_of, until_text};
use crate::site::Site;

fn batch(reference: &str, quantity: u64) -> String {
    json!({"reference": reference, "sku": "LAMP", "quantity": quantity}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_as_by_http_1() {
    let site = Site::open_with(&[("EARMARK__HTTP__HOSTS", "shop.example")]).await;
    let client = site.trust().http_2(site.address()).await;
    let made = client.post("/v1/batches", &[], &batch("B1", 5)).await;
    assert_eq!(
        (made.status.as_u16(), &made.headers["location"]),
        (201, &"/v1/batches/B1".parse().expect("a path"))
    );
    assert!(
        made.headers.contains_key("x-request-id") && made.headers.contains_key("date"),
        "{made:?}"
    );
    let product = client.get("/v1/products/LAMP").await.expect("an answer");
    let length: usize = product.headers["content-length"]
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("a length");
    assert_eq!((product.status.as_u16(), product.body.len()), (200, length));
    assert!(!product.headers.contains_key("connection") && !product.headers.contains_key("transfer-encoding"));

    let head = client
        .send(Method::HEAD, "/v1/products/LAMP", &[], "")
        .await
        .expect("an answer");
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    assert_eq!(head.headers["content-length"], length.to_string());
    assert_eq!(client.get("/v1/batches/none").await.expect("an answer").status, 404);
    assert_eq!(
        client
            .send(
                Method::DELETE,
                "/v1/products",
                &[("content-type", "application/json")],
                ""
            )
            .await
            .expect("an answer")
            .status,
        405
    );

    // Whose page it is depends on the name that was called, and on nothing that stands in a header beside it.
    for (origin, status) in [
        ("https://localhost", 201),
        ("http://localhost", 403),
        ("https://evil.example", 403),
    ] {
        let reference = format!("B-{status}-{}", origin.len());
        let made = client
            .post("/v1/batches", &[("origin", origin)], &batch(&reference, 1))
            .await;
        assert_eq!(made.status.as_u16(), status, "{origin}: {}", made.body);
    }
    let evil = site.trust().http_2(site.address()).await.under("evil.example");
    let refused = evil
        .send(Method::GET, "/v1/products", &[("host", "localhost")], "")
        .await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status == 421));
    assert_eq!(evil.get("/v1/products").await.expect("an answer").status, 421);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_share_a_connection_and_more_wait_their_turn() {
    let site = Site::open().await;
    let client = site.trust().http_2(site.address()).await;
    client.post("/v1/batches", &[], &batch("B1", 1_000)).await;
    assert_eq!(client.requests.current_max_send_streams(), 100);
    let calls = (0..400).map(|call| {
        let line = json!({"order_id": format!("o{call}"), "sku": "LAMP", "quantity": 1}).to_string();
        let client = &client;
        async move { client.post("/v1/allocations", &[], &line).await.status.as_u16() }
    });
    let statuses = join_all(calls).await;
    assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
    for (quantity, status) in [(600, 201), (1, 409)] {
        let line = json!({"order_id": format!("last-{quantity}"), "sku": "LAMP", "quantity": quantity}).to_string();
        assert_eq!(client.post("/v1/allocations", &[], &line).await.status.as_u16(), status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_bulk_answers_stream_side_by_side() {
    let site = Site::open().await;
    let client = site.trust().http_2(site.address()).await;
    let events = client.ask("/v1/events/stream").await.expect("the connection is open");
    let mut events = in_time("the stream begins", events)
        .await
        .expect("an answer")
        .into_body();
    until_text(&mut events, "retry").await;

    let kind = [("content-type", "application/x-ndjson")];
    let (answer, mut lines) = client.begin(&Method::POST, "/v1/bulk", &kind).await;
    let line = |reference: &str| {
        format!(
            "{}\n",
            json!({"create_batch": {"reference": reference, "sku": "LAMP", "quantity": 1}})
        )
    };
    lines.send_data(line("B1").into(), false).expect("the stream is open");
    let mut answers = in_time("the answers begin", answer)
        .await
        .expect("an answer")
        .into_body();
    // The first is answered, and its event told, before the second is sent.
    until_text(&mut answers, "B1").await;
    until_text(&mut events, "B1").await;
    lines.send_data(line("B2").into(), true).expect("the stream is open");
    until_text(&mut answers, "B2").await;
    until_text(&mut events, "B2").await;
    assert_eq!(text_of(&mut answers).await.expect("they end"), "");
}

/// Whether the client could not say goodbye: the service had said so before, and was gone.
fn comes_too_late(error: &h2::Error) -> bool {
    let kind = error.get_io().map(std::io::Error::kind);
    kind.is_some_and(|kind| matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_calls_finish_tells_clients_to_go_and_ends_with_connections_open() {
    let mut site = Site::open().await;
    let idle = site.trust().http_2(site.address()).await;
    assert_eq!(idle.get("/v1/products").await.expect("an answer").status, 200);
    let client = site.trust().http_2(site.address()).await;
    let events = client.ask("/v1/events/stream").await.expect("the connection is open");
    let mut events = in_time("the stream begins", events)
        .await
        .expect("an answer")
        .into_body();
    until_text(&mut events, "retry").await;
    // Its body comes while the service drains.
    let kind = [("content-type", "application/json")];
    let (answer, mut body) = client.begin(&Method::POST, "/v1/batches", &kind).await;
    let text = batch("B1", 5);
    let (first, second) = text.split_at(10);
    body.send_data(first.to_owned().into(), false)
        .expect("the stream is open");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    site.service.terminate();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    body.send_data(second.to_owned().into(), true)
        .expect("the stream is open");
    assert_eq!(in_time("an answer", answer).await.expect("an answer").status(), 201);
    // Both were told to go, and not cut off.
    for ended in [idle.ended, client.ended] {
        let ended = in_time("the connection ends", ended).await.expect("no panic");
        assert!(ended.as_ref().map_or_else(comes_too_late, |()| true), "{ended:?}");
    }
    assert_eq!(site.service.ended().await.code(), Some(0), "{}", site.service.log());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(12), "the drain took {took:?}");
}
