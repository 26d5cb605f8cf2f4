//! Orders that are held: confirmed in time, replaced, or expired.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, until};
use serde_json::{Value, json};

use crate::support::{FAR, column, line, order};

/// Ten lamps and ten chairs.
async fn stock(desk: &Desk) {
    desk.buy_inbound("L1", "LAMP", 10, FAR).await;
    desk.buy_inbound("C1", "CHAIR", 10, FAR).await;
}

/// An order that is held for so many seconds.
fn held(mut order: Value, seconds: u64) -> Value {
    order["hold_seconds"] = seconds.into();
    order
}

/// Four lamps and two chairs.
fn lamps_and_chairs(id: &str) -> Value {
    order(id, &[line("LAMP", 4), line("CHAIR", 2)])
}

async fn available(desk: &Desk, sku: &str) -> Value {
    desk.product(sku).await["available"].clone()
}

async fn a_held_order_keeps_its_units_and_is_firm_once_it_is_confirmed(desk: Desk) {
    stock(&desk).await;
    let sent = held(lamps_and_chairs("o1"), 900);
    let placed = desk.post("/v1/orders", &sent).await.answers(201);
    assert_eq!(placed["status"], "held");
    assert!(placed["hold_expires_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    assert_eq!(column(&placed["lines"], "status"), ["held", "held"]);
    assert_eq!(desk.order("o1").await, placed);
    assert_eq!(available(&desk, "LAMP").await, 6);

    let confirmed = desk.post("/v1/orders/o1/confirmation", &json!({})).await.answers(200);
    assert_eq!(
        (&confirmed["status"], &confirmed["hold_expires_at"]),
        (&json!("firm"), &json!(null))
    );
    assert_eq!(column(&confirmed["lines"], "status"), ["allocated", "allocated"]);
    assert_eq!(desk.order("o1").await, confirmed);
    let stored = desk.state().await;
    let again = desk
        .post("/v1/orders/o1/confirmation", &json!({"reacquire": true}))
        .await;
    assert_eq!(again.answers(200), confirmed);
    assert_eq!(desk.state().await, stored);
}

async fn a_hold_expires_by_itself_and_the_backlog_gets_its_stock(desk: Desk) {
    stock(&desk).await;
    let _ = desk
        .post("/v1/orders", &held(lamps_and_chairs("o1"), 1))
        .await
        .answers(201);
    let _ = desk.allocate_or_wait("o2", "LAMP", 9).await.answers(202);
    until("the hold has expired, and the backordered line is served", async || {
        let served = desk.order("o2").await["lines"][0]["status"] == "allocated";
        (served && desk.order("o1").await["status"] == "expired").then_some(())
    })
    .await;
    let types = desk.event_types("&order_id=o1").await;
    assert_eq!(types.iter().filter(|name| *name == "HoldExpired").count(), 1);
    let problem = desk
        .post("/v1/orders/o1/confirmation", &json!({}))
        .await
        .refuses(409, "hold_expired");
    assert_eq!((&problem["order_id"], problem.get("shortages")), (&json!("o1"), None));
    let reacquired = desk
        .post("/v1/orders/o1/confirmation", &json!({"reacquire": true}))
        .await;
    let problem = reacquired.refuses(409, "hold_expired");
    assert_eq!(
        problem["shortages"],
        json!([{"line_id": "LAMP", "sku": "LAMP", "requested": 4, "available": 1, "largest_batch": 1,
                "remedy": {"quantity": 1}}])
    );
    let _ = desk.delete("/v1/orders/o2").await.answers(200);
    let reacquired = desk
        .post("/v1/orders/o1/confirmation", &json!({"reacquire": true}))
        .await
        .answers(200);
    assert_eq!(reacquired["status"], "firm");
    assert_eq!(available(&desk, "LAMP").await, 6);
}

async fn part_of_a_hold_is_confirmed_and_no_more_than_is_held(desk: Desk) {
    stock(&desk).await;
    let _ = desk
        .post("/v1/orders", &held(lamps_and_chairs("o1"), 900))
        .await
        .answers(201);
    let stored = desk.state().await;
    let of = |quantity: u64| json!({"lines": [{"line_id": "LAMP", "quantity": quantity}]});
    let problem = desk
        .post("/v1/orders/o1/confirmation", &of(5))
        .await
        .refuses(409, "exceeds_hold");
    assert_eq!((&problem["held"], &problem["requested"]), (&json!(4), &json!(5)));
    let unknown = json!({"lines": [{"line_id": "SOFA"}]});
    let _ = desk
        .post("/v1/orders/o1/confirmation", &unknown)
        .await
        .refuses(404, "unknown_line");
    let _ = desk
        .post("/v1/orders/o9/confirmation", &json!({}))
        .await
        .refuses(404, "unknown_order");
    assert_eq!(desk.state().await, stored);
    let confirmed = desk.post("/v1/orders/o1/confirmation", &of(3)).await.answers(200);
    assert_eq!(column(&confirmed["lines"], "status"), ["cancelled", "allocated"]);
    assert_eq!(
        (available(&desk, "LAMP").await, available(&desk, "CHAIR").await),
        (json!(7), json!(10))
    );
}

async fn a_held_order_is_replaced_and_stays_where_the_new_lines_do_not_fit(desk: Desk) {
    stock(&desk).await;
    let _ = desk
        .post("/v1/orders", &held(lamps_and_chairs("o1"), 900))
        .await
        .answers(201);
    let replacement = json!({"lines": [line("LAMP", 10)], "priority": 3, "required_by": FAR});
    let replaced = desk.put("/v1/orders/o1", &replacement).await.answers(200);
    assert_eq!(
        (&replaced["status"], &replaced["priority"], &replaced["required_by"]),
        (&json!("held"), &json!(3), &json!(FAR))
    );
    assert_eq!(column(&replaced["lines"], "status"), ["cancelled", "held"]);
    assert_eq!(desk.order("o1").await, replaced);
    let more = json!({"lines": [line("LAMP", 11)]});
    let problem = desk.put("/v1/orders/o1", &more).await.refuses(409, "out_of_stock");
    assert_eq!(problem["shortages"][0]["remedy"], json!({"quantity": 10}));
    assert_eq!(desk.order("o1").await, replaced);
}

async fn a_replacement_places_a_new_order_and_does_not_change_a_firm_one(desk: Desk) {
    stock(&desk).await;
    let content = json!({"lines": [line("LAMP", 1)]});
    let reply = desk.put("/v1/orders/o%201", &content).await;
    let placed = reply.answers(201);
    assert_eq!(reply.header("location"), Some("/v1/orders/o%201"));
    assert_eq!(
        (&placed["order_id"], &placed["status"]),
        (&json!("o 1"), &json!("firm"))
    );
    let stored = desk.state().await;
    assert_eq!(desk.put("/v1/orders/o%201", &content).await.answers(200), placed);
    let other = json!({"lines": [line("LAMP", 2)]});
    let problem = desk.put("/v1/orders/o%201", &other).await.refuses(409, "not_held");
    assert_eq!(problem["order_id"], "o 1");
    assert_eq!(desk.state().await, stored);
}

on_each_database! {
    a_held_order_keeps_its_units_and_is_firm_once_it_is_confirmed,
    a_hold_expires_by_itself_and_the_backlog_gets_its_stock,
    part_of_a_hold_is_confirmed_and_no_more_than_is_held,
    a_held_order_is_replaced_and_stays_where_the_new_lines_do_not_fit,
    a_replacement_places_a_new_order_and_does_not_change_a_firm_one,
}
