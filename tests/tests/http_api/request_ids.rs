//! Request ids: every response has one, and it is the correlation id of the events that the request caused.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use reqwest::Method;
use serde_json::{Value, json};

/// The header.
const REQUEST_ID: &str = "x-request-id";

async fn correlation_ids(desk: &Desk) -> Vec<Value> {
    desk.events()
        .await
        .iter()
        .map(|event| event["correlation_id"].clone())
        .collect()
}

async fn the_callers_id_is_returned_and_stored_with_its_events(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    desk.buy("B2", "CHAIR", 1).await;
    let seen = desk.events().await.len();
    let order = json!({"order_id": "o1", "lines": [{"sku": "LAMP", "quantity": 1}, {"sku": "CHAIR", "quantity": 1}]});
    let headers = [("content-type", "application/json"), (REQUEST_ID, "basket-0815/3")];
    let reply = desk.send(Method::POST, "/v1/orders", &headers, order.to_string()).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header(REQUEST_ID), Some("basket-0815/3"));
    let ids = correlation_ids(&desk).await;
    // The order is placed, both lines are allocated, and both products are depleted.
    assert_eq!(ids[seen..], ["basket-0815/3"; 5]);
}

async fn a_request_without_an_id_gets_a_new_one(desk: Desk) {
    let mut made = Vec::new();
    for reference in ["B1", "B2"] {
        let reply = desk
            .post(
                "/v1/batches",
                &json!({"reference": reference, "sku": "LAMP", "quantity": 1}),
            )
            .await;
        made.push(json!(reply.header(REQUEST_ID).expect("a request id")));
    }
    assert_ne!(made[0], made[1]);
    assert_eq!(correlation_ids(&desk).await, made);
}

async fn an_invalid_request_id_is_replaced(desk: Desk) {
    let long = "x".repeat(5_000);
    for (at, bad) in ["two words", "", long.as_str(), "ümlaut", "tab\there"]
        .into_iter()
        .enumerate()
    {
        let batch = json!({"reference": format!("B{at}"), "sku": "LAMP", "quantity": 1});
        let headers = [("content-type", "application/json"), (REQUEST_ID, bad)];
        let reply = desk
            .send(Method::POST, "/v1/batches", &headers, batch.to_string())
            .await;
        let id = reply.header(REQUEST_ID).expect("a request id");
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert!(id != bad && !id.is_empty() && id.len() <= 64, "{id}");
        assert_eq!(correlation_ids(&desk).await.pop(), Some(json!(id)));
    }
}

async fn errors_have_a_request_id_too(desk: Desk) {
    for (method, path) in [
        (Method::GET, "/nowhere"),
        (Method::DELETE, "/v1/batches"),
        (Method::GET, "/v1/batches/B1"),
        (Method::POST, "/v1/batches"),
        (Method::GET, "/health/live"),
        (Method::GET, "/health/ready"),
        (Method::GET, "/metrics"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/"),
    ] {
        let reply = desk.send(method.clone(), path, &[(REQUEST_ID, "mine")], "").await;
        assert_eq!(reply.header(REQUEST_ID), Some("mine"), "{method} {path}");
    }
}

on_each_database! {
    the_callers_id_is_returned_and_stored_with_its_events,
    a_request_without_an_id_gets_a_new_one,
    an_invalid_request_id_is_replaced,
    errors_have_a_request_id_too,
}
