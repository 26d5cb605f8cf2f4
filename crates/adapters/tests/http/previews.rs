//! Previews: the same answer, with nothing stored.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Answer, Shop};

async fn send(shop: &Shop, method: &str, uri: &str, body: &Value) -> Answer {
    let request = shop.request(method, uri);
    let request = if body.is_null() {
        request
    } else {
        request.set_json(body)
    };
    shop.send(request).await
}

/// Every write, each on the state after those before.
fn writes() -> Vec<(&'static str, &'static str, Value)> {
    let lines = json!([{"sku": "LAMP", "quantity": 2}, {"sku": "CHAIR", "quantity": 1}]);
    let waits = json!({"order_id": "o3", "sku": "LAMP", "quantity": 90, "on_shortage": "backorder"});
    vec![
        ("PUT", "/v1/products/LAMP", json!({"name": "A lamp"})),
        (
            "POST",
            "/v1/batches",
            json!({"reference": "L1", "sku": "LAMP", "quantity": 10, "eta": "2026-03-01"}),
        ),
        (
            "POST",
            "/v1/batches",
            json!({"reference": "C1", "sku": "CHAIR", "quantity": 10}),
        ),
        ("PUT", "/v1/products/LAMP", json!({"safety_stock": 3})),
        (
            "POST",
            "/v1/allocations",
            json!({"order_id": "o1", "sku": "LAMP", "quantity": 3}),
        ),
        (
            "POST",
            "/v1/allocations",
            json!({"order_id": "o1", "sku": "LAMP", "quantity": 3}),
        ),
        (
            "POST",
            "/v1/allocations",
            json!({"order_id": "o2", "sku": "LAMP", "quantity": 90}),
        ),
        ("POST", "/v1/allocations", waits),
        ("POST", "/v1/quotes", json!({"lines": lines})),
        (
            "POST",
            "/v1/orders",
            json!({"order_id": "o4", "lines": lines, "hold_seconds": 900}),
        ),
        ("POST", "/v1/orders", json!({"order_id": "o4", "lines": [lines[0]]})),
        (
            "PUT",
            "/v1/orders/o4",
            json!({"lines": [{"sku": "LAMP", "quantity": 1}, {"sku": "CHAIR", "quantity": 4}]}),
        ),
        (
            "PUT",
            "/v1/orders/o5",
            json!({"lines": [{"sku": "CHAIR", "quantity": 1}]}),
        ),
        ("PATCH", "/v1/orders/o4/lines/CHAIR", json!({"quantity": 2})),
        (
            "POST",
            "/v1/orders/o4/confirmation",
            json!({"lines": [{"line_id": "CHAIR"}]}),
        ),
        ("POST", "/v1/orders/o4/dispatch", Value::Null),
        ("DELETE", "/v1/orders/o4/dispatch", Value::Null),
        ("POST", "/v1/orders/o1/dispatch", json!({})),
        ("PATCH", "/v1/batches/L1", json!({"eta": "2026-04-01", "quantity": 8})),
        ("POST", "/v1/batches/L1/receipt", json!({"quantity": 100})),
        ("DELETE", "/v1/orders/o4/lines/CHAIR", Value::Null),
        ("DELETE", "/v1/orders/o1", Value::Null),
        ("DELETE", "/v1/batches/L1", Value::Null),
        ("DELETE", "/v1/batches/none", Value::Null),
    ]
}

/// A body without the deadline of its hold, which depends on the time of the call.
fn without_instants(mut body: Value) -> Value {
    if let Some(at) = body.get_mut("hold_expires_at").filter(|at| !at.is_null()) {
        *at = json!("some time");
    }
    body
}

#[actix_web::test]
async fn a_preview_is_the_answer_of_the_write_that_follows_and_stores_nothing() {
    let shop = Shop::open().await;
    for (method, uri, body) in writes() {
        let call = format!("{method} {uri} {body}");
        let before = shop.events().await;
        let preview = send(&shop, method, &format!("{uri}?preview=true"), &body).await;
        assert_eq!(preview.header("x-earmark-preview"), Some("true"), "{call}");
        assert_eq!(
            (preview.header("location"), preview.header("etag")),
            (None, None),
            "{call}"
        );
        assert_eq!(shop.events().await, before, "{call}");
        let write = send(&shop, method, &format!("{uri}?preview=false"), &body).await;
        assert_eq!(write.header("x-earmark-preview"), None, "{call}");
        assert_eq!(
            without_instants(preview.json()),
            without_instants(write.json()),
            "{call}"
        );
        let status = if write.status.is_success() {
            StatusCode::OK
        } else {
            write.status
        };
        assert_eq!(preview.status, status, "{call}");
    }
}

#[actix_web::test]
async fn a_preview_of_a_new_product_shows_it_empty_and_does_not_create_it() {
    let shop = Shop::open().await;
    let put = json!({"name": "A lamp", "safety_stock": 5});
    let preview = shop.put("/v1/products/LAMP?preview=true", &put).await;
    assert_eq!(
        preview.json(),
        json!({"sku": "LAMP", "name": "A lamp", "on_hand": 0, "inbound": 0, "allocated": 0, "dispatched": 0,
               "safety_stock": 5, "available": 0, "backordered": 0, "version": 2, "batches": []})
    );
    assert_eq!(shop.get("/v1/products/LAMP").await.code(), "unknown_sku");
}

#[actix_web::test]
async fn a_preview_of_a_lower_safety_stock_shows_the_lines_that_would_be_served() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 10).await;
    shop.put("/v1/products/LAMP", &json!({"safety_stock": 8})).await;
    let waits = json!({"order_id": "o1", "sku": "LAMP", "quantity": 5, "on_shortage": "backorder"});
    shop.post("/v1/allocations", &waits).await;
    let less = json!({"safety_stock": 4});
    let preview = shop.put("/v1/products/LAMP?preview=true", &less).await.json();
    assert_eq!((&preview["allocated"], &preview["backordered"]), (&json!(5), &json!(0)));
    assert_eq!(
        (&preview["available"], &preview["batches"][0]["available"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(shop.get("/v1/products/LAMP").await.json()["backordered"], 5);
    assert_eq!(shop.put("/v1/products/LAMP", &less).await.json(), preview);
}

#[actix_web::test]
async fn a_preview_is_requested_with_true_or_false_and_only_where_there_is_one() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 10).await;
    let line = json!({"order_id": "o1", "sku": "LAMP", "quantity": 3});
    for bad in [
        "preview",
        "preview=",
        "preview=1",
        "preview=TRUE",
        "preview=true&preview=true",
        "Preview=true",
    ] {
        let answer = shop.post(&format!("/v1/allocations?{bad}"), &line).await;
        let field = if bad.starts_with('P') { "Preview" } else { "preview" };
        assert_eq!(answer.fields(), [field], "{bad}");
    }
    for (uri, body) in [
        ("/allocate", json!({"orderid": "o1", "sku": "LAMP", "qty": 3})),
        ("/add_batch", json!({"ref": "L2", "sku": "LAMP", "qty": 3, "eta": null})),
    ] {
        assert_eq!(
            shop.post(&format!("{uri}?preview=true"), &body).await.fields(),
            ["preview"]
        );
    }
    let bulk = shop
        .request("POST", "/v1/bulk?preview=true")
        .insert_header(("content-type", "application/x-ndjson"));
    let bulk = shop.send(bulk.set_payload(format!("{{\"allocate\": {line}}}"))).await;
    assert_eq!(
        (bulk.status, bulk.fields()),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["preview".to_owned()])
    );
    assert_eq!(shop.get("/v1/orders/o1?preview=true").await.fields(), ["preview"]);
    assert_eq!(shop.get("/v1/orders/o1").await.code(), "unknown_order");
    let wrong = shop
        .post("/v1/allocations?preview=true", &json!({"order_id": "o1"}))
        .await;
    assert_eq!(
        (wrong.fields(), wrong.header("x-earmark-preview")),
        (vec!["sku".to_owned(), "quantity".to_owned()], Some("true"))
    );
}
