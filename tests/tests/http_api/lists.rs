//! Lists of batches and orders.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, column, line, order};

/// A shop with four batches and four orders: of these one is late, one waits, one is held.
async fn shop(desk: &Desk) {
    desk.buy("here", "LAMP", 10).await;
    desk.buy_inbound("ship-1", "RUG", 10, FARTHER).await;
    desk.buy_inbound("ship-2", "LAMP", 10, FAR).await;
    let north = json!({"reference": "north", "sku": "RUG", "quantity": 1, "location": "north"});
    let _ = desk.post("/v1/batches", &north).await.answers(201);
    let mut late = order("late", &[line("RUG", 5)]);
    late["required_by"] = json!(FAR);
    let _ = desk.post("/v1/orders", &late).await.answers(201);
    let mut held = order("held", &[line("LAMP", 1)]);
    held["hold_seconds"] = json!(3_600);
    let _ = desk.post("/v1/orders", &held).await.answers(201);
    let _ = desk.allocate_or_wait("waits", "LAMP", 90).await.answers(202);
    let _ = desk.allocate("firm", "LAMP", 2).await.answers(201);
}

async fn keys(desk: &Desk, path: &str, key: &str) -> Vec<Value> {
    let page = desk.get(path).await.answers(200);
    assert_eq!(page["next"], Value::Null, "{path}");
    column(&page["items"], key)
}

async fn batches_are_listed_with_filters(desk: Desk) {
    shop(&desk).await;
    for (query, expected) in [
        ("", &["here", "north", "ship-1", "ship-2"][..]),
        ("?sku=LAMP", &["here", "ship-2"]),
        ("?location=north", &["north"]),
        ("?sku=RUG&status=inbound", &["ship-1"]),
        ("?status=in_warehouse&overdue=false", &["here", "north"]),
        ("?overdue=true", &[]),
        ("?sku=UNKNOWN", &[]),
    ] {
        assert_eq!(
            keys(&desk, &format!("/v1/batches{query}"), "reference").await,
            expected,
            "{query}"
        );
    }
    let page = desk.get("/v1/batches?sku=LAMP&limit=1").await.answers(200);
    assert_eq!(page, json!({"items": [desk.batch("here").await], "next": "here"}));
    assert_eq!(
        keys(&desk, "/v1/batches?sku=LAMP&limit=1&after=here", "reference").await,
        ["ship-2"]
    );
}

async fn orders_are_listed_with_filters(desk: Desk) {
    shop(&desk).await;
    for (query, expected) in [
        ("".to_owned(), &["firm", "held", "late", "waits"][..]),
        ("?sku=RUG".to_owned(), &["late"]),
        ("?status=held".to_owned(), &["held"]),
        ("?waiting=true".to_owned(), &["waits"]),
        ("?waiting=false&sku=LAMP".to_owned(), &["firm", "held"]),
        ("?at_risk=true".to_owned(), &["late"]),
        (format!("?required_before={FARTHER}"), &["late"]),
        (format!("?required_before={FAR}"), &[]),
        ("?sku=LAMP&at_risk=true".to_owned(), &[]),
    ] {
        assert_eq!(
            keys(&desk, &format!("/v1/orders{query}"), "order_id").await,
            expected,
            "{query}"
        );
    }
    let page = desk.get("/v1/orders?status=held").await.answers(200);
    assert_eq!(page["items"][0], desk.order("held").await);
    let page = desk.get("/v1/orders?limit=2").await.answers(200);
    assert_eq!(
        (column(&page["items"], "order_id").len(), &page["next"]),
        (2, &json!("held"))
    );
    assert_eq!(
        keys(&desk, "/v1/orders?limit=2&after=held", "order_id").await,
        ["late", "waits"]
    );
}

async fn a_filter_at_fault_is_refused_by_name(desk: Desk) {
    for (path, fields) in [
        (
            "/v1/batches?status=late&overdue=yes&limit=0",
            &["status", "overdue", "limit"][..],
        ),
        ("/v1/batches?sku=&location=%20x", &["sku", "location"]),
        (
            "/v1/orders?status=open&waiting=1&at_risk=",
            &["status", "at_risk", "waiting"],
        ),
        (
            "/v1/orders?required_before=tomorrow&limit=501&colour=red",
            &["colour", "required_before", "limit"],
        ),
    ] {
        let reply = desk.get(path).await;
        assert_eq!(reply.status, 422, "{path}");
        assert_eq!(reply.fields_at_fault(), fields, "{path}");
    }
}

on_each_database! {
    batches_are_listed_with_filters,
    orders_are_listed_with_filters,
    a_filter_at_fault_is_refused_by_name,
}
