//! Changes of lines, and dispatch.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{FAR, column, line, order};

/// A placed order with four lamps and two chairs.
async fn placed(desk: &Desk) {
    desk.buy("L1", "LAMP", 10).await;
    desk.buy("C1", "CHAIR", 10).await;
    let both = order("o1", &[line("LAMP", 4), line("CHAIR", 2)]);
    let _ = desk.post("/v1/orders", &both).await.answers(201);
}

async fn change(desk: &Desk, quantity: u64) -> earmark_tests::service::Reply {
    desk.patch("/v1/orders/o1/lines/LAMP", &json!({"quantity": quantity}))
        .await
}

async fn the_quantity_of_a_line_falls_and_rises_within_the_stock(desk: Desk) {
    placed(&desk).await;
    let less = change(&desk, 3).await.answers(200);
    assert_eq!(column(&less["lines"], "quantity"), [2, 3]);
    assert_eq!(desk.product("LAMP").await["available"], 7);
    let stored = desk.state().await;
    assert_eq!(change(&desk, 3).await.answers(200), less);
    let problem = change(&desk, 11).await.refuses(409, "out_of_stock");
    assert_eq!(
        (&problem["requested"], &problem["available"], &problem["remedy"]),
        (&json!(11), &json!(10), &json!({"quantity": 10}))
    );
    let _ = desk
        .patch("/v1/orders/o1/lines/SOFA", &json!({"quantity": 1}))
        .await
        .refuses(404, "unknown_line");
    assert_eq!(desk.state().await.products, stored.products);
    let more = change(&desk, 10).await.answers(200);
    assert_eq!(column(&more["lines"], "quantity"), [2, 10]);
    assert_eq!(desk.order("o1").await, more);
    let _ = desk.delete("/v1/orders/o1/lines/LAMP").await.answers(200);
    let problem = change(&desk, 1).await.refuses(409, "line_ended");
    assert_eq!(problem["line_status"], "cancelled");
}

async fn dispatched_units_stay_dispatched_until_the_dispatch_is_undone(desk: Desk) {
    placed(&desk).await;
    let one = desk
        .post("/v1/orders/o1/dispatch", &json!({"lines": [{"line_id": "LAMP"}]}))
        .await
        .answers(200);
    assert_eq!(column(&one["lines"], "status"), ["allocated", "dispatched"]);
    let batch = desk.batch("L1").await;
    assert_eq!(
        (&batch["allocated"], &batch["dispatched"], &batch["available"]),
        (&json!(0), &json!(4), &json!(6))
    );
    let all = desk
        .send(
            Method::POST,
            "/v1/orders/o1/dispatch",
            &[("content-type", "application/json")],
            "",
        )
        .await
        .answers(200);
    assert_eq!(column(&all["lines"], "status"), ["dispatched", "dispatched"]);
    let mut order = desk.order("o1").await;
    let [chair, lamp] = [&order["lines"][0], &order["lines"][1]];
    assert_eq!((&chair["allocations"], &chair["quantity"]), (&json!([]), &json!(2)));
    let left = &lamp["dispatches"][0];
    assert_eq!((&left["batch"], &left["quantity"]), (&json!("L1"), &json!(4)));
    assert!(left["at"].is_string(), "{left}");
    order["left_behind"] = json!([]);
    assert_eq!(order, all);
    let stored = desk.state().await;
    assert_eq!(desk.post("/v1/orders/o1/dispatch", &json!({})).await.answers(200), all);
    for path in ["/v1/orders/o1", "/v1/orders/o1/lines/CHAIR"] {
        let _ = desk.delete(path).await.refuses(409, "already_dispatched");
    }
    let _ = change(&desk, 1).await.refuses(409, "already_dispatched");
    let problem = desk.count("L1", 3).await.refuses(409, "below_dispatched");
    assert_eq!(problem["dispatched"], 4);
    assert_eq!(desk.state().await, stored);
    let back = desk.delete("/v1/orders/o1/dispatch").await.answers(200);
    assert_eq!(column(&back["lines"], "status"), ["allocated", "allocated"]);
    assert_eq!(desk.batch("L1").await["dispatched"], 0);
}

async fn only_firm_allocated_units_in_the_warehouse_are_dispatched(desk: Desk) {
    placed(&desk).await;
    desk.buy_inbound("S1", "SOFA", 10, FAR).await;
    let mut held = order("held", &[line("LAMP", 1)]);
    held["hold_seconds"] = json!(900);
    let _ = desk.post("/v1/orders", &held).await.answers(201);
    let _ = desk.allocate("coming", "SOFA", 1).await.answers(201);
    let _ = desk.allocate_or_wait("waiting", "CHAIR", 90).await.answers(202);
    let stored = desk.state().await;
    let dispatch = async |order: &str| desk.post(&format!("/v1/orders/{order}/dispatch"), &json!({})).await;
    assert_eq!(dispatch("held").await.refuses(409, "not_firm")["order_id"], "held");
    let problem = dispatch("coming").await.refuses(409, "not_in_warehouse");
    assert_eq!((&problem["line_id"], &problem["batch"]), (&json!("SOFA"), &json!("S1")));
    let problem = dispatch("waiting").await.refuses(409, "not_allocated");
    assert_eq!(
        (&problem["order_id"], &problem["line_ids"]),
        (&json!("waiting"), &json!(["CHAIR"]))
    );
    let _ = dispatch("unknown").await.refuses(404, "unknown_order");
    let nothing = desk.delete("/v1/orders/coming/dispatch").await;
    let _: Value = nothing.answers(200);
    assert_eq!(desk.state().await, stored);
}

async fn a_line_leaves_in_parts_and_what_stays_is_named(desk: Desk) {
    desk.buy("L1", "LAMP", 4).await;
    let _ = desk.buy_inbound("S1", "LAMP", 10, FAR).await;
    let mut split = order("o1", &[line("LAMP", 9)]);
    split["split"] = json!(true);
    let _ = desk.post("/v1/orders", &split).await.answers(201);
    let dispatch = async |body: Value| desk.post("/v1/orders/o1/dispatch", &body).await;
    let problem = dispatch(json!({"all_or_nothing": true}))
        .await
        .refuses(409, "not_in_warehouse");
    assert_eq!(problem["batch"], "S1");
    let part = json!({"lines": [{"line_id": "LAMP", "quantity": 3}]});
    let three = dispatch(part.clone()).await.answers(200);
    assert_eq!((&three["status"], &three["left_behind"]), (&json!("firm"), &json!([])));
    let [line] = [&three["lines"][0]];
    assert_eq!((&line["status"], &line["quantity"]), (&json!("allocated"), &json!(9)));
    assert_eq!(
        line["allocations"],
        json!([{"batch": "L1", "quantity": 1}, {"batch": "S1", "quantity": 5}])
    );
    let stored = desk.state().await;
    assert_eq!(dispatch(part).await.answers(200), three);
    let fewer = json!({"lines": [{"line_id": "LAMP", "quantity": 2}]});
    assert_eq!(
        dispatch(fewer).await.refuses(409, "already_dispatched")["dispatched"],
        3
    );
    let more = json!({"lines": [{"line_id": "LAMP", "quantity": 10}]});
    assert_eq!(dispatch(more).await.refuses(409, "exceeds_line")["quantity"], 9);
    assert_eq!(desk.state().await, stored);
    let here = dispatch(json!({})).await.answers(200);
    assert_eq!(
        here["left_behind"],
        json!([{"line_id": "LAMP", "quantity": 5, "why": "not_in_warehouse", "batch": "S1"}])
    );
    assert_eq!(here["lines"][0]["dispatches"].as_array().map(Vec::len), Some(2));
    let mut listed = desk.get("/v1/orders").await.answers(200)["items"][0].clone();
    listed["left_behind"] = here["left_behind"].clone();
    assert_eq!(listed, here);
    let shrunk = desk.count("S1", 3).await.answers(200);
    let waits = &shrunk["effects"]["backordered"][0];
    assert_eq!(
        (&waits["quantity"], &waits["dispatches"]),
        (&json!(9), &here["lines"][0]["dispatches"])
    );
    let backlog = desk.get("/v1/products/LAMP/backlog").await.answers(200);
    assert_eq!(backlog["items"][0], *waits);
    let ended = desk.delete("/v1/orders/o1").await.answers(200);
    assert_eq!(
        (&ended["status"], &ended["lines"][0]["quantity"]),
        (&json!("dispatched"), &json!(4))
    );
}

on_each_database! {
    a_line_leaves_in_parts_and_what_stays_is_named,
    the_quantity_of_a_line_falls_and_rises_within_the_stock,
    dispatched_units_stay_dispatched_until_the_dispatch_is_undone,
    only_firm_allocated_units_in_the_warehouse_are_dispatched,
}
