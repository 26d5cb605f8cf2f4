//! Previews: the same answer, with nothing stored.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, Reply};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, line, order, without_placing};

async fn send(desk: &Desk, method: &Method, path: &str, body: &Value) -> Reply {
    let headers: &[(&str, &str)] = &[("content-type", "application/json")];
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    desk.send(method.clone(), path, headers, text).await
}

/// Every write, each on the state after those before.
fn writes() -> Vec<(Method, &'static str, Value)> {
    let lines = [line("LAMP", 2), line("CHAIR", 1)];
    let mut held = order("o4", &lines);
    held["hold_seconds"] = json!(900);
    let batch = json!({"reference": "L1", "sku": "LAMP", "quantity": 10, "eta": FAR});
    let waits = json!({"order_id": "o3", "sku": "LAMP", "quantity": 90, "on_shortage": "backorder"});
    let allocation = json!({"order_id": "o1", "sku": "LAMP", "quantity": 3});
    vec![
        (Method::PUT, "/v1/products/LAMP", json!({"name": "A lamp"})),
        (Method::POST, "/v1/batches", batch),
        (
            Method::POST,
            "/v1/batches",
            json!({"reference": "C1", "sku": "CHAIR", "quantity": 10}),
        ),
        (Method::PUT, "/v1/products/LAMP", json!({"safety_stock": 3})),
        (Method::POST, "/v1/allocations", allocation.clone()),
        (Method::POST, "/v1/allocations", allocation),
        (
            Method::POST,
            "/v1/allocations",
            json!({"order_id": "o2", "sku": "LAMP", "quantity": 90}),
        ),
        (Method::POST, "/v1/allocations", waits),
        (Method::POST, "/v1/quotes", json!({"lines": lines})),
        (Method::POST, "/v1/orders", held),
        (Method::POST, "/v1/orders", order("o4", &lines[..1])),
        (
            Method::PUT,
            "/v1/orders/o4",
            json!({"lines": [line("LAMP", 1), line("CHAIR", 4)]}),
        ),
        (Method::PUT, "/v1/orders/o5", json!({"lines": [line("CHAIR", 1)]})),
        (Method::PATCH, "/v1/orders/o3", json!({"priority": 3, "locations": []})),
        (Method::PATCH, "/v1/orders/o4", json!({"required_by": FAR})),
        (Method::PATCH, "/v1/orders/o4/lines/CHAIR", json!({"quantity": 2})),
        (
            Method::POST,
            "/v1/orders/o4/confirmation",
            json!({"lines": [{"line_id": "CHAIR"}]}),
        ),
        (Method::POST, "/v1/orders/o4/dispatch", Value::Null),
        (Method::DELETE, "/v1/orders/o4/dispatch", Value::Null),
        (Method::POST, "/v1/orders/o1/dispatch", json!({})),
        (Method::PATCH, "/v1/batches/L1", json!({"eta": FARTHER, "quantity": 8})),
        (
            Method::POST,
            "/v1/batches/L1/receipt",
            json!({"quantity": 5, "rest": {}}),
        ),
        (Method::DELETE, "/v1/orders/o4/lines/CHAIR", Value::Null),
        (Method::DELETE, "/v1/orders/o1", Value::Null),
        (Method::DELETE, "/v1/batches/L1", Value::Null),
        (Method::DELETE, "/v1/batches/none", Value::Null),
    ]
}

/// A body without what depends on the time of the call: the deadline of its hold, and when lines were placed.
fn without_instants(body: Value) -> Value {
    let mut body = without_placing(body);
    for place in ["/hold_expires_at", "/order/hold_expires_at"] {
        if let Some(at) = body.pointer_mut(place).filter(|at| !at.is_null()) {
            *at = json!("some time");
        }
    }
    body
}

async fn a_preview_is_the_answer_of_the_write_that_follows_and_stores_nothing(desk: Desk) {
    for (method, path, body) in writes() {
        let call = format!("{method} {path} {body}");
        let stored = desk.state().await;
        let preview = send(&desk, &method, &format!("{path}?preview=true"), &body).await;
        assert_eq!(preview.header("x-earmark-preview"), Some("true"), "{call}");
        assert_eq!(
            (preview.header("location"), preview.header("etag")),
            (None, None),
            "{call}"
        );
        assert_eq!(desk.state().await, stored, "{call}");
        let write = send(&desk, &method, path, &body).await;
        assert_eq!(write.header("x-earmark-preview"), None, "{call}");
        assert_eq!(
            without_instants(preview.json()),
            without_instants(write.json()),
            "{call}"
        );
        let status = if write.status < 300 { 200 } else { write.status };
        assert_eq!(preview.status, status, "{call}");
    }
}

async fn a_preview_is_requested_with_true_or_false(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let stored = desk.state().await;
    let line = json!({"order_id": "o1", "sku": "LAMP", "quantity": 3});
    for bad in [
        "preview",
        "preview=",
        "preview=1",
        "preview=True",
        "preview=true&preview=false",
    ] {
        let reply = desk.post(&format!("/v1/allocations?{bad}"), &line).await;
        assert_eq!(reply.fields_at_fault(), ["preview"], "{bad}");
    }
    assert_eq!(desk.state().await, stored);
    let _ = desk.post("/v1/allocations?preview=false", &line).await.answers(201);
}

on_each_database! {
    a_preview_is_the_answer_of_the_write_that_follows_and_stores_nothing,
    a_preview_is_requested_with_true_or_false,
}
