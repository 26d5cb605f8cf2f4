//! Errors before any command is read: every answer is a problem document (RFC 9457).

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use reqwest::Method;
use serde_json::json;

/// Every call that requires a JSON body.
const WRITES: [(Method, &str); 11] = [
    (Method::POST, "/v1/batches"),
    (Method::PATCH, "/v1/batches/B1"),
    (Method::POST, "/v1/allocations"),
    (Method::POST, "/v1/orders"),
    (Method::PUT, "/v1/orders/o1"),
    (Method::PATCH, "/v1/orders/o1"),
    (Method::PATCH, "/v1/orders/o1/lines/LAMP"),
    (Method::POST, "/v1/quotes"),
    (Method::PUT, "/v1/products/LAMP"),
    (Method::POST, "/add_batch"),
    (Method::POST, "/allocate"),
];

/// Every call with an optional body.
const BARE_WRITES: [(Method, &str); 4] = [
    (Method::POST, "/v1/batches/B1/receipt"),
    (Method::POST, "/v1/orders/o1/confirmation"),
    (Method::POST, "/v1/orders/o1/dispatch"),
    (Method::DELETE, "/v1/orders/o1/dispatch"),
];

/// A valid body for creating a batch.
const BATCH: &str = r#"{"reference": "B1", "sku": "LAMP", "quantity": 1}"#;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn a_path_that_does_not_exist_is_not_found(desk: Desk) {
    for path in [
        "/v2/batches",
        "/v1",
        "/v1/",
        "/v1/batches/",
        "/v1/batches/B1/receipts",
        "/v1/quotes/1",
        "/nowhere",
        "/v1/orders/o1/x",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let reply = desk.send(method, path, &JSON, BATCH).await;
            let _ = reply.refuses(404, "not_found");
        }
    }
    assert_eq!(desk.state().await.events.len(), 0);
}

async fn an_unknown_method_is_answered_with_the_allowed_ones(desk: Desk) {
    for (method, path, allowed) in [
        (Method::PUT, "/v1/batches", vec!["GET", "HEAD", "POST"]),
        (Method::PUT, "/v1/batches/B1", vec!["DELETE", "GET", "HEAD", "PATCH"]),
        (Method::PUT, "/v1/allocations", vec!["POST"]),
        (Method::PUT, "/v1/orders", vec!["GET", "HEAD", "POST"]),
        (
            Method::POST,
            "/v1/orders/o1",
            vec!["DELETE", "GET", "HEAD", "PATCH", "PUT"],
        ),
        (Method::GET, "/v1/orders/o1/lines/l1", vec!["DELETE", "PATCH"]),
        (Method::GET, "/v1/orders/o1/confirmation", vec!["POST"]),
        (Method::GET, "/v1/orders/o1/dispatch", vec!["DELETE", "POST"]),
        (Method::GET, "/v1/batches/B1/receipt", vec!["DELETE", "POST"]),
        (Method::GET, "/v1/quotes", vec!["POST"]),
        (Method::POST, "/v1/products/LAMP/availability", vec!["GET", "HEAD"]),
        (Method::DELETE, "/v1/products/LAMP", vec!["GET", "HEAD", "PUT"]),
        (Method::POST, "/v1/products", vec!["GET", "HEAD"]),
        (Method::POST, "/v1/products/LAMP/backlog", vec!["GET", "HEAD"]),
        (Method::POST, "/v1/events", vec!["GET", "HEAD"]),
        (Method::POST, "/v1/events/stream", vec!["GET", "HEAD"]),
        (Method::GET, "/v1/bulk", vec!["POST"]),
        (Method::GET, "/add_batch", vec!["POST"]),
        (Method::GET, "/allocate", vec!["POST"]),
        (Method::DELETE, "/allocations/o1", vec!["GET", "HEAD"]),
        (Method::POST, "/health/live", vec!["GET", "HEAD"]),
        (Method::POST, "/metrics", vec!["GET", "HEAD"]),
        (Method::POST, "/", vec!["GET", "HEAD"]),
    ] {
        let reply = desk.send(method.clone(), path, &JSON, BATCH).await;
        let _ = reply.refuses(405, "method_not_allowed");
        let allow = reply.header("allow").expect("the methods that are allowed");
        let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods, allowed, "{method} {path}");
    }
}

async fn a_body_of_another_media_type_is_not_supported(desk: Desk) {
    for (method, path) in WRITES {
        for headers in [
            vec![("content-type", "text/plain")],
            vec![("content-type", "application/x-www-form-urlencoded")],
            vec![("content-type", "application/jsonx")],
            vec![],
            vec![("content-type", "application/json"), ("content-encoding", "gzip")],
        ] {
            let _ = desk
                .send(method.clone(), path, &headers, BATCH)
                .await
                .refuses(415, "unsupported_media_type");
        }
    }
    let bulk = [("content-type", "text/csv")];
    let _ = desk
        .send(Method::POST, "/v1/bulk", &bulk, "")
        .await
        .refuses(415, "unsupported_media_type");
    assert_eq!(desk.state().await.events.len(), 0);
    let mixed_case = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(
        desk.send(Method::POST, "/v1/batches", &mixed_case, BATCH).await.status,
        201
    );
}

async fn an_absent_optional_body_counts_as_an_empty_object(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let _ = desk.allocate("o1", "LAMP", 1).await.answers(201);
    for (method, path) in BARE_WRITES {
        let _ = desk.send(method.clone(), path, &JSON, "").await.answers(200);
        // A form of a web page can send these.
        for headers in [vec![], vec![("content-type", "text/plain")]] {
            let reply = desk.send(method.clone(), path, &headers, "").await;
            let _ = reply.refuses(415, "unsupported_media_type");
        }
        let _ = desk.send(method.clone(), path, &JSON, "{}").await.answers(200);
        let typed = desk
            .send(method.clone(), path, &[("content-type", "text/plain")], "{}")
            .await;
        let _ = typed.refuses(415, "unsupported_media_type");
        for (body, code) in [("{", (400, "malformed_json")), ("[]", (422, "invalid_request"))] {
            let _ = desk
                .send(method.clone(), path, &JSON, body)
                .await
                .refuses(code.0, code.1);
        }
        let unknown = desk.send(method, path, &JSON, r#"{"colour": "red"}"#).await;
        assert_eq!(unknown.fields_at_fault(), ["colour"], "{path}");
    }
}

async fn a_body_that_is_not_json_is_malformed(desk: Desk) {
    let deep = "[".repeat(100_000);
    let wrong: [&[u8]; 14] = [
        b"",
        b" \n ",
        b"{",
        b"{\"reference\": \"B1\", \"sku\": \"LAMP\", \"quantity\": 1",
        b"{\"reference\": \"B1\", \"sku\": \"LAMP\", \"quantity\": 1} x",
        b"{\"reference\": \"B1\", \"sku\": \"LAMP\", \"quantity\": 1}{}",
        b"{'reference': 'B1', 'sku': 'LAMP', 'quantity': 1}",
        b"{\"reference\": \"B1\", \"sku\": \"LAMP\", \"quantity\": 1,}",
        b"{\"reference\": \"B1\", \"sku\": \"LAMP\", \"quantity\": NaN}",
        b"{\"reference\": \"B1\", \"sku\": \"LAMP\", \"quantity\": 01}",
        b"{\"reference\": \"B\xff\", \"sku\": \"LAMP\", \"quantity\": 1}",
        b"{\"reference\": \"\\ud800\", \"sku\": \"LAMP\", \"quantity\": 1}",
        b"reference=B1&sku=LAMP&quantity=1",
        deep.as_bytes(),
    ];
    for body in wrong {
        for (method, path) in WRITES {
            let _ = desk
                .send(method, path, &JSON, body)
                .await
                .refuses(400, "malformed_json");
        }
    }
    assert_eq!(desk.state().await.events.len(), 0);
}

async fn json_that_is_not_an_object_is_invalid(desk: Desk) {
    for body in [
        "null",
        "[]",
        "7",
        "\"B1\"",
        "true",
        "[{\"reference\": \"B1\", \"sku\": \"LAMP\", \"quantity\": 1}]",
    ] {
        for (method, path) in WRITES {
            let reply = desk.send(method, path, &JSON, body).await;
            let _ = reply.refuses(422, "invalid_request");
        }
    }
    assert_eq!(desk.state().await.events.len(), 0);
}

async fn a_body_of_more_than_a_mebibyte_is_too_large_in_any_encoding(desk: Desk) {
    let padded = |bytes: usize| format!("{}{BATCH}", " ".repeat(bytes - BATCH.len()));
    for (method, path) in WRITES {
        let _ = desk
            .send(method, path, &JSON, padded(1024 * 1024 + 1))
            .await
            .refuses(413, "payload_too_large");
    }

    let mut chunked = desk.raw().await;
    chunked
        .begin_post("/v1/batches", "transfer-encoding: chunked\r\n")
        .await;
    for _ in 0..32 {
        chunked.chunk(" ".repeat(64 * 1024)).await;
    }
    chunked.chunk(BATCH).await;
    chunked.last_chunk().await;
    let _ = chunked.reply().await.refuses(413, "payload_too_large");

    // A body that is announced to be huge is refused before it arrives.
    let mut announced = desk.raw().await;
    announced
        .begin_post("/v1/batches", "content-length: 1000000000000\r\n")
        .await;
    let _ = announced.reply().await.refuses(413, "payload_too_large");
    assert_eq!(desk.state().await.events.len(), 0);

    let largest = desk.send(Method::POST, "/v1/batches", &JSON, padded(1024 * 1024)).await;
    assert_eq!(largest.status, 201);
}

async fn an_unknown_query_parameter_is_never_ignored(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let _ = desk.allocate("o1", "LAMP", 1).await.answers(201);
    let stored = desk.state().await;
    let fresh = json!({"reference": "B2", "sku": "LAMP", "quantity": 1});
    for (method, path, body) in [
        (Method::POST, "/v1/batches", fresh.clone()),
        (Method::PATCH, "/v1/batches/B1", json!({"quantity": 5})),
        (
            Method::POST,
            "/v1/allocations",
            json!({"order_id": "o2", "sku": "LAMP", "quantity": 1}),
        ),
        (
            Method::POST,
            "/v1/orders",
            json!({"order_id": "o2", "lines": [{"sku": "LAMP", "quantity": 1}]}),
        ),
        (Method::PUT, "/v1/products/LAMP", json!({"name": "A lamp"})),
        (Method::POST, "/v1/batches/B1/receipt", json!({})),
        (Method::DELETE, "/v1/batches/B1", json!({})),
        (Method::POST, "/v1/orders/o1/dispatch", json!({})),
        (Method::DELETE, "/v1/orders/o1", json!({})),
        (Method::DELETE, "/v1/orders/o1/lines/LAMP", json!({})),
        (
            Method::POST,
            "/add_batch",
            json!({"ref": "B2", "sku": "LAMP", "qty": 1, "eta": null}),
        ),
        (
            Method::POST,
            "/allocate",
            json!({"orderid": "o2", "sku": "LAMP", "qty": 1}),
        ),
        (Method::POST, "/v1/bulk", json!({"create_batch": fresh})),
    ] {
        for query in ["preveiw=true", "dry_run", "Preview=true"] {
            let media = if path == "/v1/bulk" {
                "application/x-ndjson"
            } else {
                "application/json"
            };
            let headers = [("content-type", media)];
            let reply = desk
                .send(method.clone(), &format!("{path}?{query}"), &headers, body.to_string())
                .await;
            let name = query.split('=').next().unwrap_or_default();
            assert_eq!(reply.fields_at_fault(), [name], "{method} {path}");
        }
    }
    let line = json!({"orderid": "o2", "sku": "LAMP", "qty": 1});
    let book = desk.post("/allocate?preview=true", &line).await;
    assert_eq!(book.fields_at_fault(), ["preview"], "the book has no previews");
    let bulk = [("content-type", "application/x-ndjson")];
    let bulk = desk.send(Method::POST, "/v1/bulk?preview=true", &bulk, "").await;
    assert_eq!(bulk.fields_at_fault(), ["preview"]);
    for path in [
        "/v1/batches/B1",
        "/v1/orders/o1",
        "/v1/products",
        "/v1/products/LAMP",
        "/v1/products/LAMP/backlog",
        "/v1/events",
    ] {
        let reply = desk.get(&format!("{path}?colour=red")).await;
        assert_eq!(reply.fields_at_fault(), ["colour"], "{path}");
    }
    assert_eq!(desk.state().await, stored);
}

/// A client that sends a condition relies on it.
async fn a_write_with_an_unsupported_condition_is_not_executed(desk: Desk) {
    let _ = desk.buy("B1", "LAMP", 10).await;
    let stored = desk.state().await;
    for condition in ["if-match", "if-unmodified-since"] {
        for (method, path) in WRITES {
            let mut versioned = ["/v1/batches/", "/v1/orders/", "/v1/products/"].into_iter();
            let is_checked = versioned.any(|folder| path.starts_with(folder));
            if condition == "if-match" && is_checked {
                continue;
            }
            let headers = [("content-type", "application/json"), (condition, "\"1\"")];
            let body = json!({"quantity": 5}).to_string();
            let reply = desk.send(method, path, &headers, body).await;
            let _ = reply.refuses(501, "condition_not_supported");
        }
    }
    // Where there is no such call, that is the problem.
    for (path, status, code) in [
        ("/v1/allocations", 405, "method_not_allowed"),
        ("/nowhere", 404, "not_found"),
    ] {
        let headers = [("content-type", "application/json"), ("if-range", "\"1\"")];
        let _ = desk.send(Method::PUT, path, &headers, "{}").await.refuses(status, code);
    }
    assert_eq!(desk.state().await, stored);
}

async fn a_name_in_the_path_is_well_encoded_and_valid(desk: Desk) {
    for (path, field) in [
        ("/v1/batches/%FF", "reference"),
        ("/v1/batches/%20B1", "reference"),
        ("/v1/batches/a%0Ab", "reference"),
        ("/v1/products/%00", "sku"),
        ("/v1/orders/%F0%28%8C%28", "order_id"),
    ] {
        assert_eq!(desk.raw().await.get(path).await.fields_at_fault(), [field], "{path}");
    }
    let long = format!("/v1/orders/{}", "x".repeat(65));
    assert_eq!(desk.get(&long).await.fields_at_fault(), ["order_id"]);
}

async fn the_type_of_a_problem_is_the_path_of_its_page(desk: Desk) {
    for code in [
        "out_of_stock",
        "unknown_sku",
        "malformed_json",
        "invalid_request",
        "not_held",
        "hold_expired",
        "exceeds_hold",
        "already_dispatched",
        "line_ended",
        "not_in_warehouse",
        "not_firm",
        "not_allocated",
        "batch_closed",
        "stale_version",
        "malformed_condition",
    ] {
        let page = desk.get(&format!("/problems/{code}")).await;
        assert_eq!((page.status, page.media_type()), (200, "text/html"));
        assert!(page.text().contains(code));
    }
    let _ = desk.get("/problems/none").await.refuses(404, "not_found");
}

async fn a_running_service_is_alive_and_ready(desk: Desk) {
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(desk.get(path).await.status, 200);
    }
    let figures = desk.get("/metrics").await;
    assert_eq!(figures.status, 200);
    assert!(figures.text().contains("# EOF"), "OpenMetrics text has an end");
}

async fn every_get_has_a_head(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    for path in [
        "/v1/batches/B1",
        "/v1/products",
        "/v1/products/LAMP",
        "/v1/events",
        "/health/ready",
        "/",
    ] {
        let got = desk.get(path).await;
        let asked = desk.send(Method::HEAD, path, &[], "").await;
        assert_eq!(
            (asked.status, asked.media_type(), asked.body.len()),
            (200, got.media_type(), 0),
            "{path}"
        );
        assert_eq!(asked.header("etag"), got.header("etag"), "{path}");
    }
    let missing = desk.send(Method::HEAD, "/v1/batches/B2", &[], "").await;
    assert_eq!((missing.status, missing.body.len()), (404, 0));
}

async fn the_document_describes_every_call(desk: Desk) {
    let document = desk.get("/openapi.json").await.answers(200);
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let paths = document["paths"].as_object().expect("paths");
    for (path, method) in [
        ("/v1/batches", "post"),
        ("/v1/batches/{reference}", "get"),
        ("/v1/batches/{reference}", "patch"),
        ("/v1/allocations", "post"),
        ("/v1/orders", "post"),
        ("/v1/orders/{order_id}", "get"),
        ("/v1/orders/{order_id}", "delete"),
        ("/v1/orders/{order_id}/lines/{line_id}", "delete"),
        ("/v1/products", "get"),
        ("/v1/products/{sku}", "get"),
        ("/v1/products/{sku}", "put"),
        ("/v1/products/{sku}/backlog", "get"),
        ("/v1/events", "get"),
        ("/v1/events/stream", "get"),
        ("/v1/batches/{reference}", "delete"),
        ("/v1/batches/{reference}/receipt", "post"),
        ("/v1/batches/{reference}/receipt", "delete"),
        ("/v1/orders/{order_id}", "put"),
        ("/v1/orders/{order_id}/lines/{line_id}", "patch"),
        ("/v1/orders/{order_id}/confirmation", "post"),
        ("/v1/orders/{order_id}/dispatch", "post"),
        ("/v1/orders/{order_id}/dispatch", "delete"),
        ("/v1/quotes", "post"),
        ("/v1/products/{sku}/availability", "get"),
        ("/v1/bulk", "post"),
        ("/add_batch", "post"),
        ("/allocate", "post"),
        ("/allocations/{orderid}", "get"),
    ] {
        assert!(
            paths.get(path).and_then(|item| item.get(method)).is_some(),
            "{method} {path}"
        );
    }
}

on_each_database! {
    a_path_that_does_not_exist_is_not_found,
    an_unknown_method_is_answered_with_the_allowed_ones,
    a_body_of_another_media_type_is_not_supported,
    an_absent_optional_body_counts_as_an_empty_object,
    a_body_that_is_not_json_is_malformed,
    json_that_is_not_an_object_is_invalid,
    a_body_of_more_than_a_mebibyte_is_too_large_in_any_encoding,
    an_unknown_query_parameter_is_never_ignored,
    a_write_with_an_unsupported_condition_is_not_executed,
    a_name_in_the_path_is_well_encoded_and_valid,
    the_type_of_a_problem_is_the_path_of_its_page,
    a_running_service_is_alive_and_ready,
    every_get_has_a_head,
    the_document_describes_every_call,
}
