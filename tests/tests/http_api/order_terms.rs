//! Changing the terms of orders, and adding lines to orders.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, column, line, order, parts};

/// A place to store batches, with a batch of lamps there.
async fn buy_at(desk: &Desk, reference: &str, quantity: u64, location: &str) {
    let batch = json!({"reference": reference, "sku": "LAMP", "quantity": quantity, "location": location});
    let _ = desk.post("/v1/batches", &batch).await.answers(201);
}

async fn a_firm_order_gets_other_terms_and_what_follows_from_it_follows(desk: Desk) {
    buy_at(&desk, "N1", 5, "north").await;
    buy_at(&desk, "S1", 5, "south").await;
    let _ = desk.allocate("o1", "LAMP", 5).await.answers(201);
    buy_at(&desk, "S2", 1, "south").await;
    let _ = desk.allocate("o2", "LAMP", 1).await.answers(201);
    let _ = desk.allocate_or_wait("o3", "LAMP", 5).await.answers(202);
    let terms = json!({"priority": 4, "required_by": FAR, "locations": ["south"]});
    let changed = desk.patch("/v1/orders/o1", &terms).await.answers(200);
    let order = &changed["order"];
    assert_eq!((&order["priority"], &order["required_by"]), (&json!(4), &json!(FAR)));
    // South has five in one batch no more: the line waits, and north serves the next.
    assert_eq!(order["lines"][0]["status"], "backordered");
    let effects = &changed["effects"];
    assert_eq!(column(&effects["backordered"], "order_id"), [json!("o1")]);
    assert_eq!(column(&effects["allocated"], "order_id"), [json!("o3")]);
    assert_eq!(effects["allocated"][0]["allocations"], parts(&[("N1", 5)]));
    assert_eq!(desk.order("o1").await, *order);
    assert_eq!(
        desk.event_types("&order_id=o1").await,
        ["Allocated", "OrderChanged", "Backordered"]
    );
    let again = desk.patch("/v1/orders/o1", &terms).await.answers(200);
    assert_eq!(again["order"], *order);
    let events = desk.get("/v1/events?type=OrderChanged").await.answers(200);
    assert_eq!(column(&events["items"], "data"), [terms]);

    let anywhere = json!({"required_by": null, "locations": []});
    let _ = desk.patch("/v1/orders/o1", &anywhere).await.answers(200);
    assert_eq!(desk.order("o1").await["required_by"], Value::Null);
    let _ = desk.delete("/v1/orders/o3").await.answers(200);
    assert_eq!(desk.order("o1").await["lines"][0]["allocations"], parts(&[("N1", 5)]));
}

async fn a_promise_that_is_late_by_now_is_broken_once(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 5, FARTHER).await;
    let _ = desk.allocate("o1", "LAMP", 5).await.answers(201);
    let changed = desk
        .patch("/v1/orders/o1", &json!({"required_by": FAR}))
        .await
        .answers(200);
    let line = &changed["order"]["lines"][0];
    assert_eq!(
        (&line["at_risk"], &line["promised_on"]),
        (&json!(true), &json!(FARTHER))
    );
    let _ = desk.patch("/v1/orders/o1", &json!({"priority": 1})).await.answers(200);
    assert_eq!(
        desk.event_types("&order_id=o1").await,
        [
            "Allocated",
            "OrderChanged",
            "LineChanged",
            "PromiseBroken",
            "OrderChanged",
            "LineChanged"
        ]
    );
    let kept = desk
        .patch("/v1/orders/o1", &json!({"required_by": FARTHER}))
        .await
        .answers(200);
    assert_eq!(kept["order"]["lines"][0]["at_risk"], false);
}

async fn what_is_no_change_of_an_order_is_refused(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let _ = desk.allocate("o1", "LAMP", 1).await.answers(201);
    let stored = desk.state().await;
    for (body, at_fault) in [
        (json!({}), ""),
        (json!({"priority": null}), "priority"),
        (json!({"priority": 1_000_001}), "priority"),
        (json!({"required_by": "soon"}), "required_by"),
        (json!({"locations": null}), "locations"),
        (json!({"locations": ["main", "main"]}), "locations"),
        (json!({"locations": [""]}), "locations[0]"),
        (json!({"hold_seconds": 5}), "hold_seconds"),
    ] {
        let reply = desk.patch("/v1/orders/o1", &body).await;
        let faults = reply.fields_at_fault();
        assert!(faults.contains(&at_fault.to_owned()), "{body}: {faults:?}");
    }
    let unknown = desk.patch("/v1/orders/o1", &json!({"locations": ["moon"]})).await;
    assert_eq!(unknown.refuses(422, "unknown_location")["locations"], json!(["moon"]));
    let _ = desk
        .patch("/v1/orders/none", &json!({"priority": 1}))
        .await
        .refuses(404, "unknown_order");
    assert_eq!(desk.state().await, stored);
}

async fn an_order_that_has_ended_is_not_changed_and_takes_no_lines(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    for id in ["cancelled", "gone"] {
        let _ = desk.allocate(id, "LAMP", 1).await.answers(201);
    }
    let _ = desk.delete("/v1/orders/cancelled").await.answers(200);
    let _ = desk.post("/v1/orders/gone/dispatch", &json!({})).await.answers(200);
    let change = json!({"priority": 1});
    let _ = desk
        .patch("/v1/orders/cancelled", &change)
        .await
        .refuses(409, "order_cancelled");
    let _ = desk
        .patch("/v1/orders/gone", &change)
        .await
        .refuses(409, "already_dispatched");
    let _ = desk
        .allocate("cancelled", "CHAIR", 1)
        .await
        .refuses(409, "order_cancelled");
    let _ = desk.allocate("gone", "CHAIR", 1).await.answers(201);
    let lines = [json!({"change_order": {"order_id": "cancelled", "priority": 1}})];
    let answers = desk.bulk(&lines).await;
    assert_eq!(answers[0]["body"]["code"], "order_cancelled");
}

async fn a_line_that_is_added_to_an_order_has_its_terms(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    let mut held = order("o1", &[line("LAMP", 1)]);
    held["hold_seconds"] = json!(900);
    let _ = desk.post("/v1/orders", &held).await.answers(201);
    let added = desk.allocate("o1", "CHAIR", 1).await.answers(201);
    assert_eq!(added["status"], "held");
    let answers = desk
        .bulk(&[
            json!({"change_order": {"order_id": "o1", "priority": 2}}),
            json!({"allocate": {"order_id": "o1", "line_id": "2", "sku": "CHAIR", "quantity": 1}}),
            json!({"confirm_order": {"order_id": "o1"}}),
            json!({"change_order": {"order_id": "o1", "priority": 2}}),
        ])
        .await;
    assert_eq!(answers[1]["body"]["status"], "held");
    let confirmed = &answers[2]["body"];
    assert_eq!(
        (&confirmed["status"], &confirmed["priority"]),
        (&json!("firm"), &json!(2))
    );
    assert_eq!(answers[3]["unchanged"], true);
    assert_eq!(confirmed["lines"].as_array().map(Vec::len), Some(3));
}

async fn the_books_call_adds_lines_to_one_order_as_before(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    for sku in ["LAMP", "CHAIR"] {
        let body = json!({"orderid": "o1", "sku": sku, "qty": 3});
        assert_eq!(desk.post("/allocate", &body).await.status, 202);
    }
    let placed = desk.order("o1").await;
    assert_eq!(
        column(&placed["lines"], "status"),
        [json!("allocated"), json!("allocated")]
    );
    let _ = desk.delete("/v1/orders/o1").await.answers(200);
    let late = json!({"orderid": "o1", "sku": "LAMP", "qty": 1});
    assert_eq!(desk.post("/allocate", &late).await.status, 409);
}

on_each_database! {
    a_firm_order_gets_other_terms_and_what_follows_from_it_follows,
    a_promise_that_is_late_by_now_is_broken_once,
    what_is_no_change_of_an_order_is_refused,
    an_order_that_has_ended_is_not_changed_and_takes_no_lines,
    a_line_that_is_added_to_an_order_has_its_terms,
    the_books_call_adds_lines_to_one_order_as_before,
}
