//! Bulk: many commands in one request, streamed both ways.

use std::time::Duration;

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{FAR, column};

fn create(reference: &str, sku: &str, quantity: u64) -> Value {
    json!({"create_batch": {"reference": reference, "sku": sku, "quantity": quantity, "eta": FAR}})
}

fn allocate(order: &str, sku: &str, quantity: u64) -> Value {
    json!({"allocate": {"order_id": order, "sku": sku, "quantity": quantity}})
}

fn place(order: &str, sku: &str, quantity: u64) -> Value {
    json!({"place_order": {"order_id": order, "lines": [{"sku": sku, "quantity": quantity}]}})
}

/// The answers to a body of lines.
async fn answers(desk: &Desk, body: impl Into<Vec<u8>>) -> Vec<Value> {
    let headers = [("content-type", "application/x-ndjson")];
    let reply = desk.send(Method::POST, "/v1/bulk", &headers, body).await;
    assert_eq!(
        (reply.status, reply.media_type()),
        (200, "application/x-ndjson"),
        "{}",
        reply.text()
    );
    reply
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("an answer is JSON"))
        .collect()
}

async fn each_line_is_answered_as_the_single_call(desk: Desk) {
    let lines = [
        create("B1", "LAMP", 10),
        allocate("o1", "LAMP", 4),
        place("o2", "LAMP", 7),
        place("o3", "LAMP", 6),
        create("B1", "LAMP", 10),
        allocate("o1", "LAMP", 4),
        allocate("o1", "LAMP", 5),
        allocate("o4", "CHAIR", 1),
        json!({"allocate": {"order_id": "o5", "sku": "LAMP", "quantity": 1, "on_shortage": "backorder"}}),
    ];
    let answers = Value::Array(desk.bulk(&lines).await);
    assert_eq!(
        column(&answers, "status"),
        [201, 201, 409, 201, 200, 200, 409, 404, 202]
    );
    assert_eq!(answers[1]["body"], desk.order("o1").await["lines"][0]);
    assert_eq!(answers[3]["body"], desk.order("o3").await);
    for (at, status, code) in [
        (2, 409, "out_of_stock"),
        (6, 409, "line_exists"),
        (7, 404, "unknown_sku"),
    ] {
        let problem = &answers[at]["body"];
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)));
        assert_eq!(problem["type"], format!("/problems/{code}"));
    }
    // The single calls now have the same answer.
    let _ = desk.allocate("o1", "LAMP", 5).await.refuses(409, "line_exists");
    assert_eq!(desk.allocate("o1", "LAMP", 4).await.answers(200), answers[5]["body"]);
}

async fn an_invalid_line_fails_alone(desk: Desk) {
    let mut body = Vec::new();
    for (line, at) in [
        (
            r#"{"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 10}}"#,
            0,
        ),
        (r#"{"create_batch": "#, 1),
        (
            r#"{"create_batch": {"reference": "B2", "sku": "LAMP", "quantity": 0, "colour": "red"}}"#,
            2,
        ),
        (r#"{"cancel_order": {"order_id": "o1"}}"#, 3),
        ("[]", 4),
        (r#"{"allocate": {"order_id": "o1", "sku": "LAMP", "quantity": 1}} x"#, 5),
        (
            r#"{"allocate": {"order_id": "o1", "sku": "LAMP", "quantity": 1e400}}"#,
            6,
        ),
        (r#"{"allocate": {}, "create_batch": {}}"#, 7),
        (r#"{"allocate": {"order_id": "o1", "sku": "LAMP", "quantity": 1}}"#, 8),
    ] {
        assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), at);
        body.extend(line.as_bytes());
        body.push(b'\n');
    }
    body.extend(b"{\"allocate\": {\"order_id\": \"\xff\", \"sku\": \"LAMP\", \"quantity\": 1}}\n");
    let answers = Value::Array(answers(&desk, body).await);
    assert_eq!(
        column(&answers, "status"),
        [201, 400, 422, 422, 422, 400, 422, 422, 201, 400]
    );
    let fields = column(&answers[2]["body"]["errors"], "field");
    assert_eq!(fields.len(), 2, "every fault of a line is reported: {fields:?}");
    assert_eq!(desk.events().await.len(), 2);
}

async fn lines_may_end_with_crlf_and_blank_ones_are_ignored(desk: Desk) {
    let body = format!("\n{}\r\n\r\n   \n{}", create("B1", "LAMP", 1), create("B2", "LAMP", 1));
    let both = Value::Array(answers(&desk, body).await);
    assert_eq!(column(&both, "status"), [201, 201]);
    assert_eq!(answers(&desk, "").await, [] as [Value; 0]);
}

async fn a_line_is_answered_before_the_next_is_sent(desk: Desk) {
    let mut connection = desk.raw().await;
    connection.begin_bulk().await;
    connection.chunk(format!("{}\n", create("B1", "LAMP", 10))).await;
    assert_eq!(connection.head().await.status, 200);
    let first: Value = serde_json::from_str(&connection.next_line().await.expect("an answer")).expect("JSON");
    let mut order = format!("o{}", first["body"]["available"]);
    assert_eq!(order, "o10");
    for _ in 0..5 {
        connection.chunk(format!("{}\n", allocate(&order, "LAMP", 1))).await;
        let answer: Value = serde_json::from_str(&connection.next_line().await.expect("an answer")).expect("JSON");
        assert_eq!(
            (&answer["status"], &answer["body"]["order_id"]),
            (&json!(201), &json!(order))
        );
        // The next request depends on this answer.
        order = format!("after {}", answer["body"]["order_id"].as_str().expect("an order"));
    }
    connection.last_chunk().await;
    assert_eq!(connection.next_line().await, None);
}

async fn a_line_split_over_many_chunks_is_one_line(desk: Desk) {
    let mut connection = desk.raw().await;
    connection.begin_bulk().await;
    let line = format!("{}\n", create("B1", "ÄRMELKANAL", 10));
    for byte in line.into_bytes() {
        connection.chunk([byte]).await;
    }
    connection.last_chunk().await;
    assert_eq!(connection.head().await.status, 200);
    assert!(
        connection
            .next_line()
            .await
            .is_some_and(|answer| answer.contains("ÄRMELKANAL"))
    );
}

async fn a_line_that_is_too_long_fails_alone(desk: Desk) {
    let padded = |bytes: usize, line: &Value| {
        let line = line.to_string();
        format!("{}{line}\n", " ".repeat(bytes - line.len()))
    };
    let body = [
        format!("{}\n", create("B1", "LAMP", 1)),
        padded(1100 * 1024, &create("B2", "LAMP", 1)),
        padded(1024 * 1024, &create("B3", "LAMP", 1)),
        padded(5 * 1024 * 1024, &create("B4", "LAMP", 1)),
        format!("{}\n", create("B5", "LAMP", 1)),
    ];
    let answers = Value::Array(answers(&desk, body.concat()).await);
    assert_eq!(column(&answers, "status"), [201, 413, 201, 413, 201]);
    assert_eq!(answers[1]["body"]["code"], "payload_too_large");
    assert_eq!(desk.product("LAMP").await["available"], 3);
}

async fn many_lines_are_answered_in_order_and_not_held_in_memory(desk: Desk) {
    /// Lines of the request: about five megabytes.
    const LINES: usize = 50_000;
    /// By how much the service's memory may grow, in KiB: less than the lines and their answers together.
    const MORE_MEMORY: u64 = 48 * 1024;

    desk.buy("B1", "LAMP", 1_000_000).await;
    let warm_up: Vec<Value> = (0..2_000).map(|at| allocate(&format!("warm{at}"), "LAMP", 1)).collect();
    assert_eq!(desk.bulk(&warm_up).await.len(), warm_up.len());
    let before = desk.service.memory();
    let lines: Vec<Value> = (0..LINES).map(|at| allocate(&format!("o{at:05}"), "LAMP", 1)).collect();
    let answers = desk.bulk(&lines).await;
    let after = desk.service.memory();
    assert_eq!(answers.len(), LINES);
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(answer["status"], 201, "{answer}");
        assert_eq!(answer["body"]["order_id"], format!("o{at:05}"));
    }
    assert_eq!(desk.product("LAMP").await["available"], 1_000_000 - LINES - 2_000);
    assert!(after < before + MORE_MEMORY, "{before} KiB became {after} KiB");
}

async fn a_client_that_does_not_read_its_answers_is_not_read_and_does_not_disturb_others(desk: Desk) {
    /// Chunks that each such client tries to send: more than all buffers between the two can hold.
    const CHUNKS: usize = 2_000;
    /// How long a client waits until its next lines are accepted: others are served many times meanwhile.
    const STALLED: Duration = Duration::from_secs(3);
    /// By how much the service's memory may grow for such clients, in KiB. They would send a hundred times as much.
    const MORE_MEMORY: u64 = 64 * 1024;

    desk.buy("B1", "LAMP", 1_000_000).await;
    let before = desk.service.memory();
    let chunk = format!("{}\n", json!({"allocate": {"order_id": 7, "colour": "red"}})).repeat(1_000);
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut connection = desk.raw().await;
        connection.begin_bulk().await;
        let chunk = chunk.clone();
        stalled.push(tokio::spawn(async move {
            let mut accepted = 0;
            while accepted < CHUNKS && matches!(timeout(STALLED, connection.try_chunk(&chunk)).await, Ok(Ok(()))) {
                accepted += 1;
            }
            (connection, accepted)
        }));
    }
    for at in 0..50 {
        let _ = desk.allocate(&format!("o{at}"), "LAMP", 1).await.answers(201);
    }
    for client in stalled {
        let (connection, accepted) = client.await.expect("a client that does not read");
        assert!(accepted < CHUNKS, "the service accepts lines that it can't answer");
        let _ = desk.allocate("while they are connected", "LAMP", 1).await;
        let after = desk.service.memory();
        assert!(after < before + MORE_MEMORY, "{before} KiB became {after} KiB");
        drop(connection);
    }
    let _ = desk.allocate("afterwards", "LAMP", 1).await.answers(201);
}

on_each_database! {
    each_line_is_answered_as_the_single_call,
    an_invalid_line_fails_alone,
    lines_may_end_with_crlf_and_blank_ones_are_ignored,
    a_line_is_answered_before_the_next_is_sent,
    a_line_split_over_many_chunks_is_one_line,
    a_line_that_is_too_long_fails_alone,
    many_lines_are_answered_in_order_and_not_held_in_memory,
    a_client_that_does_not_read_its_answers_is_not_read_and_does_not_disturb_others,
}
