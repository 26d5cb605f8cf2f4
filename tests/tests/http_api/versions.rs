//! Versions: ETags, and writes with conditions.

use std::sync::Arc;

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, Reply, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::FAR;

/// Each write that can have a condition, on the batch B1 of LAMP.
fn writes() -> [(Method, &'static str, Value); 5] {
    [
        (Method::PUT, "/v1/products/LAMP", json!({"safety_stock": 1})),
        (Method::PATCH, "/v1/batches/B1", json!({"quantity": 9})),
        (Method::POST, "/v1/batches/B1/receipt", json!({"quantity": 8})),
        (Method::DELETE, "/v1/batches/B1/receipt", json!({})),
        (Method::DELETE, "/v1/batches/B1", json!({})),
    ]
}

async fn send_if(desk: &Desk, condition: &str, (method, path, body): &(Method, &str, Value)) -> Reply {
    let headers = [("content-type", "application/json"), ("if-match", condition)];
    desk.send(method.clone(), path, &headers, body.to_string()).await
}

async fn etag(desk: &Desk, path: &str) -> String {
    desk.get(path).await.header("etag").expect("an ETag").to_owned()
}

async fn a_write_is_executed_on_the_version_in_its_condition_only(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    for write in writes() {
        let seen = etag(&desk, "/v1/products/LAMP").await;
        assert_eq!(etag(&desk, "/v1/batches/B1").await, seen);
        let stored = desk.state().await;
        for stale in ["\"999\"".to_owned(), format!("W/{seen}"), "\"x\", \"998\"".to_owned()] {
            let problem = send_if(&desk, &stale, &write).await.refuses(412, "stale_version");
            assert_eq!(format!("\"{}\"", problem["version"]), seen);
        }
        assert_eq!(desk.state().await, stored);
        let reply = send_if(&desk, &format!("\"999\", {seen}"), &write).await;
        let _ = reply.answers(200);
        let now = etag(&desk, "/v1/products/LAMP").await;
        assert_ne!(now, seen);
        assert_eq!(reply.header("etag"), Some(now.as_str()));
        let _ = send_if(&desk, &seen, &write).await.refuses(412, "stale_version");
    }
}

async fn of_concurrent_writes_on_one_version_one_is_executed(desk: Desk) {
    desk.buy("B1", "LAMP", 1_000).await;
    let seen = etag(&desk, "/v1/batches/B1").await;
    let desk = Arc::new(desk);
    let writes: Vec<_> = (0..16)
        .map(|at| {
            let (desk, seen) = (Arc::clone(&desk), seen.clone());
            tokio::spawn(async move {
                let count = (Method::PATCH, "/v1/batches/B1", json!({"quantity": 100 + at}));
                send_if(&desk, &seen, &count).await.status
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for write in writes {
        statuses.push(write.await.expect("an answer"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 412), "{statuses:?}");
}

async fn a_deadline_that_passes_makes_no_tag_stale(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let held = json!({"order_id": "o1", "lines": [{"sku": "LAMP", "quantity": 4}], "hold_seconds": 1});
    let _ = desk.post("/v1/orders", &held).await.answers(201);
    let (batch, order) = (etag(&desk, "/v1/batches/B1").await, etag(&desk, "/v1/orders/o1").await);
    until("the sweep has passed", async || {
        (etag(&desk, "/v1/batches/B1").await != batch).then_some(())
    })
    .await;
    let count = (Method::PATCH, "/v1/batches/B1", json!({"quantity": 9}));
    // Another tag behind it in the list changes nothing.
    let _ = send_if(&desk, &format!("{batch}, \"999\""), &count).await.answers(200);
    let again = (Method::POST, "/v1/orders/o1/confirmation", json!({"reacquire": true}));
    let _ = send_if(&desk, &order, &again).await.answers(200);
    let _ = send_if(&desk, &order, &again).await.refuses(412, "stale_version");
    let _ = send_if(&desk, &batch, &count).await.refuses(412, "stale_version");
}

async fn a_star_requires_an_existing_resource(desk: Desk) {
    let put = (Method::PUT, "/v1/products/LAMP", json!({"name": "A lamp"}));
    let problem = send_if(&desk, "*", &put).await.refuses(412, "stale_version");
    assert_eq!(problem["version"], 0);
    for write in &writes()[1..] {
        let _ = send_if(&desk, "*", write).await.refuses(404, "unknown_batch");
    }
    desk.buy("B1", "LAMP", 10).await;
    let _ = send_if(&desk, "*", &put).await.answers(200);
}

async fn a_malformed_condition_is_a_problem(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let stored = desk.state().await;
    for bad in ["1", "\"1", "*, \"1\"", "w/\"1\""] {
        for write in writes() {
            let _ = send_if(&desk, bad, &write).await.refuses(400, "malformed_condition");
        }
    }
    assert_eq!(desk.state().await, stored);
}

on_each_database! {
    a_write_is_executed_on_the_version_in_its_condition_only,
    of_concurrent_writes_on_one_version_one_is_executed,
    a_deadline_that_passes_makes_no_tag_stale,
    a_star_requires_an_existing_resource,
    a_malformed_condition_is_a_problem,
}
