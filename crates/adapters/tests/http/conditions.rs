//! Versions: ETags, and writes with conditions.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Answer, Shop};

fn etag(answer: &Answer) -> String {
    answer.header("etag").expect("an ETag").to_owned()
}

#[actix_web::test]
async fn a_batch_and_its_product_have_the_version_of_the_product_as_etag() {
    let shop = Shop::open().await;
    let batch = json!({"reference": "B1", "sku": "LAMP", "quantity": 10, "eta": "2026-03-01"});
    let created = shop.post("/v1/batches", &batch).await;
    let version = shop.get("/v1/products/LAMP").await.json()["version"].clone();
    assert_eq!(etag(&created), format!("\"{version}\""));
    assert_eq!(etag(&shop.post("/v1/batches", &batch).await), etag(&created));
    assert_eq!(etag(&shop.get("/v1/batches/B1").await), etag(&created));
    assert_eq!(etag(&shop.get("/v1/products/LAMP").await), etag(&created));
    let mut last = etag(&created);
    for (method, uri, body) in [
        ("PATCH", "/v1/batches/B1", json!({"quantity": 9})),
        ("POST", "/v1/batches/B1/receipt", json!({})),
        ("DELETE", "/v1/batches/B1/receipt", Value::Null),
        ("PUT", "/v1/products/LAMP", json!({"safety_stock": 1})),
        ("DELETE", "/v1/batches/B1", Value::Null),
    ] {
        let request = shop.request(method, uri);
        let request = if body.is_null() {
            request
        } else {
            request.set_json(body)
        };
        let answer = shop.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{method} {uri}");
        assert_ne!(etag(&answer), last, "{method} {uri} is a change");
        last = etag(&answer);
        assert_eq!(etag(&shop.get("/v1/batches/B1").await), last);
        assert_eq!(etag(&shop.get("/v1/products/LAMP").await), last);
    }
}

/// Each write that can have a condition, for a shop with the batch B1 of LAMP.
fn writes() -> [(&'static str, &'static str, Value); 5] {
    [
        ("PUT", "/v1/products/LAMP", json!({"name": "A lamp"})),
        ("PATCH", "/v1/batches/B1", json!({"quantity": 9})),
        ("POST", "/v1/batches/B1/receipt", json!({"quantity": 8})),
        ("DELETE", "/v1/batches/B1/receipt", Value::Null),
        ("DELETE", "/v1/batches/B1", Value::Null),
    ]
}

#[actix_web::test]
async fn a_write_on_a_stale_version_is_not_executed() {
    let shop = Shop::open().await;
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    let current = shop.get("/v1/products/LAMP").await;
    let events = shop.events().await;
    for (method, uri, body) in writes() {
        for stale in ["\"999\"", "W/\"1\"", "\"a\", \"b\"", "\"0\"", "\"999\", \"998\""] {
            let answer = shop.with_header(method, uri, ("if-match", stale), &body).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::PRECONDITION_FAILED, "stale_version".to_owned()),
                "{method} {uri} {stale}"
            );
            assert_eq!(answer.json()["version"], current.json()["version"]);
        }
    }
    assert_eq!(shop.events().await, events);
}

#[actix_web::test]
async fn a_write_is_executed_if_any_of_its_tags_has_the_current_version() {
    let shop = Shop::open().await;
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    for (method, uri, body) in writes() {
        let tag = etag(&shop.get("/v1/products/LAMP").await);
        let condition = format!("\"999\", {tag}, W/\"3\", \"4711\"");
        let answer = shop.with_header(method, uri, ("if-match", &condition), &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{method} {uri}");
        assert_ne!(etag(&answer), tag);
    }
}

#[actix_web::test]
async fn a_star_requires_an_existing_resource() {
    let shop = Shop::open().await;
    let star = ("if-match", "*");
    let named = json!({"name": "A lamp"});
    let answer = shop.with_header("PUT", "/v1/products/LAMP", star, &named).await;
    assert_eq!(
        (answer.status, &answer.json()["version"]),
        (StatusCode::PRECONDITION_FAILED, &json!(0))
    );
    assert_eq!(shop.get("/v1/products/LAMP").await.code(), "unknown_sku");
    // A batch that is unknown without the condition is unknown with it.
    for (method, uri, body) in &writes()[1..] {
        for condition in ["*", "\"17\""] {
            let answer = shop.with_header(method, uri, ("if-match", condition), body).await;
            assert_eq!(answer.code(), "unknown_batch", "{method} {uri}");
        }
    }
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    for (method, uri, body) in writes() {
        let answer = shop.with_header(method, uri, star, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{method} {uri}");
    }
}

#[actix_web::test]
async fn a_write_with_a_malformed_or_unsupported_condition_is_not_executed() {
    let shop = Shop::open().await;
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    let events = shop.events().await;
    for (method, uri, body) in writes() {
        for bad in ["17", "\"17", "*, \"17\"", ""] {
            let answer = shop.with_header(method, uri, ("if-match", bad), &body).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::BAD_REQUEST, "malformed_condition".to_owned()),
                "{method} {uri} {bad}"
            );
        }
        for header in [
            ("if-none-match", "\"17\""),
            ("if-unmodified-since", "Sun, 01 Feb 2026 09:00:00 GMT"),
        ] {
            let answer = shop.with_header(method, uri, header, &body).await;
            assert_eq!(answer.code(), "condition_not_supported", "{method} {uri}");
        }
    }
    assert_eq!(shop.events().await, events);
}

#[actix_web::test]
async fn a_preview_can_have_a_condition_too() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 10).await;
    let count = json!({"quantity": 9});
    let uri = "/v1/batches/B1?preview=true";
    let stale = shop.with_header("PATCH", uri, ("if-match", "\"999\""), &count).await;
    assert_eq!(
        (stale.code(), stale.header("x-earmark-preview")),
        ("stale_version".to_owned(), Some("true"))
    );
    let tag = etag(&shop.get("/v1/batches/B1").await);
    let fits = shop.with_header("PATCH", uri, ("if-match", &tag), &count).await;
    assert_eq!(
        (fits.status, &fits.json()["batch"]["quantity"]),
        (StatusCode::OK, &json!(9))
    );
    assert_eq!(etag(&shop.get("/v1/batches/B1").await), tag);
}

/// Each write that may create something, for a shop with some stock of LAMP.
fn creations() -> [(&'static str, &'static str, Value); 7] {
    let lines = json!([{"sku": "LAMP", "quantity": 1}]);
    [
        ("PUT", "/v1/products/RUG", json!({"name": "A rug"})),
        (
            "POST",
            "/v1/batches",
            json!({"reference": "B2", "sku": "LAMP", "quantity": 10}),
        ),
        (
            "POST",
            "/v1/allocations",
            json!({"order_id": "O1", "sku": "LAMP", "quantity": 1}),
        ),
        ("POST", "/v1/orders", json!({"order_id": "O2", "lines": lines})),
        ("PUT", "/v1/orders/O3", json!({"lines": lines, "hold_seconds": 600})),
        (
            "POST",
            "/add_batch",
            json!({"ref": "B3", "sku": "LAMP", "qty": 10, "eta": null}),
        ),
        ("POST", "/allocate", json!({"orderid": "O4", "sku": "LAMP", "qty": 1})),
    ]
}

#[actix_web::test]
async fn what_has_to_be_new_is_created_once() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 10).await;
    let star = ("if-none-match", " * ");
    for (method, uri, body) in creations() {
        let created = shop.with_header(method, uri, star, &body).await;
        assert!(created.status.is_success(), "{method} {uri}: {}", created.text());
    }
    let events = shop.events().await;
    for (method, uri, body) in creations() {
        let again = shop.with_header(method, uri, star, &body).await;
        assert_eq!(
            (again.status, again.code()),
            (StatusCode::PRECONDITION_FAILED, "stale_version".to_owned()),
            "{method} {uri}"
        );
    }
    // Other content does not make it another thing.
    for (method, uri, body) in [
        ("PUT", "/v1/products/RUG", json!({"safety_stock": 3})),
        (
            "POST",
            "/v1/batches",
            json!({"reference": "B2", "sku": "RUG", "quantity": 9}),
        ),
        (
            "POST",
            "/v1/allocations",
            json!({"order_id": "O1", "sku": "LAMP", "quantity": 2}),
        ),
        (
            "POST",
            "/v1/orders",
            json!({"order_id": "O2", "lines": [{"sku": "LAMP", "quantity": 2}]}),
        ),
        (
            "PUT",
            "/v1/orders/O3",
            json!({"lines": [{"sku": "LAMP", "quantity": 2}], "hold_seconds": 600}),
        ),
    ] {
        for uri in [uri.to_owned(), format!("{uri}?preview=true")] {
            let other = shop.with_header(method, &uri, star, &body).await;
            assert_eq!(other.code(), "stale_version", "{method} {uri}");
        }
    }
    assert_eq!(shop.events().await, events);
    // Without the condition the same is the same.
    for (method, uri, body) in creations() {
        let again = shop.send(shop.request(method, uri).set_json(body)).await;
        assert!(again.status.is_success(), "{method} {uri}: {}", again.text());
    }
}

#[actix_web::test]
async fn a_condition_that_can_not_hold_or_is_not_known_is_refused() {
    let shop = Shop::open().await;
    let events = shop.events().await;
    for (method, uri, body) in creations() {
        let tags = shop.with_header(method, uri, ("if-none-match", "\"17\""), &body).await;
        assert_eq!(tags.code(), "condition_not_supported", "{method} {uri}");
    }
    let put = shop
        .request("PUT", "/v1/products/RUG")
        .set_json(json!({"name": "A rug"}));
    let both = put
        .insert_header(("if-none-match", "*"))
        .insert_header(("if-match", "*"));
    assert_eq!(shop.send(both).await.code(), "condition_not_supported");
    assert_eq!(shop.events().await, events);
}

/// Each write on an order that exists and the content of its body, for a shop with the order o1 of two lines.
fn order_writes() -> [(&'static str, &'static str, Value); 8] {
    let lines = [
        json!({"line_id": "1", "sku": "LAMP", "quantity": 2}),
        json!({"line_id": "2", "sku": "LAMP", "quantity": 1}),
    ];
    [
        ("PATCH", "/v1/orders/o1", json!({"priority": 3})),
        ("PUT", "/v1/orders/o1", json!({"lines": lines, "hold_seconds": 60})),
        ("POST", "/v1/orders/o1/confirmation", json!({})),
        ("PATCH", "/v1/orders/o1/lines/1", json!({"quantity": 3})),
        (
            "POST",
            "/v1/orders/o1/dispatch",
            json!({"lines": [{"line_id": "1", "quantity": 1}]}),
        ),
        ("DELETE", "/v1/orders/o1/dispatch", Value::Null),
        ("DELETE", "/v1/orders/o1/lines/1", Value::Null),
        ("DELETE", "/v1/orders/o1", Value::Null),
    ]
}

async fn with_an_order() -> Shop {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 20).await;
    let lines = [
        json!({"line_id": "1", "sku": "LAMP", "quantity": 4}),
        json!({"line_id": "2", "sku": "LAMP", "quantity": 5}),
    ];
    let order = json!({"order_id": "o1", "lines": lines, "hold_seconds": 600});
    let placed = shop.post("/v1/orders", &order).await;
    assert_eq!(etag(&placed), etag(&shop.get("/v1/orders/o1").await));
    shop
}

#[actix_web::test]
async fn an_order_has_an_etag_that_changes_with_it_and_with_nothing_else() {
    let shop = with_an_order().await;
    for (method, uri, body) in order_writes() {
        let tag = etag(&shop.get("/v1/orders/o1").await);
        // Another order of the product, and time.
        shop.post(
            "/v1/allocations",
            &json!({"order_id": "other", "line_id": uri, "sku": "LAMP", "quantity": 1}),
        )
        .await;
        shop.pass(1);
        assert_eq!(etag(&shop.get("/v1/orders/o1").await), tag, "before {method} {uri}");
        let written = shop.with_header(method, uri, ("if-match", &tag), &body).await;
        assert_eq!(written.status, StatusCode::OK, "{method} {uri}: {}", written.json());
        let before = tag;
        let tag = etag(&written);
        assert_eq!(etag(&shop.get("/v1/orders/o1").await), tag, "after {method} {uri}");
        assert_ne!(tag, before, "{method} {uri} is a change");
    }
}

#[actix_web::test]
async fn a_write_on_a_stale_order_is_not_executed() {
    let shop = with_an_order().await;
    let stale = etag(&shop.get("/v1/orders/o1").await);
    shop.patch("/v1/orders/o1/lines/1", &json!({"quantity": 1})).await;
    let events = shop.events().await;
    for (method, uri, body) in order_writes() {
        for condition in [&*stale, "\"17\"", "W/\"17\""] {
            let answer = shop.with_header(method, uri, ("if-match", condition), &body).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::PRECONDITION_FAILED, "stale_version".to_owned()),
                "{method} {uri} {condition}"
            );
        }
    }
    assert_eq!(shop.events().await, events);
}

#[actix_web::test]
async fn a_condition_on_an_order_that_does_not_exist_creates_none() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 20).await;
    for (method, uri, body) in order_writes() {
        for condition in ["*", "\"17\""] {
            let code = if method == "PUT" {
                "stale_version"
            } else {
                "unknown_order"
            };
            let answer = shop.with_header(method, uri, ("if-match", condition), &body).await;
            assert_eq!(answer.code(), code, "{method} {uri} {condition}");
        }
    }
    assert_eq!(shop.get("/v1/orders/o1").await.code(), "unknown_order");
}
