//! Changes of a batch's quantity, and their effects on order lines.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, parts, without_placing};

/// No line was changed.
fn no_effects() -> Value {
    json!({"reallocated": [], "backordered": [], "allocated": [], "promise_changed": []})
}

async fn a_quantity_above_the_allocations_changes_the_batch_only(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    for quantity in [12, 5, 4] {
        let change = desk.count("B1", quantity).await.answers(200);
        assert_eq!(change["effects"], no_effects());
        assert_eq!(
            change["batch"],
            json!({
                "reference": "B1", "sku": "LAMP", "location": "main", "quantity": quantity, "allocated": 4,
                "dispatched": 0, "available": quantity - 4, "eta": FAR, "status": "inbound",
            })
        );
        assert_eq!(desk.batch("B1").await, change["batch"]);
    }
    assert_eq!(desk.event_types("&type=BatchQuantityChanged").await.len(), 3);
}

async fn the_same_quantity_again_changes_nothing(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let first = desk.count("B1", 7).await.answers(200);
    let stored = desk.state().await;
    assert_eq!(desk.count("B1", 7).await.answers(200), first);
    assert_eq!(desk.state().await, stored);
}

async fn the_quantity_of_a_batch_can_fall_to_zero(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let change = desk.count("B1", 0).await.answers(200);
    assert_eq!(change["effects"]["backordered"][0]["order_id"], "o1");
    assert_eq!(
        (&change["batch"]["quantity"], &change["batch"]["allocated"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(desk.backlog("LAMP").await.len(), 1);
}

async fn a_shortfall_releases_the_latest_lines_and_no_more_than_needed(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    desk.buy_inbound("B2", "LAMP", 3, FARTHER).await;
    for (order, quantity) in [("first", 4), ("second", 3), ("third", 3)] {
        let line = desk.allocate(order, "LAMP", quantity).await.answers(201);
        assert_eq!(line["allocations"], parts(&[("B1", quantity)]));
    }
    let change = desk.count("B1", 4).await.answers(200);
    assert_eq!(
        change["effects"]["reallocated"],
        json!([{
            "order_id": "second", "line_id": "LAMP", "from": parts(&[("B1", 3)]), "to": parts(&[("B2", 3)]),
            "promised_from": FAR, "promised_to": FARTHER,
        }]),
        "the line that was placed first is reallocated first"
    );
    assert_eq!(
        without_placing(change["effects"]["backordered"].clone()),
        json!([{
            "order_id": "third", "line_id": "LAMP", "sku": "LAMP", "quantity": 3, "status": "backordered",
            "allocations": [], "dispatches": [], "promised_on": null, "first_promised_on": FAR, "at_risk": false,
        }])
    );
    assert_eq!(change["effects"]["allocated"], json!([]));
    assert_eq!(
        (&change["batch"]["allocated"], &change["batch"]["available"]),
        (&json!(4), &json!(0))
    );
    assert_eq!(
        desk.event_types("&order_id=first").await,
        ["Allocated"],
        "a line that was not changed has no event"
    );
    assert_eq!(desk.event_types("&order_id=second").await, ["Allocated", "Reallocated"]);
    assert_eq!(desk.event_types("&order_id=third").await, ["Allocated", "Backordered"]);
}

async fn a_small_line_is_reallocated_where_a_large_one_made_room(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    for (order, quantity) in [("large", 8), ("small", 1)] {
        let _ = desk.allocate(order, "LAMP", quantity).await.answers(201);
    }
    // Two units are missing: the small line is released first and is not enough, then the large one; the small one
    // fits.
    let change = desk.count("B1", 7).await.answers(200);
    assert_eq!(change["effects"]["backordered"][0]["order_id"], "large");
    assert_eq!(change["effects"]["backordered"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        desk.order("small").await["lines"][0]["allocations"],
        parts(&[("B1", 1)])
    );
}

async fn a_line_that_lost_its_stock_keeps_its_position_in_the_backlog(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 5, FAR).await;
    let _ = desk.allocate("first", "LAMP", 5).await.answers(201);
    let _ = desk.allocate_or_wait("second", "LAMP", 5).await.answers(202);
    let _ = desk.count("B1", 0).await.answers(200);
    let waiting: Vec<Value> = desk
        .backlog("LAMP")
        .await
        .iter()
        .map(|line| line["order_id"].clone())
        .collect();
    assert_eq!(waiting, ["first", "second"]);
    let change = desk.count("B1", 5).await.answers(200);
    assert_eq!(
        without_placing(change["effects"]["allocated"].clone()),
        json!([{
            "order_id": "first", "line_id": "LAMP", "sku": "LAMP", "quantity": 5, "status": "allocated",
            "allocations": parts(&[("B1", 5)]), "dispatches": [], "promised_on": FAR, "first_promised_on": FAR,
            "at_risk": false,
        }])
    );
    assert_eq!(desk.order("second").await["lines"][0]["status"], "backordered");
}

async fn a_surplus_serves_the_backlog_and_skips_what_does_not_fit(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    for (order, quantity) in [("large", 50), ("small", 3), ("late", 2)] {
        let _ = desk.allocate_or_wait(order, "LAMP", quantity).await.answers(202);
    }
    let change = desk.count("B1", 5).await.answers(200);
    let served: Vec<&Value> = change["effects"]["allocated"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| &line["order_id"])
        .collect();
    assert_eq!(served, ["small", "late"]);
    assert_eq!(change["batch"]["available"], 0);
    assert_eq!(desk.backlog("LAMP").await.len(), 1);
}

async fn the_quantity_of_an_unknown_batch_can_not_be_changed(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    let stored = desk.state().await;
    let problem = desk.count("B2", 5).await.refuses(404, "unknown_batch");
    assert_eq!(problem["reference"], "B2");
    assert_eq!(desk.state().await, stored);
}

on_each_database! {
    a_quantity_above_the_allocations_changes_the_batch_only,
    the_same_quantity_again_changes_nothing,
    the_quantity_of_a_batch_can_fall_to_zero,
    a_shortfall_releases_the_latest_lines_and_no_more_than_needed,
    a_small_line_is_reallocated_where_a_large_one_made_room,
    a_line_that_lost_its_stock_keeps_its_position_in_the_backlog,
    a_surplus_serves_the_backlog_and_skips_what_does_not_fit,
    the_quantity_of_an_unknown_batch_can_not_be_changed,
}
