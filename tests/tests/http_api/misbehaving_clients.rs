//! Clients that disconnect, trickle, or send malformed data: incomplete requests are not executed, and others are
//! served.

use earmark_tests::databases::SqliteDatabase;
use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, at_the_desk};
use serde_json::json;

/// A valid command, sent as the first part of a longer body.
const BATCH: &str = r#"{"reference": "B1", "sku": "LAMP", "quantity": 1}"#;

async fn a_body_that_is_cut_off_is_not_executed_even_if_it_is_valid_json(desk: Desk) {
    for path in ["/v1/batches", "/add_batch"] {
        let mut cut = desk.raw().await;
        cut.begin_post(path, "content-length: 500\r\n").await;
        cut.send(BATCH).await;
        cut.hang_up().await;
        let rest = cut.rest().await;
        assert!(!rest.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&rest));
    }
    let mut cut = desk.raw().await;
    cut.begin_post("/v1/batches", "transfer-encoding: chunked\r\n").await;
    cut.chunk(BATCH).await;
    cut.hang_up().await;
    let rest = cut.rest().await;
    assert!(!rest.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(desk.state().await.events.len(), 0);
}

async fn complete_lines_of_an_interrupted_bulk_stream_are_executed_and_a_partial_one_is_not(desk: Desk) {
    let mut cut = desk.raw().await;
    cut.begin_bulk().await;
    let whole = json!({"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 1}});
    let half = json!({"create_batch": {"reference": "B2", "sku": "LAMP", "quantity": 1}});
    cut.chunk(format!("{whole}\n{half}")).await;
    assert_eq!(cut.head().await.status, 200);
    assert!(
        cut.next_line()
            .await
            .is_some_and(|line| line.contains("\"status\":201"))
    );
    cut.hang_up().await;
    drop(cut.rest().await);
    assert_eq!(desk.product("LAMP").await["available"], 1);
    let _ = desk.get("/v1/batches/B2").await.refuses(404, "unknown_batch");
}

async fn the_command_of_a_client_that_leaves_runs_completely_or_not_at_all(desk: Desk) {
    desk.buy("B1", "LAMP", 1_000).await;
    desk.buy("B2", "CHAIR", 1_000).await;
    for at in 0..50 {
        let lines = json!([{"sku": "LAMP", "quantity": 1}, {"sku": "CHAIR", "quantity": 1}]);
        let order = json!({"order_id": format!("o{at}"), "lines": lines});
        let order = order.to_string();
        let mut leaving = desk.raw().await;
        leaving
            .begin_post("/v1/orders", &format!("content-length: {}\r\n", order.len()))
            .await;
        leaving.send(order).await;
        drop(leaving);
    }
    // Commands that are still queued come before this one.
    let last = json!({"order_id": "last", "lines": [{"sku": "LAMP", "quantity": 1}, {"sku": "CHAIR", "quantity": 1}]});
    let _ = desk.post("/v1/orders", &last).await.answers(201);
    for at in 0..50 {
        let reply = desk.get(&format!("/v1/orders/o{at}")).await;
        if reply.status != 404 {
            assert_eq!(reply.answers(200)["lines"].as_array().map(Vec::len), Some(2));
        }
    }
}

async fn malformed_http_ends_its_own_connection_only(desk: Desk) {
    for malformed in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"HELO desk\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"POST /v1/batches HTTP/1.1\r\nhost: localhost\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/batches HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /v1/batches HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut connection = desk.raw().await;
        connection.send(malformed).await;
        connection.hang_up().await;
        let rest = connection.rest().await;
        assert!(!rest.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&rest));
    }
    let mut connection = desk.raw().await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-much: {}\r\n\r\n",
        "x".repeat(1024 * 1024)
    );
    // The service may close the connection before it has read all of that.
    drop(connection.try_send(head).await);
    drop(connection.rest().await);
    assert_eq!(desk.get("/health/ready").await.status, 200);
    assert_eq!(desk.state().await.events.len(), 0);
}

async fn two_requests_on_one_connection_are_answered_in_their_order(desk: Desk) {
    let mut connection = desk.raw().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    connection
        .send(format!(
            "{}{}{}",
            get("/health/live"),
            get("/nowhere"),
            get("/v1/products")
        ))
        .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(connection.reply().await.status);
    }
    assert_eq!(statuses, [200, 404, 200]);
}

async fn a_client_that_expects_continue_gets_it(desk: Desk) {
    let mut asking = desk.raw().await;
    let headers = format!("content-length: {}\r\nexpect: 100-continue\r\n", BATCH.len());
    asking.begin_post("/v1/batches", &headers).await;
    assert_eq!(asking.head().await.status, 100);
    asking.send(BATCH).await;
    assert_eq!(asking.reply().await.answers(201)["reference"], "B1");
}

async fn trickle(desk: Desk) {
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut connection = desk.raw().await;
        connection.send("GET / HTTP/1.1\r\nhost: loc").await;
        slow.push(connection);
    }
    desk.buy("B1", "LAMP", 1).await;
    for mut connection in slow {
        let rest = connection.rest().await;
        assert!(
            rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"),
            "{}",
            String::from_utf8_lossy(&rest)
        );
    }
}

on_each_database! {
    a_body_that_is_cut_off_is_not_executed_even_if_it_is_valid_json,
    complete_lines_of_an_interrupted_bulk_stream_are_executed_and_a_partial_one_is_not,
    the_command_of_a_client_that_leaves_runs_completely_or_not_at_all,
    malformed_http_ends_its_own_connection_only,
    two_requests_on_one_connection_are_answered_in_their_order,
    a_client_that_expects_continue_gets_it,
}

// One database is enough here: the case takes as long as the service waits for a head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_trickle_a_head_do_not_block_others_and_are_disconnected() {
    at_the_desk::<SqliteDatabase, _>(trickle).await;
}
