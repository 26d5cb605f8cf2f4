//! Creating and showing batches.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, segment};
use serde_json::json;

use crate::support::{FAR, PAST, on_shortage, order};

async fn a_created_batch_is_shown_at_its_location_header(desk: Desk) {
    let sent = json!({"reference": "PO-1", "sku": "LAMP", "quantity": 10, "eta": FAR, "location": "north"});
    let reply = desk.post("/v1/batches", &sent).await;
    let batch = reply.answers(201);
    let whole = json!({
        "reference": "PO-1", "sku": "LAMP", "location": "north", "quantity": 10, "allocated": 0, "dispatched": 0,
        "available": 10, "eta": FAR, "status": "inbound",
    });
    assert_eq!(batch, whole);
    assert_eq!(reply.header("location"), Some("/v1/batches/PO-1"));
    assert_eq!(desk.get("/v1/batches/PO-1").await.answers(200), whole);
}

async fn a_batch_without_a_date_is_in_the_warehouse_at_the_main_location(desk: Desk) {
    let batch = desk.buy("B1", "LAMP", 10).await;
    assert_eq!(
        (&batch["eta"], &batch["status"], &batch["location"]),
        (&json!(null), &json!("in_warehouse"), &json!("main"))
    );
    let null = json!({"reference": "B2", "sku": "LAMP", "quantity": 10, "eta": null, "location": null});
    let batch = desk.post("/v1/batches", &null).await.answers(201);
    assert_eq!((&batch["eta"], &batch["location"]), (&json!(null), &json!("main")));
}

async fn a_batch_past_its_eta_is_overdue(desk: Desk) {
    let batch = desk.buy_inbound("B1", "LAMP", 10, PAST).await;
    assert_eq!(batch["status"], "overdue");
}

async fn the_same_batch_again_changes_nothing_and_has_the_same_answer(desk: Desk) {
    let batch = json!({"reference": "B1", "sku": "LAMP", "quantity": 10, "eta": FAR});
    let first = desk.post("/v1/batches", &batch).await.answers(201);
    let stored = desk.state().await;
    let again = desk.post("/v1/batches", &batch).await;
    assert_eq!(again.answers(200), first);
    assert_eq!(again.header("location"), None);
    assert_eq!(desk.state().await, stored);
}

async fn a_batch_is_compared_by_the_quantity_it_was_created_with(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let _ = desk.count("B1", 7).await.answers(200);
    let again = json!({"reference": "B1", "sku": "LAMP", "quantity": 10});
    assert_eq!(desk.post("/v1/batches", &again).await.answers(200)["quantity"], 7);
    let as_counted = json!({"reference": "B1", "sku": "LAMP", "quantity": 7});
    let _ = desk.post("/v1/batches", &as_counted).await.refuses(409, "batch_exists");
}

async fn a_reference_is_taken_by_a_batch_with_any_other_content(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let stored = desk.state().await;
    for other in [
        json!({"reference": "B1", "sku": "LAMP", "quantity": 11, "eta": FAR}),
        json!({"reference": "B1", "sku": "CHAIR", "quantity": 10, "eta": FAR}),
        json!({"reference": "B1", "sku": "LAMP", "quantity": 10, "eta": PAST}),
        json!({"reference": "B1", "sku": "LAMP", "quantity": 10}),
        json!({"reference": "B1", "sku": "LAMP", "quantity": 10, "eta": FAR, "location": "north"}),
    ] {
        let problem = desk.post("/v1/batches", &other).await.refuses(409, "batch_exists");
        assert_eq!(problem["reference"], "B1", "{other}");
    }
    assert_eq!(
        desk.state().await,
        stored,
        "the other product has not been created either"
    );
}

async fn a_batch_that_was_never_created_is_unknown(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    for reference in ["B2", "b1", "b 1", "%", "B1%00"] {
        let reply = desk.get(&format!("/v1/batches/{}", segment(reference))).await;
        let problem = reply.refuses(404, "unknown_batch");
        assert_eq!(problem["reference"], reference);
    }
}

async fn names_are_stored_exactly_in_any_script(desk: Desk) {
    let longest = "ß".repeat(64);
    for (at, name) in [
        "a/b",
        "Ä é 漢字 🛋",
        "..",
        "100%25",
        "a?b#c&d=e+f",
        "'; DROP TABLE batches; --",
        &longest,
    ]
    .into_iter()
    .enumerate()
    {
        let batch = json!({"reference": name, "sku": format!("{name}"), "quantity": 10 + at, "location": name});
        let reply = desk.post("/v1/batches", &batch).await;
        assert_eq!(reply.answers(201)["reference"], name);
        let location = reply.header("location").expect("a location").to_owned();
        assert!(location.is_ascii(), "{location}");
        let found = desk.raw().await.get(&location).await.answers(200);
        assert_eq!(
            (&found["reference"], &found["sku"], &found["location"]),
            (&json!(name), &json!(name), &json!(name))
        );
        assert_eq!(
            desk.raw()
                .await
                .get(&format!("/v1/products/{}", encoded(name)))
                .await
                .answers(200)["sku"],
            name
        );
    }
}

/// A path segment with every byte encoded: a client library would resolve `..`.
fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn names_that_differ_in_case_only_are_different(desk: Desk) {
    desk.buy("b1", "lamp", 1).await;
    desk.buy("B1", "LAMP", 2).await;
    assert_eq!(desk.product("lamp").await["available"], 1);
    assert_eq!(desk.product("LAMP").await["available"], 2);
}

async fn the_largest_batch_has_a_billion_units(desk: Desk) {
    for at in 0..5 {
        desk.buy(&format!("B{at}"), "LAMP", 1_000_000_000).await;
    }
    assert_eq!(
        desk.product("LAMP").await["available"],
        5_000_000_000_u64,
        "sums do not overflow"
    );
    let all = json!({"order_id": "o1", "sku": "LAMP", "quantity": 1_000_000_000});
    let _ = desk.post("/v1/allocations", &all).await.answers(201);
}

async fn new_stock_serves_the_backlog_at_once(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    let _ = desk.allocate_or_wait("o1", "LAMP", 5).await.answers(202);
    let two = order("o2", &[json!({"sku": "LAMP", "quantity": 3})]);
    let _ = desk
        .post("/v1/orders", &on_shortage(two, "backorder"))
        .await
        .answers(201);

    let batch = desk.buy_inbound("B2", "LAMP", 9, FAR).await;
    assert_eq!((&batch["allocated"], &batch["available"]), (&json!(8), &json!(1)));
    assert_eq!(desk.order("o1").await["lines"][0]["promised_on"], FAR);
    assert_eq!(desk.order("o2").await["lines"][0]["status"], "allocated");
    assert_eq!(desk.backlog("LAMP").await, [] as [serde_json::Value; 0]);
    assert_eq!(desk.product("LAMP").await["backordered"], 0);
}

on_each_database! {
    a_created_batch_is_shown_at_its_location_header,
    a_batch_without_a_date_is_in_the_warehouse_at_the_main_location,
    a_batch_past_its_eta_is_overdue,
    the_same_batch_again_changes_nothing_and_has_the_same_answer,
    a_batch_is_compared_by_the_quantity_it_was_created_with,
    a_reference_is_taken_by_a_batch_with_any_other_content,
    a_batch_that_was_never_created_is_unknown,
    names_are_stored_exactly_in_any_script,
    names_that_differ_in_case_only_are_different,
    the_largest_batch_has_a_billion_units,
    new_stock_serves_the_backlog_at_once,
}
