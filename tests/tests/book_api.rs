//! The book's API: the allocation service of "Architecture Patterns with Python", exactly as its clients know it.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, Reply};
use serde_json::{Value, json};

/// Asserts the book's answer to an accepted command.
#[track_caller]
fn assert_ok(reply: &Reply, status: u16) {
    assert_eq!((reply.status, reply.text()), (status, "OK"));
    assert_eq!(reply.media_type(), "text/plain");
}

async fn add_batch(desk: &Desk, reference: &str, sku: &str, quantity: u64, eta: Option<&str>) {
    let batch = json!({"ref": reference, "sku": sku, "qty": quantity, "eta": eta});
    assert_ok(&desk.post("/add_batch", &batch).await, 201);
}

async fn allocate(desk: &Desk, order: &str, sku: &str, quantity: u64) -> Reply {
    desk.post("/allocate", &json!({"orderid": order, "sku": sku, "qty": quantity}))
        .await
}

/// The allocations of an order, if it has any.
async fn allocations(desk: &Desk, order: &str) -> Option<Value> {
    let reply = desk.get(&format!("/allocations/{order}")).await;
    match reply.status {
        404 => None,
        _ => Some(reply.answers(200)),
    }
}

async fn an_order_is_allocated_to_the_batch_that_arrives_first_and_its_allocation_is_shown(desk: Desk) {
    add_batch(&desk, "later", "SOFA", 100, Some("2011-01-02")).await;
    add_batch(&desk, "earlier", "SOFA", 100, Some("2011-01-01")).await;
    add_batch(&desk, "other", "TABLE", 100, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 3).await, 202);
    assert_eq!(
        allocations(&desk, "order-1").await,
        Some(json!([{"sku": "SOFA", "batchref": "earlier"}]))
    );
    assert_eq!(desk.batch("earlier").await["available"], 97);
}

async fn an_order_for_an_unknown_sku_is_refused_and_has_no_allocations(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 100, None).await;
    let stored = desk.state().await;
    let reply = allocate(&desk, "order-1", "SOFFA", 20).await;
    assert_eq!(reply.answers(400), json!({"message": "Invalid sku SOFFA"}));
    assert_eq!(allocations(&desk, "order-1").await, None);
    assert_eq!(desk.state().await, stored);
}

async fn a_shortage_is_accepted_and_reported_by_an_event(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 11).await, 202);
    assert_eq!(allocations(&desk, "order-1").await, None);
    let events = desk.events_after(0, "&type=OutOfStock").await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["sku"], &events[0]["order_id"]),
        (&json!("SOFA"), &json!("order-1"))
    );
    assert_eq!(desk.batch("b1").await["available"], 10);
}

async fn stock_in_the_warehouse_is_preferred_to_inbound_stock(desk: Desk) {
    add_batch(&desk, "shipping", "SOFA", 100, Some("2199-01-01T00:00:00")).await;
    add_batch(&desk, "here", "SOFA", 100, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 10).await, 202);
    assert_eq!(
        allocations(&desk, "order-1").await,
        Some(json!([{"sku": "SOFA", "batchref": "here"}]))
    );
}

async fn the_allocations_of_an_order_have_all_its_lines(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    add_batch(&desk, "b2", "TABLE", 10, None).await;
    for sku in ["TABLE", "SOFA"] {
        assert_ok(&allocate(&desk, "order-1", sku, 1).await, 202);
    }
    let mut both = allocations(&desk, "order-1").await.expect("allocations");
    both.as_array_mut()
        .expect("a list")
        .sort_by_key(|line| line["sku"].to_string());
    assert_eq!(
        both,
        json!([{"sku": "SOFA", "batchref": "b1"}, {"sku": "TABLE", "batchref": "b2"}])
    );
}

async fn an_eta_may_have_a_time_or_be_null(desk: Desk) {
    for (reference, eta, day) in [
        ("b1", json!("2199-03-04"), json!("2199-03-04")),
        ("b2", json!("2199-03-04T00:00:00"), json!("2199-03-04")),
        ("b3", json!("2199-03-04T23:59:59.123456+02:00"), json!("2199-03-04")),
        ("b4", Value::Null, Value::Null),
    ] {
        let reply = desk
            .post(
                "/add_batch",
                &json!({"ref": reference, "sku": "SOFA", "qty": 1, "eta": eta}),
            )
            .await;
        assert_ok(&reply, 201);
        assert_eq!(desk.batch(reference).await["eta"], day, "{eta}");
    }
    let stored = desk.state().await;
    for eta in ["2199-02-30", "2199-03-04T25:00:00", "tomorrow", ""] {
        let reply = desk
            .post("/add_batch", &json!({"ref": "b9", "sku": "SOFA", "qty": 1, "eta": eta}))
            .await;
        assert_eq!(reply.fields_at_fault(), ["eta"], "{eta}");
    }
    assert_eq!(desk.state().await, stored);
}

async fn a_repeated_call_is_accepted_and_changes_nothing(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 4).await, 202);
    let stored = desk.state().await;
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 4).await, 202);
    assert_eq!(desk.state().await, stored);
}

async fn what_the_book_does_not_define_is_a_problem_and_changes_nothing(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 4).await, 202);
    let stored = desk.state().await;
    let other = json!({"ref": "b1", "sku": "SOFA", "qty": 11, "eta": null});
    let _ = desk.post("/add_batch", &other).await.refuses(409, "batch_exists");
    let _ = allocate(&desk, "order-1", "SOFA", 5).await.refuses(409, "line_exists");
    let mut reported = Vec::new();
    for (path, body) in [
        ("/add_batch", json!({"ref": "b2", "sku": "SOFA", "qty": 0, "eta": null})),
        (
            "/add_batch",
            json!({"reference": "b2", "sku": "SOFA", "qty": 1, "eta": null}),
        ),
        ("/allocate", json!({"orderid": "order-2", "sku": "SOFA", "qty": "3"})),
        (
            "/allocate",
            json!({"orderid": "order-2", "sku": "SOFA", "qty": -1, "on_shortage": "backorder"}),
        ),
    ] {
        let mut fields = desk.post(path, &body).await.fields_at_fault();
        fields.sort_unstable();
        reported.push(fields);
    }
    assert_eq!(
        reported,
        [
            vec!["qty"],
            vec!["ref", "reference"],
            vec!["qty"],
            vec!["on_shortage", "qty"]
        ]
    );
    assert_eq!(desk.state().await, stored);
}

on_each_database! {
    an_order_is_allocated_to_the_batch_that_arrives_first_and_its_allocation_is_shown,
    an_order_for_an_unknown_sku_is_refused_and_has_no_allocations,
    a_shortage_is_accepted_and_reported_by_an_event,
    stock_in_the_warehouse_is_preferred_to_inbound_stock,
    the_allocations_of_an_order_have_all_its_lines,
    an_eta_may_have_a_time_or_be_null,
    a_repeated_call_is_accepted_and_changes_nothing,
    what_the_book_does_not_define_is_a_problem_and_changes_nothing,
}
