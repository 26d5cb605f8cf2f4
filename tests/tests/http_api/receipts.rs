//! Batches that arrive, are delayed or cancelled; availability.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, assert_today, line, parts, today};

async fn a_received_batch_is_promised_for_today(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let before = today();
    let received = desk
        .post("/v1/batches/B1/receipt", &json!({"quantity": 9}))
        .await
        .answers(200);
    let batch = &received["batch"];
    assert_eq!(
        (&batch["status"], &batch["eta"], &batch["quantity"]),
        (&json!("in_warehouse"), &json!(null), &json!(9))
    );
    let moved = &received["effects"]["promise_changed"][0];
    assert_eq!(
        (&moved["order_id"], &moved["line_id"], &moved["from"]),
        (&json!("o1"), &json!("LAMP"), &json!(FAR))
    );
    assert_today(&moved["to"], &before);
    assert_eq!(desk.batch("B1").await, *batch);
    let stored = desk.state().await;
    let again = desk.post("/v1/batches/B1/receipt", &json!({})).await.answers(200);
    assert_eq!(again["batch"], *batch);
    assert_eq!(desk.state().await, stored);
    let _ = desk
        .post("/v1/batches/B9/receipt", &json!({}))
        .await
        .refuses(404, "unknown_batch");
}

async fn what_has_arrived_has_arrived(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let received = desk
        .post("/v1/batches/B1/receipt", &json!({"quantity": 9}))
        .await
        .answers(200);
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let _ = desk.count("B1", 8).await.answers(200);
    let stored = desk.state().await;
    for problem in [
        desk.patch("/v1/batches/B1", &json!({"eta": FARTHER})).await,
        desk.patch("/v1/batches/B1", &json!({"eta": FAR, "quantity": 7})).await,
        desk.post("/v1/batches/B1/receipt", &json!({"quantity": 8})).await,
    ] {
        let problem = problem.refuses(409, "already_received");
        assert_eq!((&problem["reference"], &problem["received"]), (&json!("B1"), &json!(9)));
    }
    let again = desk.post("/v1/batches/B1/receipt", &json!({"quantity": 9})).await;
    assert_eq!(again.answers(200)["batch"]["status"], received["batch"]["status"]);
    assert_eq!(desk.state().await, stored);
}

async fn a_receipt_is_undone_as_long_as_nothing_has_left(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    let _ = desk
        .post("/v1/batches/B1/receipt", &json!({"quantity": 12}))
        .await
        .answers(200);
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let _ = desk.post("/v1/orders/o1/dispatch", &json!({})).await.answers(200);
    let problem = desk
        .delete("/v1/batches/B1/receipt")
        .await
        .refuses(409, "already_dispatched");
    assert_eq!(
        (&problem["reference"], &problem["dispatched"]),
        (&json!("B1"), &json!(4))
    );
    let _ = desk.delete("/v1/orders/o1/dispatch").await.answers(200);
    let undone = desk.delete("/v1/batches/B1/receipt").await.answers(200);
    let batch = &undone["batch"];
    assert_eq!(
        (&batch["status"], &batch["eta"], &batch["quantity"], &batch["allocated"]),
        (&json!("inbound"), &json!(FAR), &json!(10), &json!(4))
    );
    assert_eq!(undone["effects"]["promise_changed"][0]["to"], FAR);
    let stored = desk.state().await;
    let again = desk.delete("/v1/batches/B1/receipt").await.answers(200);
    assert_eq!(again["batch"], *batch);
    assert_eq!(desk.state().await, stored);
    desk.buy("HERE", "LAMP", 1).await;
    let _ = desk
        .delete("/v1/batches/HERE/receipt")
        .await
        .refuses(409, "not_received");
}

async fn a_delivery_comes_in_parts(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    for id in ["o1", "o2"] {
        let _ = desk.allocate(id, "LAMP", 5).await.answers(201);
    }
    let part = json!({"quantity": 6, "rest": {"eta": FARTHER}});
    let received = desk.post("/v1/batches/B1/receipt", &part).await.answers(200);
    let (batch, rest) = (&received["batch"], &received["rest"]);
    assert_eq!(
        (&batch["status"], &batch["quantity"], &batch["allocated"]),
        (&json!("in_warehouse"), &json!(6), &json!(5))
    );
    assert_eq!(
        (&rest["reference"], &rest["status"], &rest["quantity"], &rest["eta"]),
        (&json!("B1/2"), &json!("inbound"), &json!(4), &json!(FARTHER))
    );
    assert_eq!(
        received["effects"]["backordered"][0]["order_id"], "o2",
        "it fits in neither"
    );
    assert_eq!(desk.batch("B1").await, *batch);
    assert_eq!(desk.batch("B1/2").await, *rest);
    let stored = desk.state().await;
    let again = desk.post("/v1/batches/B1/receipt", &part).await.answers(200);
    assert_eq!((&again["batch"], &again["rest"]), (batch, rest));
    for other in [
        json!({"quantity": 7, "rest": {"eta": FARTHER}}),
        json!({"quantity": 6, "rest": {}}),
        json!({"quantity": 10}),
    ] {
        let problem = desk.post("/v1/batches/B1/receipt", &other).await;
        assert_eq!(problem.refuses(409, "already_received")["received"], 6, "{other}");
    }
    assert_eq!(desk.state().await, stored);
    let next = json!({"quantity": 1, "rest": {}});
    let next = desk.post("/v1/batches/B1%2F2/receipt", &next).await.answers(200);
    assert_eq!(
        (&next["rest"]["reference"], &next["rest"]["eta"]),
        (&json!("B1/3"), &json!(FARTHER))
    );
    let closed = json!({"quantity": 2, "rest": "close"});
    let closed = desk.post("/v1/batches/B1%2F3/receipt", &closed).await.answers(200);
    assert_eq!(
        (&closed["batch"]["quantity"], &closed["rest"]),
        (&json!(2), &Value::Null)
    );
}

async fn a_rest_needs_units_that_are_still_to_come_and_a_reference_of_its_own(desk: Desk) {
    let long = "b".repeat(63);
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    desk.buy_inbound(&long, "LAMP", 10, FAR).await;
    desk.buy("B1/2", "CHAIR", 1).await;
    let stored = desk.state().await;
    for (body, field) in [
        (json!({"rest": {}}), "quantity"),
        (json!({"quantity": 0, "rest": {}}), "quantity"),
        (json!({"quantity": 6, "rest": "later"}), "rest"),
        (json!({"quantity": 6, "rest": {"eta": "soon"}}), "rest.eta"),
        (json!({"quantity": 6, "rest": {"quantity": 4}}), "rest.quantity"),
    ] {
        let reply = desk.post("/v1/batches/B1/receipt", &body).await;
        assert_eq!(reply.fields_at_fault(), [field], "{body}");
    }
    for (quantity, received) in [(10, 10), (12, 12)] {
        let body = json!({"quantity": quantity, "rest": {}});
        let problem = desk.post("/v1/batches/B1/receipt", &body).await.refuses(409, "no_rest");
        assert_eq!(
            (&problem["expected"], &problem["received"]),
            (&json!(10), &json!(received))
        );
    }
    let part = json!({"quantity": 6, "rest": {}});
    let problem = desk
        .post("/v1/batches/B1/receipt", &part)
        .await
        .refuses(409, "batch_exists");
    assert_eq!(problem["reference"], "B1/2");
    let path = format!("/v1/batches/{long}/receipt");
    let problem = desk.post(&path, &part).await.refuses(422, "rest_unnamed");
    assert!(problem["detail"].as_str().expect("words").contains("`rest.reference`"));
    assert_eq!(desk.state().await, stored);
    for (path, name) in [("/v1/batches/B1/receipt", "R1"), (&path, "R2")] {
        let named = json!({"quantity": 6, "rest": {"reference": name}});
        let received = desk.post(path, &named).await.answers(200);
        assert_eq!(received["rest"]["reference"], name);
    }
}

async fn lines_of_a_delayed_batch_move_where_it_helps_and_else_get_a_new_date(desk: Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    desk.buy_inbound("B2", "LAMP", 4, FARTHER).await;
    for id in ["o1", "o2"] {
        let _ = desk.allocate(id, "LAMP", 4).await.answers(201);
    }
    let later = desk
        .patch("/v1/batches/B1", &json!({"eta": "2199-03-01"}))
        .await
        .answers(200);
    assert_eq!(
        later["effects"]["reallocated"],
        json!([{"order_id": "o1", "line_id": "LAMP", "from": parts(&[("B1", 4)]), "to": parts(&[("B2", 4)]),
                "promised_from": FAR, "promised_to": FARTHER}])
    );
    assert_eq!(
        later["effects"]["promise_changed"],
        json!([{"order_id": "o2", "line_id": "LAMP", "from": FAR, "to": "2199-03-01"}])
    );
    assert_eq!(desk.order("o2").await["lines"][0]["promised_on"], "2199-03-01");
}

async fn a_cancelled_batch_is_closed_and_its_lines_go_to_the_backlog(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let _ = desk.allocate("o2", "LAMP", 1).await.answers(201);
    let _ = desk.post("/v1/orders/o2/dispatch", &json!({})).await.answers(200);
    let cancelled = desk.delete("/v1/batches/B1").await.answers(200);
    assert_eq!(
        (&cancelled["batch"]["status"], &cancelled["batch"]["quantity"]),
        (&json!("closed"), &json!(1)),
        "what has been dispatched remains"
    );
    assert_eq!(cancelled["effects"]["backordered"][0]["order_id"], "o1");
    let stored = desk.state().await;
    assert_eq!(
        desk.delete("/v1/batches/B1").await.answers(200)["batch"],
        cancelled["batch"]
    );
    for (path, body) in [
        ("/v1/batches/B1", json!({"quantity": 5})),
        ("/v1/batches/B1", json!({"eta": FAR})),
    ] {
        assert_eq!(
            desk.patch(path, &body).await.refuses(409, "batch_closed")["reference"],
            "B1"
        );
    }
    let _ = desk
        .post("/v1/batches/B1/receipt", &json!({}))
        .await
        .refuses(409, "batch_closed");
    assert_eq!(desk.state().await, stored);
    let _ = desk.delete("/v1/batches/B9").await.refuses(404, "unknown_batch");
}

async fn the_safety_stock_is_neither_available_nor_promised(desk: Desk) {
    desk.buy("HERE", "LAMP", 5).await;
    desk.buy_inbound("SOON", "LAMP", 7, FAR).await;
    let batch = json!({"reference": "NORTH", "sku": "LAMP", "quantity": 4, "eta": FARTHER, "location": "north"});
    let _ = desk.post("/v1/batches", &batch).await.answers(201);
    let put = desk
        .put("/v1/products/LAMP", &json!({"safety_stock": 6}))
        .await
        .answers(200);
    assert_eq!((&put["safety_stock"], &put["available"]), (&json!(6), &json!(10)));
    let before = today();
    let promised = desk.get("/v1/products/LAMP/availability").await.answers(200);
    let timeline = promised["timeline"].as_array().expect("a timeline");
    assert_today(&timeline[0]["on"], &before);
    assert_eq!(timeline[1..], [json!({"on": FAR, "available": 10})]);
    assert_eq!(
        (&promised["sku"], &promised["available_now"]),
        (&json!("LAMP"), &json!(5))
    );
    let north = desk
        .get("/v1/products/LAMP/availability?location=north")
        .await
        .answers(200);
    assert_eq!(
        (&north["available_now"], &north["timeline"][1]),
        (&json!(0), &json!({"on": FARTHER, "available": 4}))
    );
    for (quantity, day) in [(5, timeline[0]["on"].clone()), (10, json!(FAR)), (11, Value::Null)] {
        let quote = json!({"lines": [line("LAMP", quantity)], "split": true});
        let quote = desk.post("/v1/quotes", &quote).await.answers(200);
        assert_eq!(quote["promised_on"], day, "{quantity}");
    }
    let _ = desk
        .get("/v1/products/SOFA/availability")
        .await
        .refuses(404, "unknown_sku");
}

on_each_database! {
    a_received_batch_is_promised_for_today,
    what_has_arrived_has_arrived,
    a_receipt_is_undone_as_long_as_nothing_has_left,
    a_delivery_comes_in_parts,
    a_rest_needs_units_that_are_still_to_come_and_a_reference_of_its_own,
    lines_of_a_delayed_batch_move_where_it_helps_and_else_get_a_new_date,
    a_cancelled_batch_is_closed_and_its_lines_go_to_the_backlog,
    the_safety_stock_is_neither_available_nor_promised,
}
