//! Placing and cancelling orders.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use crate::support::{FAR, column, line, on_shortage, order, parts, without_placing};

/// Enough lamps, few chairs, no tables.
async fn stock(desk: &Desk) {
    desk.buy_inbound("L1", "LAMP", 100, FAR).await;
    desk.buy_inbound("C1", "CHAIR", 3, FAR).await;
    let _ = desk
        .put("/v1/products/TABLE", &json!({"name": "A table"}))
        .await
        .answers(200);
}

async fn an_order_that_fits_is_allocated_completely(desk: Desk) {
    stock(&desk).await;
    let reply = desk
        .post("/v1/orders", &order("o 1", &[line("LAMP", 2), line("CHAIR", 3)]))
        .await;
    let placed = json!({"order_id": "o 1", "status": "firm", "hold_expires_at": null, "priority": 0,
                        "required_by": null, "lines": [
        {"order_id": "o 1", "line_id": "CHAIR", "sku": "CHAIR", "quantity": 3, "status": "allocated",
         "allocations": parts(&[("C1", 3)]), "dispatches": [], "promised_on": FAR, "first_promised_on": FAR,
         "at_risk": false},
        {"order_id": "o 1", "line_id": "LAMP", "sku": "LAMP", "quantity": 2, "status": "allocated",
         "allocations": parts(&[("L1", 2)]), "dispatches": [], "promised_on": FAR, "first_promised_on": FAR,
         "at_risk": false},
    ]});
    assert_eq!(without_placing(reply.answers(201)), placed);
    assert_eq!(reply.header("location"), Some("/v1/orders/o%201"));
    assert_eq!(desk.get("/v1/orders/o%201").await.answers(200), reply.answers(201));
    assert_eq!(
        desk.event_types("&order_id=o%201").await,
        ["OrderPlaced", "Allocated", "Allocated"]
    );
}

async fn a_refused_order_names_every_short_line_and_is_not_stored(desk: Desk) {
    stock(&desk).await;
    let before = desk.state().await;
    let lines = [line("LAMP", 2), line("CHAIR", 4), line("TABLE", 1)];
    let problem = desk
        .post("/v1/orders", &order("o1", &lines))
        .await
        .refuses(409, "out_of_stock");
    let mut shortages = problem["shortages"].as_array().expect("shortages").clone();
    shortages.sort_by_key(|shortage| shortage["sku"].to_string());
    let reported: Vec<_> = shortages
        .iter()
        .map(|s| [&s["line_id"], &s["sku"], &s["requested"], &s["available"]])
        .collect();
    assert_eq!(reported[0], [&json!("CHAIR"), &json!("CHAIR"), &json!(4), &json!(3)]);
    assert_eq!(reported[1], [&json!("TABLE"), &json!("TABLE"), &json!(1), &json!(0)]);
    assert_eq!(reported.len(), 2);

    let _ = desk.get("/v1/orders/o1").await.refuses(404, "unknown_order");
    let after = desk.state().await;
    let batches = |stored: &earmark_tests::service::State| -> Vec<Value> {
        stored
            .products
            .iter()
            .map(|product| product["batches"].clone())
            .collect()
    };
    assert_eq!(batches(&after), batches(&before));
    assert_eq!(desk.event_types("&order_id=o1").await, ["OutOfStock", "OutOfStock"]);
}

async fn an_order_may_be_backordered_with_the_lines_that_do_not_fit(desk: Desk) {
    stock(&desk).await;
    let lines = [line("LAMP", 2), line("CHAIR", 4), line("TABLE", 1)];
    let placed = desk
        .post("/v1/orders", &on_shortage(order("o1", &lines), "backorder"))
        .await
        .answers(201);
    assert_eq!(placed["status"], "firm");
    assert_eq!(
        column(&placed["lines"], "status"),
        ["backordered", "allocated", "backordered"]
    );
    assert_eq!(
        column(&placed["lines"], "promised_on"),
        [json!(null), json!(FAR), json!(null)]
    );
    assert_eq!(
        desk.product("CHAIR").await["available"],
        3,
        "a part of a line is never allocated"
    );
}

async fn a_partial_order_refuses_the_lines_that_do_not_fit(desk: Desk) {
    stock(&desk).await;
    let lines = [line("LAMP", 2), line("CHAIR", 4), line("TABLE", 1)];
    let placed = desk
        .post("/v1/orders", &on_shortage(order("o1", &lines), "partial"))
        .await
        .answers(201);
    assert_eq!(column(&placed["lines"], "status"), ["refused", "allocated", "refused"]);
    assert_eq!(desk.order("o1").await, placed);
    assert_eq!(desk.backlog("CHAIR").await, [] as [Value; 0]);
    // A refused line stays refused when stock arrives.
    desk.buy("T1", "TABLE", 10).await;
    assert_eq!(desk.order("o1").await, placed);
}

async fn a_partial_order_of_which_nothing_fits_is_refused(desk: Desk) {
    stock(&desk).await;
    let lines = [line("CHAIR", 4), line("TABLE", 1)];
    let problem = desk
        .post("/v1/orders", &on_shortage(order("o1", &lines), "partial"))
        .await
        .refuses(409, "out_of_stock");
    assert_eq!(problem["shortages"].as_array().map(Vec::len), Some(2));
    let _ = desk.get("/v1/orders/o1").await.refuses(404, "unknown_order");
}

async fn lines_of_one_sku_are_counted_together(desk: Desk) {
    stock(&desk).await;
    let of_chairs = |id: &str, quantity: u64| json!({"line_id": id, "sku": "CHAIR", "quantity": quantity});
    let both = order("o1", &[of_chairs("a", 2), of_chairs("b", 2)]);
    let problem = desk.post("/v1/orders", &both).await.refuses(409, "out_of_stock");
    let shortages = problem["shortages"].as_array().expect("shortages");
    assert_eq!(shortages.len(), 1);
    assert_eq!(
        (&shortages[0]["line_id"], &shortages[0]["available"]),
        (&json!("b"), &json!(1))
    );
    let fits = order("o1", &[of_chairs("a", 2), of_chairs("b", 1)]);
    let _ = desk.post("/v1/orders", &fits).await.answers(201);
    assert_eq!(desk.product("CHAIR").await["available"], 0);
}

async fn an_order_that_may_be_split_is_spread_over_batches(desk: Desk) {
    stock(&desk).await;
    desk.buy_inbound("C2", "CHAIR", 3, FAR).await;
    let mut sent = order("o1", &[line("CHAIR", 5)]);
    let _ = desk.post("/v1/orders", &sent).await.refuses(409, "out_of_stock");
    sent["split"] = true.into();
    let placed = desk.post("/v1/orders", &sent).await.answers(201);
    assert_eq!(placed["lines"][0]["allocations"], parts(&[("C1", 3), ("C2", 2)]));
}

async fn every_unknown_sku_of_an_order_is_named(desk: Desk) {
    stock(&desk).await;
    let stored = desk.state().await;
    let lines = [line("SOFA", 1), line("LAMP", 1), line("BED", 1)];
    for word in ["reject", "backorder", "partial"] {
        let problem = desk
            .post("/v1/orders", &on_shortage(order("o1", &lines), word))
            .await
            .refuses(404, "unknown_sku");
        assert_eq!(problem["skus"], json!(["BED", "SOFA"]));
    }
    assert_eq!(desk.state().await, stored);
}

async fn the_same_order_again_changes_nothing_in_any_order_of_lines(desk: Desk) {
    stock(&desk).await;
    let lines = [line("LAMP", 2), line("TABLE", 1)];
    let placed = desk
        .post("/v1/orders", &on_shortage(order("o1", &lines), "backorder"))
        .await
        .answers(201);
    let stored = desk.state().await;
    let again = desk
        .post("/v1/orders", &on_shortage(order("o1", &lines), "backorder"))
        .await;
    assert_eq!(again.answers(200), placed);
    assert_eq!(again.header("location"), None);
    let turned = [line("TABLE", 1), line("LAMP", 2)];
    assert_eq!(
        desk.post("/v1/orders", &on_shortage(order("o1", &turned), "backorder"))
            .await
            .answers(200),
        placed
    );
    assert_eq!(desk.state().await, stored);
}

async fn an_order_can_not_be_placed_again_with_other_content(desk: Desk) {
    stock(&desk).await;
    let _ = desk
        .post("/v1/orders", &order("o1", &[line("LAMP", 2), line("CHAIR", 1)]))
        .await
        .answers(201);
    let stored = desk.state().await;
    for lines in [
        vec![line("LAMP", 2)],
        vec![line("LAMP", 2), line("CHAIR", 2)],
        vec![line("LAMP", 2), line("CHAIR", 1), line("TABLE", 1)],
        vec![
            line("LAMP", 2),
            json!({"line_id": "CHAIR", "sku": "TABLE", "quantity": 1}),
        ],
    ] {
        let problem = desk
            .post("/v1/orders", &order("o1", &lines))
            .await
            .refuses(409, "order_exists");
        assert_eq!(problem["order_id"], "o1");
    }
    assert_eq!(desk.state().await, stored);
}

async fn an_order_may_have_five_hundred_lines_and_no_more(desk: Desk) {
    desk.buy("L1", "LAMP", 501).await;
    let lines: Vec<Value> = (0..501)
        .map(|at| json!({"line_id": format!("l{at}"), "sku": "LAMP", "quantity": 1}))
        .collect();
    let stored = desk.state().await;
    let reply = desk.post("/v1/orders", &order("o1", &lines)).await;
    assert_eq!(reply.fields_at_fault(), ["lines"]);
    assert_eq!(desk.state().await, stored);
    let placed = desk.post("/v1/orders", &order("o1", &lines[..500])).await.answers(201);
    assert_eq!(placed["lines"].as_array().map(Vec::len), Some(500));
    assert_eq!(desk.product("LAMP").await["available"], 1);
}

async fn a_cancelled_order_frees_its_stock_for_the_backlog(desk: Desk) {
    stock(&desk).await;
    let _ = desk
        .post("/v1/orders", &order("o1", &[line("LAMP", 2), line("CHAIR", 3)]))
        .await
        .answers(201);
    let _ = desk.allocate_or_wait("o2", "CHAIR", 2).await.answers(202);
    let _ = desk.allocate_or_wait("o3", "CHAIR", 2).await.answers(202);

    let cancelled = desk.delete("/v1/orders/o1").await.answers(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(column(&cancelled["lines"], "status"), ["cancelled", "cancelled"]);
    assert_eq!(desk.order("o1").await, cancelled);
    assert_eq!(
        desk.order("o2").await["lines"][0]["allocations"],
        parts(&[("C1", 2)]),
        "the line that was placed first"
    );
    assert_eq!(desk.order("o3").await["lines"][0]["status"], "backordered");
    let types = desk.event_types("&order_id=o1").await;
    assert_eq!(types[3..], ["Deallocated", "Deallocated", "OrderCancelled"]);

    let stored = desk.state().await;
    assert_eq!(
        desk.delete("/v1/orders/o1").await.answers(200),
        cancelled,
        "cancelling again changes nothing"
    );
    assert_eq!(desk.state().await, stored);
}

async fn a_cancelled_order_leaves_the_backlog(desk: Desk) {
    stock(&desk).await;
    let lines = [line("CHAIR", 4), line("TABLE", 1)];
    let _ = desk
        .post("/v1/orders", &on_shortage(order("o1", &lines), "backorder"))
        .await
        .answers(201);
    let _ = desk.delete("/v1/orders/o1").await.answers(200);
    desk.buy("T1", "TABLE", 1).await;
    assert_eq!(desk.product("TABLE").await["available"], 1);
    assert_eq!(desk.state().await.waiting, [] as [Value; 0]);
}

async fn an_order_that_was_never_placed_is_unknown(desk: Desk) {
    stock(&desk).await;
    let stored = desk.state().await;
    let problem = desk.get("/v1/orders/o1").await.refuses(404, "unknown_order");
    assert_eq!(problem["order_id"], "o1");
    let _ = desk.delete("/v1/orders/o1").await.refuses(404, "unknown_order");
    assert_eq!(desk.state().await, stored);
}

on_each_database! {
    an_order_that_fits_is_allocated_completely,
    a_refused_order_names_every_short_line_and_is_not_stored,
    an_order_may_be_backordered_with_the_lines_that_do_not_fit,
    a_partial_order_refuses_the_lines_that_do_not_fit,
    a_partial_order_of_which_nothing_fits_is_refused,
    lines_of_one_sku_are_counted_together,
    an_order_that_may_be_split_is_spread_over_batches,
    every_unknown_sku_of_an_order_is_named,
    the_same_order_again_changes_nothing_in_any_order_of_lines,
    an_order_can_not_be_placed_again_with_other_content,
    an_order_may_have_five_hundred_lines_and_no_more,
    a_cancelled_order_frees_its_stock_for_the_backlog,
    a_cancelled_order_leaves_the_backlog,
    an_order_that_was_never_placed_is_unknown,
}
