//! Every call of the document, about some names.

use reqwest::Method;
use serde_json::{Value, json};

/// What everybody else has is named so. Where it is shown, somebody sees what is not theirs.
pub(crate) const SECRET: &str = "SECRET";

/// A name of which there is nothing.
pub(crate) const ABSENT: &str = "ABSENT";

/// The names that a round of calls is about.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) order: String,
    pub(crate) sku: String,
    pub(crate) batch: String,
}

impl Names {
    pub(crate) fn new(order: &str, sku: &str, batch: &str) -> Self {
        Self {
            order: order.to_owned(),
            sku: sku.to_owned(),
            batch: batch.to_owned(),
        }
    }

    /// The same, of which there is nothing.
    pub(crate) fn absent(&self) -> Self {
        let absent = |name: &str| name.replace(SECRET, ABSENT);
        Self::new(&absent(&self.order), &absent(&self.sku), &absent(&self.batch))
    }
}

/// A call of the document, about these names.
pub(crate) struct Call {
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// Every call, in several ways where it can be made so. What nobody but an administrator may is among them, too.
pub(crate) fn calls(names: &Names) -> Vec<Call> {
    let Names { order, sku, batch } = names;
    let get = |id, path: String| Call {
        id,
        method: Method::GET,
        path,
        body: Value::Null,
    };
    let send = |id, method, path: String, body| Call { id, method, path, body };
    let line = json!({"sku": sku, "quantity": 1});
    let lines = json!([line]);
    let commands = [
        json!({"put_product": {"sku": sku, "safety_stock": 1}}),
        json!({"create_batch": {"reference": format!("{batch}-2"), "sku": sku, "quantity": 1}}),
        json!({"change_batch": {"reference": batch, "quantity": 90}}),
        json!({"receive_batch": {"reference": batch}}),
        json!({"undo_receipt": {"reference": batch}}),
        json!({"cancel_batch": {"reference": batch}}),
        json!({"allocate": {"order_id": order, "line_id": "bulk", "sku": sku, "quantity": 1}}),
        json!({"place_order": {"order_id": order, "lines": lines}}),
        json!({"replace_order": {"order_id": order, "lines": lines}}),
        json!({"confirm_order": {"order_id": order}}),
        json!({"change_order": {"order_id": order, "priority": 3}}),
        json!({"change_line": {"order_id": order, "line_id": "1", "quantity": 2}}),
        json!({"cancel_line": {"order_id": order, "line_id": "1"}}),
        json!({"dispatch_order": {"order_id": order}}),
        json!({"undo_dispatch": {"order_id": order}}),
        json!({"quote": {"lines": lines}}),
        json!({"reallocate": {"sku": sku}}),
        json!({"cancel_order": {"order_id": order}}),
    ];
    let bulk: String = commands.iter().map(|command| format!("{command}\n")).collect();
    let mut calls = vec![
        get("live", "/health/live".to_owned()),
        get("ready", "/health/ready".to_owned()),
        get("openapi", "/openapi.json".to_owned()),
        get("asyncapi", "/asyncapi.json".to_owned()),
        get("page", "/".to_owned()),
        get("favicon", "/favicon.ico".to_owned()),
        get("problem", "/problems/forbidden".to_owned()),
        get("metrics", "/metrics".to_owned()),
        get("show_batch", format!("/v1/batches/{batch}")),
        get("show_order", format!("/v1/orders/{order}")),
        get("book_allocations", format!("/allocations/{order}")),
        get("show_product", format!("/v1/products/{sku}")),
        get("show_availability", format!("/v1/products/{sku}/availability")),
        get("show_backlog", format!("/v1/products/{sku}/backlog?limit=1")),
        get("show_product_in_time", format!("/v1/products/{sku}/outlook")),
        get("list_lines_of_batch", format!("/v1/batches/{batch}/lines")),
        get("list_lines_at_risk", "/v1/outlook/risks".to_owned()),
        get("list_late_batches", "/v1/outlook/late-batches".to_owned()),
        get("count_waiting_lines", "/v1/outlook/backlog".to_owned()),
        get("list_waiting_lines", "/v1/outlook/backlog/lines".to_owned()),
        get("list_changes", "/v1/outlook/changes".to_owned()),
        get("list_ending_holds", "/v1/outlook/holds".to_owned()),
        get("list_keys", "/v1/keys".to_owned()),
        get("list_sessions", "/v1/sessions".to_owned()),
        get("list_audit", "/v1/audit".to_owned()),
        get("audit_page", "/audit".to_owned()),
        get("list_subscriptions", "/v1/subscriptions".to_owned()),
        get("list_dead_letters", "/v1/subscriptions/log/dead-letters".to_owned()),
        get("list_sources", "/v1/sources".to_owned()),
        get("list_dead_messages", "/v1/sources/orders/dead-messages".to_owned()),
        get("list_events", format!("/v1/events?sku={sku}")),
        get("list_events", format!("/v1/events?order_id={order}")),
        // Nor does the place where a page ends tell that there is anything.
        get("list_events", format!("/v1/events?sku={sku}&limit=1")),
        get("list_events", format!("/v1/events?order_id={order}&limit=1")),
        get(
            "list_events",
            format!("/v1/events?order_id={order}&sku={sku}&type=Allocated"),
        ),
        send("quote", Method::POST, "/v1/quotes".to_owned(), json!({"lines": lines})),
        send(
            "put_product",
            Method::PUT,
            format!("/v1/products/{sku}"),
            json!({"name": "x"}),
        ),
        send(
            "create_batch",
            Method::POST,
            "/v1/batches".to_owned(),
            json!({"reference": format!("{batch}-1"), "sku": sku, "quantity": 1}),
        ),
        send(
            "book_add_batch",
            Method::POST,
            "/add_batch".to_owned(),
            json!({"ref": format!("{batch}-0"), "sku": sku, "qty": 1, "eta": null}),
        ),
        send(
            "allocate",
            Method::POST,
            "/v1/allocations".to_owned(),
            json!({"order_id": order, "line_id": "more", "sku": sku, "quantity": 1}),
        ),
        send(
            "book_allocate",
            Method::POST,
            "/allocate".to_owned(),
            json!({"orderid": order, "sku": sku, "qty": 1}),
        ),
        send(
            "place_order",
            Method::POST,
            "/v1/orders".to_owned(),
            json!({"order_id": order, "lines": lines}),
        ),
        send(
            "replace_order",
            Method::PUT,
            format!("/v1/orders/{order}"),
            json!({"lines": lines}),
        ),
        send(
            "confirm_order",
            Method::POST,
            format!("/v1/orders/{order}/confirmation"),
            json!({}),
        ),
        send(
            "change_order",
            Method::PATCH,
            format!("/v1/orders/{order}"),
            json!({"priority": 5}),
        ),
        send(
            "change_line",
            Method::PATCH,
            format!("/v1/orders/{order}/lines/1"),
            json!({"quantity": 3}),
        ),
        send(
            "dispatch_order",
            Method::POST,
            format!("/v1/orders/{order}/dispatch"),
            json!({}),
        ),
        send(
            "undo_dispatch",
            Method::DELETE,
            format!("/v1/orders/{order}/dispatch"),
            json!({}),
        ),
        send(
            "reallocate",
            Method::POST,
            format!("/v1/products/{sku}/reallocation"),
            json!({}),
        ),
        send(
            "receive_batch",
            Method::POST,
            format!("/v1/batches/{batch}/receipt"),
            json!({}),
        ),
        send(
            "undo_receipt",
            Method::DELETE,
            format!("/v1/batches/{batch}/receipt"),
            json!({}),
        ),
        send(
            "change_batch",
            Method::PATCH,
            format!("/v1/batches/{batch}"),
            json!({"quantity": 95}),
        ),
        send("bulk", Method::POST, "/v1/bulk".to_owned(), Value::String(bulk)),
        send(
            "cancel_line",
            Method::DELETE,
            format!("/v1/orders/{order}/lines/1"),
            json!({}),
        ),
        send("cancel_order", Method::DELETE, format!("/v1/orders/{order}"), json!({})),
        send(
            "cancel_batch",
            Method::DELETE,
            format!("/v1/batches/{batch}"),
            json!({}),
        ),
        send(
            "create_key",
            Method::POST,
            "/v1/keys".to_owned(),
            json!({"name": "k", "roles": ["viewer"]}),
        ),
        send(
            "rotate_key",
            Method::POST,
            "/v1/keys/root/rotation".to_owned(),
            json!({}),
        ),
        send("revoke_key", Method::DELETE, "/v1/keys/root".to_owned(), json!({})),
        send(
            "end_session",
            Method::DELETE,
            "/v1/sessions/6f1c09d2a4e7".to_owned(),
            json!({}),
        ),
        send(
            "change_subscription",
            Method::PATCH,
            "/v1/subscriptions/log".to_owned(),
            json!({"enabled": true}),
        ),
    ];
    for (id, path) in [
        ("replay_dead_letters", "/v1/subscriptions/log/replay"),
        ("skip_dead_letters", "/v1/subscriptions/log/skip"),
        ("replay_dead_messages", "/v1/sources/orders/replay"),
        ("skip_dead_messages", "/v1/sources/orders/skip"),
    ] {
        calls.push(send(id, Method::POST, path.to_owned(), json!({})));
    }
    // Lists, from the beginning and behind what is nobody's.
    for query in [
        "limit=1".to_owned(),
        "limit=500".to_owned(),
        "limit=2&after=A".to_owned(),
    ] {
        calls.push(get("list_products", format!("/v1/products?{query}")));
        calls.push(get("list_products", format!("/v1/products?{query}&search=E")));
        calls.push(get("list_orders", format!("/v1/orders?{query}")));
        calls.push(get("list_orders", format!("/v1/orders?{query}&waiting=true&sku={sku}")));
        calls.push(get("list_batches", format!("/v1/batches?{query}")));
        calls.push(get(
            "list_batches",
            format!("/v1/batches?{query}&sku={sku}&location=main"),
        ));
    }
    for query in ["limit=1", "limit=1000", "type=Allocated,OrderPlaced,Backordered"] {
        calls.push(get("list_events", format!("/v1/events?{query}")));
    }
    calls
}
