//! Allocating single lines.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, segment};
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, PAST, assert_today, assert_tomorrow, parts, today, without_placing, yesterday};

async fn a_line_that_fits_gets_its_units_and_its_date(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let sent = json!({"order_id": "o/1", "line_id": "l1", "sku": "LAMP", "quantity": 4, "on_shortage": "reject",
                      "split": false});
    let reply = desk.post("/v1/allocations", &sent).await;
    let line = json!({
        "order_id": "o/1", "line_id": "l1", "sku": "LAMP", "quantity": 4, "status": "allocated",
        "allocations": parts(&[("B1", 4)]), "dispatches": [], "promised_on": FAR, "first_promised_on": FAR, "at_risk": false,
    });
    assert_eq!(without_placing(reply.answers(201)), line);
    assert_eq!(reply.header("location"), Some("/v1/orders/o%2F1"));
    let order = json!({"order_id": "o/1", "status": "firm", "hold_expires_at": null, "priority": 0, "required_by": null,
                       "lines": [line]});
    let stored = desk.order("o/1").await;
    assert_eq!(stored["lines"], json!([reply.answers(201)]));
    assert_eq!(without_placing(stored), order);
    let batch = desk.batch("B1").await;
    assert_eq!((&batch["allocated"], &batch["available"]), (&json!(4), &json!(6)));
}

async fn the_id_of_a_line_without_one_is_its_sku(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    for (order, line_id) in [("o1", None), ("o2", Some(Value::Null))] {
        let mut sent = json!({"order_id": order, "sku": "LAMP", "quantity": 1});
        if let Some(line_id) = line_id {
            sent["line_id"] = line_id;
        }
        assert_eq!(
            desk.post("/v1/allocations", &sent).await.answers(201)["line_id"],
            "LAMP"
        );
    }
}

async fn stock_in_the_warehouse_is_promised_for_today_and_overdue_stock_for_tomorrow(desk: Desk) {
    desk.buy("HERE", "LAMP", 1).await;
    desk.buy_inbound("DUE", "CHAIR", 1, &yesterday()).await;
    let before = today();
    let line = desk.allocate("o1", "LAMP", 1).await.answers(201);
    assert_today(&line["promised_on"], &before);
    let line = desk.allocate("o1", "CHAIR", 1).await.answers(201);
    assert_tomorrow(&line["promised_on"], &before);
    assert_eq!(line["at_risk"], true);
}

async fn stock_that_is_overdue_by_more_than_the_grace_is_not_offered(desk: Desk) {
    desk.buy_inbound("LOST", "LAMP", 1, PAST).await;
    let problem = desk.allocate("o1", "LAMP", 1).await.refuses(409, "out_of_stock");
    assert_eq!(problem["available"], 0);
}

async fn batches_are_tried_in_the_warehouse_first_then_by_date_then_by_age(desk: Desk) {
    desk.buy_inbound("LATE", "LAMP", 1, FARTHER).await;
    desk.buy_inbound("SOON", "LAMP", 1, FAR).await;
    desk.buy_inbound("SOON-TOO", "LAMP", 1, FAR).await;
    desk.buy("HERE", "LAMP", 1).await;
    for (order, batch) in [("o1", "HERE"), ("o2", "SOON"), ("o3", "SOON-TOO"), ("o4", "LATE")] {
        let line = desk.allocate(order, "LAMP", 1).await.answers(201);
        assert_eq!(line["allocations"], parts(&[(batch, 1)]), "{order}");
    }
}

async fn a_line_is_allocated_to_the_first_batch_that_has_enough_for_all_of_it(desk: Desk) {
    desk.buy("SMALL", "LAMP", 3).await;
    desk.buy_inbound("LARGE", "LAMP", 10, FAR).await;
    let line = desk.allocate("o1", "LAMP", 4).await.answers(201);
    assert_eq!(line["allocations"], parts(&[("LARGE", 4)]));
    assert_eq!(line["promised_on"], FAR);
}

async fn a_line_that_may_be_split_is_spread_in_order_of_preference_and_promised_with_its_last_part(desk: Desk) {
    desk.buy("SMALL", "LAMP", 3).await;
    desk.buy_inbound("LARGE", "LAMP", 10, FAR).await;
    let sent = json!({"order_id": "o1", "sku": "LAMP", "quantity": 5, "split": true});
    let line = desk.post("/v1/allocations", &sent).await.answers(201);
    assert_eq!(line["allocations"], parts(&[("SMALL", 3), ("LARGE", 2)]));
    assert_eq!(line["promised_on"], FAR);
}

async fn a_line_that_does_not_fit_is_refused_with_the_available_units_and_not_stored(desk: Desk) {
    desk.buy("B1", "LAMP", 3).await;
    desk.buy("B2", "LAMP", 2).await;
    let before = desk.state().await;
    let problem = desk.allocate("o1", "LAMP", 4).await.refuses(409, "out_of_stock");
    assert_eq!(
        (&problem["sku"], &problem["requested"], &problem["available"]),
        (&json!("LAMP"), &json!(4), &json!(5))
    );
    let _ = desk.get("/v1/orders/o1").await.refuses(404, "unknown_order");
    let after = desk.state().await;
    assert_eq!(after.products[0]["batches"], before.products[0]["batches"]);
    assert_eq!(after.waiting, before.waiting);
    // The shortage itself is reported by an event.
    let [event] = &after.events[before.events.len()..] else {
        unreachable!("one event: {:?}", after.events)
    };
    assert_eq!(
        (&event["type"], &event["data"]["kept"]),
        (&json!("OutOfStock"), &json!("nothing"))
    );
    // Nothing is stored, so the same line may be sent again.
    desk.buy("B3", "LAMP", 9).await;
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
}

async fn a_line_that_may_be_backordered_is_accepted_into_the_backlog(desk: Desk) {
    desk.buy("B1", "LAMP", 3).await;
    let reply = desk.allocate_or_wait("o1", "LAMP", 4).await;
    let line = json!({
        "order_id": "o1", "line_id": "LAMP", "sku": "LAMP", "quantity": 4, "status": "backordered", "allocations": [], "dispatches": [],
        "promised_on": null, "first_promised_on": null, "at_risk": false,
    });
    assert_eq!(without_placing(reply.answers(202)), line);
    assert_eq!(reply.header("location"), Some("/v1/orders/o1"));
    assert_eq!(desk.backlog("LAMP").await, [reply.answers(202)]);
    assert_eq!(desk.event_types("&order_id=o1").await, ["OutOfStock", "Backordered"]);
    assert_eq!(desk.product("LAMP").await["backordered"], 4);
}

async fn the_same_line_again_changes_nothing_and_is_not_answered_once_it_is_cancelled(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 3, FAR).await;
    let allocated = desk.allocate("o1", "LAMP", 2).await.answers(201);
    let waiting = desk.allocate_or_wait("o2", "LAMP", 2).await.answers(202);
    let _ = desk.allocate("o3", "LAMP", 1).await.answers(201);
    let _ = desk.delete("/v1/orders/o3").await.answers(200);
    let stored = desk.state().await;

    let again = desk.allocate("o1", "LAMP", 2).await;
    assert_eq!(again.answers(200), allocated);
    assert_eq!(again.header("location"), None);
    assert_eq!(desk.allocate_or_wait("o2", "LAMP", 2).await.answers(200), waiting);
    let other = desk.allocate("o2", "LAMP", 2).await.refuses(409, "line_exists");
    assert_eq!(other["differs"], json!(["on_shortage"]));
    let ended = desk.allocate("o3", "LAMP", 1).await.refuses(409, "line_ended");
    assert_eq!(ended["line_status"], "cancelled");
    assert_eq!(desk.state().await, stored);
}

async fn a_line_can_not_be_placed_again_with_other_content(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    let _ = desk
        .post(
            "/v1/allocations",
            &json!({"order_id": "o1", "line_id": "l1", "sku": "LAMP", "quantity": 2}),
        )
        .await
        .answers(201);
    let stored = desk.state().await;
    for (sku, quantity) in [("LAMP", 3), ("CHAIR", 2), ("LAMP", 100), ("NOBODY", 2)] {
        let other = json!({"order_id": "o1", "line_id": "l1", "sku": sku, "quantity": quantity});
        let problem = desk.post("/v1/allocations", &other).await.refuses(409, "line_exists");
        assert_eq!(
            (&problem["order_id"], &problem["line_id"]),
            (&json!("o1"), &json!("l1"))
        );
    }
    assert_eq!(desk.state().await, stored);
}

async fn an_unknown_sku_is_unknown_and_never_out_of_stock(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    let stored = desk.state().await;
    for on_shortage in ["reject", "backorder"] {
        let sent = json!({"order_id": "o1", "sku": "lamp", "quantity": 1, "on_shortage": on_shortage});
        let problem = desk.post("/v1/allocations", &sent).await.refuses(404, "unknown_sku");
        assert_eq!(problem["skus"], json!(["lamp"]));
    }
    assert_eq!(desk.state().await, stored);
}

async fn lines_of_one_order_can_be_allocated_one_by_one(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    let _ = desk.allocate("o1", "LAMP", 1).await.answers(201);
    let _ = desk.allocate("o1", "CHAIR", 2).await.answers(201);
    let lines = desk.order("o1").await["lines"].clone();
    assert_eq!(
        (&lines[0]["line_id"], &lines[1]["line_id"]),
        (&json!("CHAIR"), &json!("LAMP")),
        "by line id"
    );
}

async fn one_line_can_be_cancelled_and_the_others_stay(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    for line in ["l 1", "l2"] {
        let sent = json!({"order_id": "o1", "line_id": line, "sku": "LAMP", "quantity": 5});
        let _ = desk.post("/v1/allocations", &sent).await.answers(201);
    }
    let path = format!("/v1/orders/o1/lines/{}", segment("l 1"));
    let order = desk.delete(&path).await.answers(200);
    assert_eq!(order["status"], "firm");
    assert_eq!(
        without_placing(order["lines"][0].clone()),
        json!({
            "order_id": "o1", "line_id": "l 1", "sku": "LAMP", "quantity": 5, "status": "cancelled", "allocations": [], "dispatches": [],
            "promised_on": null, "first_promised_on": FAR, "at_risk": false,
        })
    );
    assert_eq!(order["lines"][1]["status"], "allocated");
    assert_eq!(desk.product("LAMP").await["available"], 5);

    let stored = desk.state().await;
    assert_eq!(
        desk.delete(&path).await.answers(200),
        order,
        "cancelling again changes nothing"
    );
    let problem = desk.delete("/v1/orders/o1/lines/l3").await.refuses(404, "unknown_line");
    assert_eq!(
        (&problem["order_id"], &problem["line_id"]),
        (&json!("o1"), &json!("l3"))
    );
    let _ = desk
        .delete("/v1/orders/o2/lines/l2")
        .await
        .refuses(404, "unknown_order");
    assert_eq!(desk.state().await, stored);

    assert_eq!(
        desk.delete("/v1/orders/o1/lines/l2").await.answers(200)["status"],
        "cancelled"
    );
}

on_each_database! {
    a_line_that_fits_gets_its_units_and_its_date,
    the_id_of_a_line_without_one_is_its_sku,
    stock_in_the_warehouse_is_promised_for_today_and_overdue_stock_for_tomorrow,
    stock_that_is_overdue_by_more_than_the_grace_is_not_offered,
    batches_are_tried_in_the_warehouse_first_then_by_date_then_by_age,
    a_line_is_allocated_to_the_first_batch_that_has_enough_for_all_of_it,
    a_line_that_may_be_split_is_spread_in_order_of_preference_and_promised_with_its_last_part,
    a_line_that_does_not_fit_is_refused_with_the_available_units_and_not_stored,
    a_line_that_may_be_backordered_is_accepted_into_the_backlog,
    the_same_line_again_changes_nothing_and_is_not_answered_once_it_is_cancelled,
    a_line_can_not_be_placed_again_with_other_content,
    an_unknown_sku_is_unknown_and_never_out_of_stock,
    lines_of_one_order_can_be_allocated_one_by_one,
    one_line_can_be_cancelled_and_the_others_stay,
}
