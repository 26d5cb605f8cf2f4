//! The HTTP interface as a whole, over an engine with a store in memory.

mod conditions;
mod document;
mod holds;
mod idempotency_keys;
mod limits;
mod other_origins;
mod previews;
mod quotes;
mod sessions;
mod shop;
mod sites;
mod sources;
mod stock;
mod subscriptions;

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use shop::Shop;

#[actix_web::test]
async fn a_batch_is_created_once_and_a_repeated_request_changes_nothing() {
    let shop = Shop::open().await;
    let batch = json!({"reference": "PO/1 é", "sku": "LAMP", "quantity": 10});
    let first = shop.post("/v1/batches", &batch).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.header("location"), Some("/v1/batches/PO%2F1%20%C3%A9"));
    assert_eq!(first.json()["available"], 10);
    let again = shop.post("/v1/batches", &batch).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, first.json()));
    let other = shop
        .post(
            "/v1/batches",
            &json!({"reference": "PO/1 é", "sku": "LAMP", "quantity": 11}),
        )
        .await;
    assert_eq!(
        (other.status, other.code()),
        (StatusCode::CONFLICT, "batch_exists".to_owned())
    );
    let shown = shop.get("/v1/batches/PO%2F1%20%C3%A9").await;
    assert_eq!((shown.status, shown.json()), (StatusCode::OK, first.json()));
    assert_eq!(shop.get("/v1/batches/none").await.code(), "unknown_batch");
}

#[actix_web::test]
async fn a_line_is_allocated_or_backordered_or_refused_with_the_available_units() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 6).await;
    shop.stock("B2", "LAMP", 6).await;
    let line = |order: &str, quantity: u32| json!({"order_id": order, "sku": "LAMP", "quantity": quantity});
    assert_eq!(
        shop.post("/v1/allocations", &line("o1", 2)).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        shop.post("/v1/allocations", &line("o1", 2)).await.status,
        StatusCode::OK
    );
    assert_eq!(shop.post("/v1/allocations", &line("o1", 3)).await.code(), "line_exists");
    let refused = shop.post("/v1/allocations", &line("o2", 10)).await;
    let body = refused.json();
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(
        (
            &body["sku"],
            &body["requested"],
            &body["available"],
            &body["largest_batch"]
        ),
        (&json!("LAMP"), &json!(10), &json!(10), &json!(6))
    );
    assert!(body["detail"].as_str().is_some_and(|detail| detail.contains("`split`")));
    let waiting = json!({"order_id": "o3", "sku": "LAMP", "quantity": 50, "on_shortage": "backorder"});
    let waits = shop.post("/v1/allocations", &waiting).await;
    assert_eq!(
        (waits.status, &waits.json()["status"]),
        (StatusCode::ACCEPTED, &json!("backordered"))
    );
    assert_eq!(shop.post("/v1/allocations", &waiting).await.status, StatusCode::OK);
    let unknown = json!({"order_id": "o4", "sku": "NONESUCH", "quantity": 1});
    let unknown = shop.post("/v1/allocations", &unknown).await;
    assert_eq!(
        (unknown.status, unknown.json()["skus"].clone()),
        (StatusCode::NOT_FOUND, json!(["NONESUCH"]))
    );
}

#[actix_web::test]
async fn an_order_is_placed_shown_and_cancelled() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 6).await;
    let order = json!({"order_id": "o 1", "lines": [
        {"sku": "LAMP", "quantity": 1}, {"line_id": "l/2", "sku": "LAMP", "quantity": 2}]});
    let placed = shop.post("/v1/orders", &order).await;
    assert_eq!(placed.status, StatusCode::CREATED);
    assert_eq!(placed.header("location"), Some("/v1/orders/o%201"));
    assert_eq!(shop.get("/v1/orders/o%201").await.json(), placed.json());
    let less = shop.delete("/v1/orders/o%201/lines/l%2F2").await;
    assert_eq!((less.status, &less.json()["status"]), (StatusCode::OK, &json!("firm")));
    assert_eq!(shop.delete("/v1/orders/o%201/lines/none").await.code(), "unknown_line");
    let gone = shop.delete("/v1/orders/o%201").await;
    assert_eq!(
        (gone.status, &gone.json()["status"]),
        (StatusCode::OK, &json!("cancelled"))
    );
    assert_eq!(shop.delete("/v1/orders/none").await.code(), "unknown_order");
    let short = json!({"order_id": "o2", "lines": [{"sku": "LAMP", "quantity": 7}]});
    let short = shop.post("/v1/orders", &short).await;
    assert_eq!(short.code(), "out_of_stock");
    assert_eq!(short.json()["shortages"][0]["available"], 6);
}

#[actix_web::test]
async fn a_lower_quantity_reports_its_effects_and_may_be_zero() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 6).await;
    let line = json!({"order_id": "o1", "sku": "LAMP", "quantity": 4});
    shop.post("/v1/allocations", &line).await;
    let counted = shop.patch("/v1/batches/B1", &json!({"quantity": 0})).await;
    assert_eq!(counted.status, StatusCode::OK);
    assert_eq!(counted.json()["batch"]["quantity"], 0);
    assert_eq!(counted.json()["effects"]["backordered"][0]["order_id"], "o1");
    let refused = shop
        .patch("/v1/batches/B1", &json!({"eta": "soon", "quantity": -1}))
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.fields(), ["quantity", "eta"]);
}

#[actix_web::test]
async fn products_are_named_listed_in_pages_and_shown_with_their_version() {
    let shop = Shop::open().await;
    for sku in ["A", "B", "C"] {
        shop.stock(&format!("of-{sku}"), sku, 5).await;
    }
    let named = shop.put("/v1/products/B", &json!({"name": "Bench"})).await;
    assert_eq!((named.status, &named.json()["name"]), (StatusCode::OK, &json!("Bench")));
    assert_eq!(named.header("etag"), Some("\"2\""));
    assert_eq!(named.json()["batches"][0]["reference"], "of-B");
    let shown = shop.get("/v1/products/B").await;
    assert_eq!(
        (shown.header("etag"), shown.json()),
        (named.header("etag"), named.json())
    );
    let skus = |page: &Value| -> Vec<Value> {
        let items = page["items"].as_array().expect("items");
        items.iter().map(|product| product["sku"].clone()).collect()
    };
    let page = shop.get("/v1/products?limit=2").await.json();
    assert_eq!(
        (skus(&page), &page["next"]),
        (vec![json!("A"), json!("B")], &json!("B"))
    );
    let page = shop.get("/v1/products?limit=2&after=B").await.json();
    assert_eq!((skus(&page), &page["next"]), (vec![json!("C")], &Value::Null));
    let page = shop.get("/v1/products?search=benc").await.json();
    assert_eq!(skus(&page), [json!("B")]);
}

#[actix_web::test]
async fn the_backlog_is_read_page_by_page_in_order_of_service() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 1).await;
    for order in ["o1", "o2", "o3"] {
        let line = json!({"order_id": order, "sku": "LAMP", "quantity": 5, "on_shortage": "backorder"});
        shop.post("/v1/allocations", &line).await;
    }
    let first = shop.get("/v1/products/LAMP/backlog?limit=2").await.json();
    assert_eq!(first["items"][0]["order_id"], "o1");
    let next = first["next"].as_str().expect("a next page");
    let second = shop
        .get(&format!("/v1/products/LAMP/backlog?limit=2&after={next}"))
        .await
        .json();
    assert_eq!(
        (&second["items"][0]["order_id"], &second["next"]),
        (&json!("o3"), &Value::Null)
    );
    assert_eq!(shop.get("/v1/products/LAMP/backlog?after=zz").await.fields(), ["after"]);
    assert_eq!(shop.get("/v1/products/none/backlog").await.code(), "unknown_sku");
}

#[actix_web::test]
async fn events_have_the_id_of_the_request_that_caused_them() {
    let shop = Shop::open().await;
    let request = shop
        .request("POST", "/v1/batches")
        .insert_header(("x-request-id", "mine-1"));
    let request = request.set_json(json!({"reference": "B1", "sku": "LAMP", "quantity": 1}));
    let answer = shop.send(request).await;
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    let page = shop.get("/v1/events?type=BatchCreated").await.json();
    assert_eq!(page["items"][0]["correlation_id"], "mine-1");
    assert_eq!(page["items"][0]["actor"], "http");
    let next = page["next"].as_str().expect("a cursor");
    let page = shop.get(&format!("/v1/events?after={next}")).await.json();
    assert_eq!((&page["items"], &page["next"]), (&json!([]), &json!(next)));
    assert_eq!(
        shop.get("/v1/events?type=Sold&after=x&limit=0").await.fields(),
        ["type", "after", "limit"]
    );
}

#[actix_web::test]
async fn a_stream_sends_the_events_after_the_last_one_seen_and_ends_when_the_service_drains() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 1).await;
    shop.stock("B2", "LAMP", 1).await;
    let events = shop.get("/v1/events").await.json();
    let first = format!("1-{}", events["items"][0]["sequence"]);
    let request = shop
        .request("GET", "/v1/events/stream")
        .insert_header(("last-event-id", first.as_str()));
    let mut stream = shop.open_stream(request).await;
    let text = stream.until("\n\nid: ").await;
    assert!(!text.contains(&format!("id: {first}\n")), "{text}");
    assert!(text.contains("event: ") && text.contains("\ndata: {"), "{text}");
    shop.readiness.drain();
    stream.end().await;
    let refused = shop.get("/v1/events/stream").await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "shutting_down".to_owned())
    );
    assert_eq!(shop.get("/health/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.get("/health/live").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn the_metrics_say_what_the_probe_would_say() {
    let shop = Shop::open().await;
    let says = async |line: &str| {
        let metrics = shop.get("/metrics").await;
        let text = metrics.text();
        text.lines().any(|said| said == line)
    };
    assert!(says("earmark_ready 1").await);
    shop.readiness.drain();
    assert!(says("earmark_ready 0").await);
}

#[actix_web::test]
async fn a_bulk_stream_answers_each_line_in_the_order_sent_as_the_single_call_would() {
    let shop = Shop::open().await;
    let long = format!("{{\"create_batch\": \"{}\"}}", "x".repeat(1_100_000));
    let lines = [
        r#"{"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 10}}"#,
        "",
        r#"{"allocate": {"order_id": "o1", "sku": "LAMP", "quantity": 3}}"#,
        "not json",
        &long,
        r#"{"place_order": {"order_id": "o2", "lines": [{"sku": "LAMP", "quantity": 0}]}}"#,
        r#"{"place_order": {"order_id": "o2", "lines": [{"sku": "LAMP", "quantity": 99}]}}"#,
        r#"{"put_product": {"sku": "LAMP", "name": "Lamp"}}"#,
        r#"{"allocate": {"order_id": "o1", "sku": "LAMP", "quantity": 3}}"#,
    ];
    let request = shop
        .request("POST", "/v1/bulk")
        .insert_header(("content-type", "application/x-ndjson"));
    let answer = shop.send(request.set_payload(lines.join("\n"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answers: Vec<Value> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let statuses: Vec<u64> = answers.iter().filter_map(|answer| answer["status"].as_u64()).collect();
    assert_eq!(statuses, [201, 201, 400, 413, 422, 409, 200, 200]);
    let unchanged = answers.iter().map(|answer| answer["unchanged"] == true);
    assert_eq!(
        unchanged.collect::<Vec<_>>(),
        [false, false, false, false, false, false, false, true]
    );
    assert_eq!(
        answers[4]["body"]["errors"][0]["field"],
        "place_order.lines[0].quantity"
    );
    assert_eq!(answers[6]["body"], shop.get("/v1/products/LAMP").await.json());
    let single = json!({"order_id": "o1", "sku": "LAMP", "quantity": 3});
    assert_eq!(answers[7]["body"], shop.post("/v1/allocations", &single).await.json());
}

#[actix_web::test]
async fn a_bulk_stream_ends_when_the_service_drains_and_shows_from_where_to_send_again() {
    let shop = Shop::open().await;
    shop.readiness.drain();
    let line = r#"{"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 10}}"#;
    let request = shop
        .request("POST", "/v1/bulk")
        .insert_header(("content-type", "application/x-ndjson"));
    let answer = shop.send(request.set_payload(line)).await;
    let answer: Value = serde_json::from_str(answer.text()).expect("one line of JSON");
    assert_eq!(
        (&answer["status"], &answer["body"]["code"]),
        (&json!(503), &json!("shutting_down"))
    );
    assert_eq!(shop.get("/v1/batches/B1").await.code(), "unknown_batch");
}

#[actix_web::test]
async fn the_books_api_answers_exactly_as_in_the_book() {
    let shop = Shop::open().await;
    let added = json!({"ref": "b1", "sku": "TABLE", "qty": 3, "eta": "2026-02-02T00:00:00"});
    let added = shop.post("/add_batch", &added).await;
    assert_eq!((added.status, added.text()), (StatusCode::CREATED, "OK"));
    let line = |order: &str, sku: &str, qty: u32| json!({"orderid": order, "sku": sku, "qty": qty});
    let allocated = shop.post("/allocate", &line("o1", "TABLE", 3)).await;
    assert_eq!((allocated.status, allocated.text()), (StatusCode::ACCEPTED, "OK"));
    let short = shop.post("/allocate", &line("o2", "TABLE", 1)).await;
    assert_eq!((short.status, short.text()), (StatusCode::ACCEPTED, "OK"));
    let unknown = shop.post("/allocate", &line("o2", "NONESUCH", 1)).await;
    assert_eq!(
        (unknown.status, unknown.json()),
        (StatusCode::BAD_REQUEST, json!({"message": "Invalid sku NONESUCH"}))
    );
    let shown = shop.get("/allocations/o1").await;
    assert_eq!(
        (shown.status, shown.json()),
        (StatusCode::OK, json!([{"sku": "TABLE", "batchref": "b1"}]))
    );
    assert_eq!(shop.get("/allocations/o2").await.status, StatusCode::NOT_FOUND);
    let events = shop.get("/v1/events?type=OutOfStock").await.json();
    assert_eq!(events["items"][0]["order_id"], "o2");
}

#[actix_web::test]
async fn every_error_is_a_problem() {
    let shop = Shop::open().await;
    let json_type = ("content-type", "application/json");
    let post = || shop.request("POST", "/v1/orders").insert_header(json_type);
    let oversized = format!("{{\"order_id\": \"{}\"}}", "x".repeat(1_100_000));
    let untyped = shop.bare_request("POST", "/v1/orders").set_payload("{}");
    for (request, status, code) in [
        (post(), 400, "malformed_json"),
        (post().set_payload("{} {}"), 400, "malformed_json"),
        (post().set_payload(&b"{\"a\": \"\xff\"}"[..]), 400, "malformed_json"),
        (post().set_payload("[]"), 422, "invalid_request"),
        (post().set_payload(oversized), 413, "payload_too_large"),
        (untyped, 415, "unsupported_media_type"),
        (
            post().insert_header(("content-encoding", "gzip")),
            415,
            "unsupported_media_type",
        ),
        (shop.request("GET", "/v1/nothing"), 404, "not_found"),
        (shop.request("GET", "/v1/orders/"), 404, "not_found"),
        (shop.request("PUT", "/v1/batches/b1"), 405, "method_not_allowed"),
        (shop.request("BREW", "/v1/batches/b1"), 405, "method_not_allowed"),
        (shop.request("GET", "/docs/none.js"), 404, "not_found"),
        (shop.request("GET", "/problems/none"), 404, "not_found"),
        (shop.request("GET", "/v1/orders/%ff"), 422, "invalid_request"),
        (shop.request("GET", "/v1/orders/%0a"), 422, "invalid_request"),
        (
            shop.request("DELETE", "/v1/orders/%20/lines/%20"),
            422,
            "invalid_request",
        ),
    ] {
        let answer = shop.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code.to_owned()));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 36));
        let body = answer.json();
        assert_eq!(body["type"], format!("/problems/{code}"));
        assert_eq!(body["status"], status);
        let page = shop.get(&format!("/problems/{code}")).await;
        assert!(page.status == StatusCode::OK && page.text().contains(code));
    }
    let put = shop.send(shop.request("PUT", "/v1/batches/b1")).await;
    assert_eq!(put.header("allow"), Some("DELETE, GET, HEAD, PATCH"));
}

#[actix_web::test]
async fn the_dashboard_shows_what_runs_and_loads_nothing_from_elsewhere() {
    let shop = Shop::open().await;
    let page = shop.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text().contains("memory &lt;of&gt; a test"),
        "text from outside is escaped"
    );
    assert!(
        page.header("content-security-policy")
            .is_some_and(|policy| policy.starts_with("default-src 'none'"))
    );
    for (path, kind) in [
        ("/favicon.ico", "image/svg+xml"),
        ("/docs/", "text/html"),
        ("/docs/swagger-ui.css", "text/css"),
    ] {
        let file = shop.get(path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert_eq!(
            file.header("content-type").map(|given| given.starts_with(kind)),
            Some(true),
            "{path}"
        );
    }
    let metrics = shop.get("/metrics").await;
    let counted = "earmark_http_requests_total{method=\"GET\",route=\"/\",status=\"2xx\"} 1";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}
