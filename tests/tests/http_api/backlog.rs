//! The backlog: its lines, their order, and how they are served.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, until};
use serde_json::{Value, json};

use crate::support::{column, line, on_shortage, order};

/// A line of lamps that may be backordered.
fn backordered(order: &str, quantity: u64) -> Value {
    json!({"order_id": order, "sku": "LAMP", "quantity": quantity, "on_shortage": "backorder"})
}

/// Backorders one unit for each of the orders `first..last`.
async fn queue(desk: &Desk, first: usize, last: usize) {
    let lines: Vec<Value> = (first..last)
        .map(|at| json!({"allocate": backordered(&format!("o{at:04}"), 1)}))
        .collect();
    for answer in desk.bulk(&lines).await {
        assert_eq!(answer["status"], 202, "{answer}");
    }
}

async fn the_backlog_of_a_product_with_stock_is_empty(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    assert_eq!(
        desk.get("/v1/products/LAMP/backlog").await.answers(200),
        json!({"items": [], "next": null})
    );
}

async fn the_backlog_is_in_the_order_of_placing_and_not_of_names(desk: Desk) {
    let _ = desk
        .put("/v1/products/LAMP", &json!({"name": "A lamp"}))
        .await
        .answers(200);
    for id in ["z", "a", "m"] {
        let _ = desk.allocate_or_wait(id, "LAMP", 1).await.answers(202);
    }
    let of_two = order(
        "k",
        &[
            json!({"line_id": "2", "sku": "LAMP", "quantity": 1}),
            json!({"line_id": "1", "sku": "LAMP", "quantity": 1}),
        ],
    );
    let _ = desk
        .post("/v1/orders", &on_shortage(of_two, "backorder"))
        .await
        .answers(201);
    let waiting = desk.get("/v1/products/LAMP/backlog").await.answers(200);
    assert_eq!(column(&waiting["items"], "order_id"), ["z", "a", "m", "k", "k"]);
    assert_eq!(column(&waiting["items"], "line_id"), ["LAMP", "LAMP", "LAMP", "1", "2"]);

    desk.buy("B1", "LAMP", 2).await;
    let waiting = desk.get("/v1/products/LAMP/backlog").await.answers(200);
    assert_eq!(column(&waiting["items"], "order_id"), ["m", "k", "k"]);
}

async fn the_backlog_is_read_page_by_page_in_order_of_service(desk: Desk) {
    let _ = desk
        .put("/v1/products/LAMP", &json!({"name": "A lamp"}))
        .await
        .answers(200);
    queue(&desk, 0, 25).await;
    let all: Vec<String> = (0..25).map(|at| format!("o{at:04}")).collect();
    for limit in [1, 7, 25, 26] {
        let read = desk.pages(&format!("/v1/products/LAMP/backlog?limit={limit}")).await;
        let read: Vec<&str> = read.iter().filter_map(|line| line["order_id"].as_str()).collect();
        assert_eq!(read, all, "{limit} at a time");
    }
    for nonsense in ["after=x", "after=", "limit=0", "limit=100000", "search=x"] {
        let reply = desk.get(&format!("/v1/products/LAMP/backlog?{nonsense}")).await;
        assert_eq!(
            reply.fields_at_fault(),
            [nonsense.split('=').next().unwrap_or_default()]
        );
    }
}

async fn a_backlog_longer_than_a_transaction_serves_is_served_to_its_end(desk: Desk) {
    let _ = desk
        .put("/v1/products/LAMP", &json!({"name": "A lamp"}))
        .await
        .answers(200);
    queue(&desk, 0, 650).await;
    desk.buy("B1", "LAMP", 640).await;
    until("all stock is allocated", async || {
        (desk.batch("B1").await["available"] == 0).then_some(())
    })
    .await;
    let waiting = desk.backlog("LAMP").await;
    let waiting: Vec<&str> = waiting.iter().filter_map(|line| line["order_id"].as_str()).collect();
    let last: Vec<String> = (640..650).map(|at| format!("o{at:04}")).collect();
    assert_eq!(waiting, last, "in order of service");
}

async fn the_last_line_is_served_behind_many_that_do_not_fit(desk: Desk) {
    let _ = desk
        .put("/v1/products/LAMP", &json!({"name": "A lamp"}))
        .await
        .answers(200);
    let large: Vec<Value> = (0..450)
        .map(|at| json!({"allocate": backordered(&format!("large{at:04}"), 100)}))
        .collect();
    for answer in desk.bulk(&large).await {
        assert_eq!(answer["status"], 202, "{answer}");
    }
    let small = on_shortage(order("small", &[line("LAMP", 5)]), "backorder");
    let _ = desk.post("/v1/orders", &small).await.answers(201);
    desk.buy("B1", "LAMP", 99).await;
    until("the small order is served", async || {
        (desk.order("small").await["lines"][0]["status"] == "allocated").then_some(())
    })
    .await;
}

on_each_database! {
    the_backlog_of_a_product_with_stock_is_empty,
    the_backlog_is_in_the_order_of_placing_and_not_of_names,
    the_backlog_is_read_page_by_page_in_order_of_service,
    a_backlog_longer_than_a_transaction_serves_is_served_to_its_end,
    the_last_line_is_served_behind_many_that_do_not_fit,
}
