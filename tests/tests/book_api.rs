//! The book's API to the letter: the allocation service of "Architecture Patterns with Python" as its clients know it.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, Reply};
use serde_json::{Value, json};

/// What the book answers to a command that it took.
#[track_caller]
fn assert_ok(reply: &Reply, status: u16) {
    assert_eq!((reply.status, reply.text()), (status, "OK"));
    assert_eq!(reply.media_type(), "text/plain");
}

async fn add_batch(desk: &Desk, reference: &str, sku: &str, quantity: u64, eta: Option<&str>) {
    let batch = json!({"ref": reference, "sku": sku, "qty": quantity, "eta": eta});
    assert_ok(&desk.post("/add_batch", &batch).await, 201);
}

async fn allocate(desk: &Desk, order: &str, sku: &str, quantity: u64) -> Reply {
    desk.post("/allocate", &json!({"orderid": order, "sku": sku, "qty": quantity}))
        .await
}

/// Where an order has its stock, if anywhere.
async fn allocations(desk: &Desk, order: &str) -> Option<Value> {
    let reply = desk.get(&format!("/allocations/{order}")).await;
    match reply.status {
        404 => None,
        _ => Some(reply.answers(200)),
    }
}

async fn an_order_goes_to_the_batch_that_arrives_first_and_its_allocation_can_be_looked_up(desk: Desk) {
    add_batch(&desk, "later", "SOFA", 100, Some("2011-01-02")).await;
    add_batch(&desk, "earlier", "SOFA", 100, Some("2011-01-01")).await;
    add_batch(&desk, "other", "TABLE", 100, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 3).await, 202);
    assert_eq!(
        allocations(&desk, "order-1").await,
        Some(json!([{"sku": "SOFA", "batchref": "earlier"}]))
    );
    assert_eq!(desk.batch("earlier").await["available"], 97);
}

async fn an_order_for_a_sku_nobody_bought_is_told_so_and_leaves_nothing_to_look_up(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 100, None).await;
    let books = desk.books().await;
    let reply = allocate(&desk, "order-1", "SOFFA", 20).await;
    assert_eq!(reply.answers(400), json!({"message": "Invalid sku SOFFA"}));
    assert_eq!(allocations(&desk, "order-1").await, None);
    assert_eq!(desk.books().await, books);
}

async fn a_shortage_is_accepted_and_told_by_an_event(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 11).await, 202);
    assert_eq!(allocations(&desk, "order-1").await, None);
    let told = desk.events_after(0, "&type=OutOfStock").await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["sku"], &told[0]["order_id"]),
        (&json!("SOFA"), &json!("order-1"))
    );
    assert_eq!(desk.batch("b1").await["available"], 10);
}

async fn stock_in_the_warehouse_goes_before_stock_on_its_way(desk: Desk) {
    add_batch(&desk, "shipping", "SOFA", 100, Some("2199-01-01T00:00:00")).await;
    add_batch(&desk, "here", "SOFA", 100, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 10).await, 202);
    assert_eq!(
        allocations(&desk, "order-1").await,
        Some(json!([{"sku": "SOFA", "batchref": "here"}]))
    );
}

async fn each_line_of_an_order_is_looked_up_with_it(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    add_batch(&desk, "b2", "TABLE", 10, None).await;
    for sku in ["TABLE", "SOFA"] {
        assert_ok(&allocate(&desk, "order-1", sku, 1).await, 202);
    }
    let mut both = allocations(&desk, "order-1").await.expect("allocations");
    both.as_array_mut()
        .expect("a list")
        .sort_by_key(|line| line["sku"].to_string());
    assert_eq!(
        both,
        json!([{"sku": "SOFA", "batchref": "b1"}, {"sku": "TABLE", "batchref": "b2"}])
    );
}

async fn a_date_may_have_a_time_with_it_or_be_none(desk: Desk) {
    for (reference, eta, day) in [
        ("b1", json!("2199-03-04"), json!("2199-03-04")),
        ("b2", json!("2199-03-04T00:00:00"), json!("2199-03-04")),
        ("b3", json!("2199-03-04T23:59:59.123456+02:00"), json!("2199-03-04")),
        ("b4", Value::Null, Value::Null),
    ] {
        let reply = desk
            .post(
                "/add_batch",
                &json!({"ref": reference, "sku": "SOFA", "qty": 1, "eta": eta}),
            )
            .await;
        assert_ok(&reply, 201);
        assert_eq!(desk.batch(reference).await["eta"], day, "{eta}");
    }
    let books = desk.books().await;
    for eta in ["2199-02-30", "2199-03-04T25:00:00", "tomorrow", ""] {
        let reply = desk
            .post("/add_batch", &json!({"ref": "b9", "sku": "SOFA", "qty": 1, "eta": eta}))
            .await;
        assert_eq!(reply.fields_at_fault(), ["eta"], "{eta}");
    }
    assert_eq!(desk.books().await, books);
}

async fn what_is_sent_again_is_accepted_again_and_changes_nothing(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 4).await, 202);
    let books = desk.books().await;
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 4).await, 202);
    assert_eq!(desk.books().await, books);
}

async fn where_the_book_is_silent_the_answer_is_a_problem_and_nothing_changes(desk: Desk) {
    add_batch(&desk, "b1", "SOFA", 10, None).await;
    assert_ok(&allocate(&desk, "order-1", "SOFA", 4).await, 202);
    let books = desk.books().await;
    let other = json!({"ref": "b1", "sku": "SOFA", "qty": 11, "eta": null});
    let _ = desk.post("/add_batch", &other).await.refuses(409, "batch_exists");
    let _ = allocate(&desk, "order-1", "SOFA", 5).await.refuses(409, "line_exists");
    let mut told = Vec::new();
    for (path, body) in [
        ("/add_batch", json!({"ref": "b2", "sku": "SOFA", "qty": 0, "eta": null})),
        (
            "/add_batch",
            json!({"reference": "b2", "sku": "SOFA", "qty": 1, "eta": null}),
        ),
        ("/allocate", json!({"orderid": "order-2", "sku": "SOFA", "qty": "3"})),
        (
            "/allocate",
            json!({"orderid": "order-2", "sku": "SOFA", "qty": -1, "on_shortage": "backorder"}),
        ),
    ] {
        let mut fields = desk.post(path, &body).await.fields_at_fault();
        fields.sort_unstable();
        told.push(fields);
    }
    assert_eq!(
        told,
        [
            vec!["qty"],
            vec!["ref", "reference"],
            vec!["qty"],
            vec!["on_shortage", "qty"]
        ]
    );
    assert_eq!(desk.books().await, books);
}

on_each_database! {
    an_order_goes_to_the_batch_that_arrives_first_and_its_allocation_can_be_looked_up,
    an_order_for_a_sku_nobody_bought_is_told_so_and_leaves_nothing_to_look_up,
    a_shortage_is_accepted_and_told_by_an_event,
    stock_in_the_warehouse_goes_before_stock_on_its_way,
    each_line_of_an_order_is_looked_up_with_it,
    a_date_may_have_a_time_with_it_or_be_none,
    what_is_sent_again_is_accepted_again_and_changes_nothing,
    where_the_book_is_silent_the_answer_is_a_problem_and_nothing_changes,
}
