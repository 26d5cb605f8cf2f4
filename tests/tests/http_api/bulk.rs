//! Bulk: many commands in one request, streamed both ways.

use std::time::Duration;

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{FAR, column, without_placing};

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

/// What happens to a product, a batch of it and an order in a day: each bulk line, with the single call that says the
/// same. The names have the ending.
fn a_day(ending: &str) -> Vec<(Value, Method, String, Value)> {
    let name = |name: &str| format!("{name}-{ending}");
    let (sku, order, batch) = (name("LAMP"), name("order"), name("coming"));
    let lines = |quantity: u64| json!([{"line_id": "1", "sku": sku, "quantity": quantity}]);
    let mut day = Vec::new();
    // What is in the path of the single call is a field of the line.
    let mut add = |command: &str, path: Value, (method, uri): (Method, String), body: Value| {
        let mut fields = path;
        let members = fields.as_object_mut().expect("an object");
        members.extend(body.as_object().expect("an object").clone());
        day.push((json!({command: fields}), method, uri, body));
    };
    let batch_path = format!("/v1/batches/{batch}");
    let order_path = format!("/v1/orders/{order}");
    let (of_batch, of_order) = (json!({"reference": batch}), json!({"order_id": order}));
    let of_line = json!({"order_id": order, "line_id": "1"});
    let nothing = || json!({});

    let here = json!({"reference": name("here"), "sku": sku, "quantity": 10});
    add(
        "create_batch",
        nothing(),
        (Method::POST, "/v1/batches".to_owned()),
        here,
    );
    let coming = json!({"reference": batch, "sku": sku, "quantity": 10, "eta": FAR});
    add(
        "create_batch",
        nothing(),
        (Method::POST, "/v1/batches".to_owned()),
        coming,
    );
    let put = (Method::PUT, format!("/v1/products/{sku}"));
    add("put_product", json!({"sku": sku}), put, json!({"name": "Lamp"}));
    let quote = json!({"lines": lines(4)});
    add("quote", nothing(), (Method::POST, "/v1/quotes".to_owned()), quote);
    let held = json!({"order_id": order, "lines": lines(4), "hold_seconds": 3_600});
    add("place_order", nothing(), (Method::POST, "/v1/orders".to_owned()), held);
    let other = json!({"lines": lines(3), "priority": 2});
    add(
        "replace_order",
        of_order.clone(),
        (Method::PUT, order_path.clone()),
        other,
    );
    let confirm = (Method::POST, format!("{order_path}/confirmation"));
    add(
        "confirm_order",
        of_order.clone(),
        confirm,
        json!({"lines": [{"line_id": "1", "quantity": 2}]}),
    );
    let line = || format!("{order_path}/lines/1");
    add(
        "change_line",
        of_line.clone(),
        (Method::PATCH, line()),
        json!({"quantity": 30}),
    );
    add(
        "change_line",
        of_line.clone(),
        (Method::PATCH, line()),
        json!({"quantity": 5}),
    );
    let dispatch = |method: Method| (method, format!("{order_path}/dispatch"));
    add(
        "dispatch_order",
        of_order.clone(),
        dispatch(Method::POST),
        json!({"lines": [{"line_id": "1", "quantity": 3}]}),
    );
    add(
        "cancel_order",
        of_order.clone(),
        (Method::DELETE, order_path.clone()),
        nothing(),
    );
    add("undo_dispatch", of_order.clone(), dispatch(Method::DELETE), nothing());
    let single = json!({"order_id": name("single"), "sku": sku, "quantity": 8});
    add(
        "allocate",
        nothing(),
        (Method::POST, "/v1/allocations".to_owned()),
        single,
    );
    let change = (Method::PATCH, batch_path.clone());
    add(
        "change_batch",
        of_batch.clone(),
        change,
        json!({"quantity": 9, "eta": FAR}),
    );
    let receive = (Method::POST, format!("{batch_path}/receipt"));
    add(
        "receive_batch",
        of_batch.clone(),
        receive,
        json!({"quantity": 8, "rest": {"eta": FAR}}),
    );
    let reallocate = (Method::POST, format!("/v1/products/{sku}/reallocation"));
    add("reallocate", json!({"sku": sku}), reallocate, nothing());
    add("cancel_line", of_line, (Method::DELETE, line()), nothing());
    add("cancel_order", of_order, (Method::DELETE, order_path), nothing());
    for _ in 0..2 {
        add(
            "cancel_batch",
            of_batch.clone(),
            (Method::DELETE, batch_path.clone()),
            nothing(),
        );
    }
    let unknown = name("unknown");
    let path = format!("/v1/batches/{unknown}");
    add(
        "cancel_batch",
        json!({"reference": unknown}),
        (Method::DELETE, path),
        nothing(),
    );
    day
}

/// A body without the instants that no two calls share.
fn without_instants(body: &Value) -> Value {
    let mut body = without_placing(body.clone());
    if let Some(members) = body.as_object_mut() {
        let _ = members.remove("hold_expires_at");
    }
    body
}

async fn a_stream_does_what_the_calls_do(desk: Desk) {
    let mut called = Vec::new();
    for (_, method, path, body) in a_day("called") {
        let reply = desk.try_json(method, &path, &body).await.expect("an answer");
        let body: Value = serde_json::from_str(reply.text()).expect("JSON");
        called.push(json!({"status": reply.status, "body": without_instants(&body)}));
    }
    let lines: Vec<Value> = a_day("lined").into_iter().map(|(line, ..)| line).collect();
    // A product is shown as it stands when it is answered: so the rest is sent after that.
    let (first, rest) = lines.split_at(3);
    let answers = [desk.bulk(first).await, desk.bulk(rest).await].concat();
    let statuses = [
        201, 201, 200, 200, 201, 200, 200, 409, 200, 200, 200, 200, 201, 200, 200, 200, 200, 200, 200, 200, 404,
    ];
    assert_eq!(column(&Value::Array(answers.clone()), "status"), statuses);
    for ((line, answer), called) in lines.iter().zip(&answers).zip(&called) {
        let answered = json!({"status": answer["status"], "body": without_instants(&answer["body"])});
        assert_eq!(
            answered.to_string().replace("-lined", "-called"),
            called.to_string(),
            "{line}"
        );
    }
    assert_eq!(answers[18]["unchanged"], Value::Null);
    assert_eq!(answers[19]["unchanged"], true, "the batch was cancelled before");
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
        (r#"{"paint_order": {"order_id": "o1"}}"#, 3),
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
    a_stream_does_what_the_calls_do,
    an_invalid_line_fails_alone,
    lines_may_end_with_crlf_and_blank_ones_are_ignored,
    a_line_is_answered_before_the_next_is_sent,
    a_line_split_over_many_chunks_is_one_line,
    a_line_that_is_too_long_fails_alone,
    many_lines_are_answered_in_order_and_not_held_in_memory,
    a_client_that_does_not_read_its_answers_is_not_read_and_does_not_disturb_others,
}
