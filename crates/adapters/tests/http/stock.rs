//! Batches that are delayed, received and cancelled; safety stock; availability.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, TODAY};

#[actix_web::test]
async fn a_delayed_batch_reports_the_changed_promises() {
    let shop = Shop::open().await;
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    shop.post(
        "/v1/allocations",
        &json!({"order_id": "o1", "sku": "LAMP", "quantity": 4}),
    )
    .await;
    let later = shop.patch("/v1/batches/B1", &json!({"eta": "2026-04-01"})).await;
    assert_eq!(later.status, StatusCode::OK);
    assert_eq!(later.json()["batch"]["eta"], "2026-04-01");
    assert_eq!(
        later.json()["effects"],
        json!({"reallocated": [], "backordered": [], "allocated": [], "promise_changed": [
            {"order_id": "o1", "line_id": "LAMP", "from": "2026-03-01", "to": "2026-04-01"}]})
    );
    shop.inbound("B2", "LAMP", 10, "2026-03-15").await;
    let later = shop
        .patch("/v1/batches/B1", &json!({"eta": "2026-05-01", "quantity": 3}))
        .await
        .json();
    assert_eq!(
        (&later["batch"]["eta"], &later["batch"]["quantity"]),
        (&json!("2026-05-01"), &json!(3))
    );
    assert_eq!(
        later["effects"]["reallocated"][0]["to"],
        json!([{"batch": "B2", "quantity": 4}])
    );
}

#[actix_web::test]
async fn a_change_of_a_batch_has_at_least_one_field_and_is_not_a_receipt() {
    let shop = Shop::open().await;
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    let events = shop.events().await;
    for (body, fields) in [
        (json!({}), vec![""]),
        (json!({"quantity": null}), vec!["quantity"]),
        (json!({"eta": null}), vec!["eta"]),
        (
            json!({"quantity": -1, "eta": "soon", "location": "x"}),
            vec!["quantity", "eta", "location"],
        ),
    ] {
        assert_eq!(shop.patch("/v1/batches/B1", &body).await.fields(), fields, "{body}");
    }
    let arrived = shop.patch("/v1/batches/B1", &json!({"eta": null})).await.json();
    let message = arrived["errors"][0]["message"].as_str().expect("a text");
    assert!(message.contains("/receipt"), "{message}");
    assert_eq!(shop.events().await, events);
}

#[actix_web::test]
async fn a_batch_is_received_with_the_counted_quantity_and_again_without_change() {
    let shop = Shop::open().await;
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    shop.inbound("B2", "LAMP", 10, "2026-03-02").await;
    shop.post(
        "/v1/allocations",
        &json!({"order_id": "o1", "sku": "LAMP", "quantity": 4}),
    )
    .await;
    let received = shop.post("/v1/batches/B1/receipt", &json!({"quantity": 9})).await;
    let batch = received.json()["batch"].clone();
    assert_eq!(
        (
            received.status,
            &batch["status"],
            &batch["eta"],
            &batch["quantity"],
            &batch["available"]
        ),
        (
            StatusCode::OK,
            &json!("in_warehouse"),
            &Value::Null,
            &json!(9),
            &json!(5)
        )
    );
    assert_eq!(
        received.json()["effects"]["promise_changed"],
        json!([{"order_id": "o1", "line_id": "LAMP", "from": "2026-03-01", "to": TODAY}])
    );
    let events = shop.events().await;
    let again = shop.send(shop.request("POST", "/v1/batches/B1/receipt")).await;
    assert_eq!((again.status, again.json()["batch"].clone()), (StatusCode::OK, batch));
    assert_eq!(shop.events().await, events);
    let wrong = shop
        .post("/v1/batches/%20/receipt", &json!({"quantity": -1, "eta": 1}))
        .await;
    assert_eq!(wrong.fields(), ["reference", "quantity", "eta"]);
    assert_eq!(
        shop.post("/v1/batches/none/receipt", &json!({})).await.code(),
        "unknown_batch"
    );
}

#[actix_web::test]
async fn what_has_arrived_is_not_put_off_nor_received_with_another_count_until_the_receipt_is_undone() {
    let shop = Shop::open().await;
    shop.inbound("B1", "LAMP", 10, "2026-03-01").await;
    shop.stock("B2", "LAMP", 5).await;
    shop.post("/v1/batches/B1/receipt", &json!({"quantity": 9})).await;
    let events = shop.events().await;
    for (answer, arrived) in [
        (shop.patch("/v1/batches/B1", &json!({"eta": "2026-04-01"})).await, 9),
        (shop.post("/v1/batches/B1/receipt", &json!({"quantity": 8})).await, 9),
        (shop.patch("/v1/batches/B2", &json!({"eta": "2026-04-01"})).await, 5),
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::CONFLICT, "already_received".to_owned())
        );
        assert_eq!(answer.json()["received"], arrived);
    }
    assert_eq!(shop.delete("/v1/batches/B2/receipt").await.code(), "not_received");
    assert_eq!(shop.delete("/v1/batches/none/receipt").await.code(), "unknown_batch");
    assert_eq!(shop.events().await, events);
    let undone = shop.delete("/v1/batches/B1/receipt").await.json()["batch"].clone();
    assert_eq!(
        (&undone["status"], &undone["eta"], &undone["quantity"]),
        (&json!("inbound"), &json!("2026-03-01"), &json!(10))
    );
    assert_eq!(shop.delete("/v1/batches/B1/receipt").await.json()["batch"], undone);
}

#[actix_web::test]
async fn a_cancelled_batch_is_closed_and_can_not_be_changed() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 10).await;
    shop.post(
        "/v1/allocations",
        &json!({"order_id": "o1", "sku": "LAMP", "quantity": 4}),
    )
    .await;
    let cancelled = shop.delete("/v1/batches/B1").await;
    let batch = cancelled.json()["batch"].clone();
    assert_eq!(
        (
            cancelled.status,
            &batch["status"],
            &batch["quantity"],
            &batch["available"]
        ),
        (StatusCode::OK, &json!("closed"), &json!(0), &json!(0))
    );
    assert_eq!(cancelled.json()["effects"]["backordered"][0]["order_id"], "o1");
    assert_eq!(shop.get("/v1/batches/B1").await.json(), batch);
    assert_eq!(shop.delete("/v1/batches/B1").await.json()["batch"], batch);
    for answer in [
        shop.patch("/v1/batches/B1", &json!({"quantity": 5})).await,
        shop.patch("/v1/batches/B1", &json!({"eta": "2026-03-01"})).await,
        shop.post("/v1/batches/B1/receipt", &json!({})).await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::CONFLICT, "batch_closed".to_owned())
        );
        assert_eq!(answer.json()["reference"], "B1");
    }
    assert_eq!(shop.delete("/v1/batches/none").await.code(), "unknown_batch");
}

#[actix_web::test]
async fn the_safety_stock_is_not_promised() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 10).await;
    let put = shop.put("/v1/products/LAMP", &json!({"safety_stock": 3})).await;
    assert_eq!(
        (
            put.status,
            &put.json()["safety_stock"],
            &put.json()["available"],
            &put.json()["name"]
        ),
        (StatusCode::OK, &json!(3), &json!(7), &Value::Null)
    );
    let named = shop.put("/v1/products/LAMP", &json!({"name": "A lamp"})).await.json();
    assert_eq!((&named["safety_stock"], &named["name"]), (&json!(3), &json!("A lamp")));
    let line = json!({"order_id": "o1", "sku": "LAMP", "quantity": 8});
    let refused = shop.post("/v1/allocations", &line).await.json();
    assert_eq!(
        (&refused["available"], &refused["remedy"]),
        (&json!(7), &json!({"safety_stock": 2}))
    );
    for (body, fields) in [
        (json!({}), vec![""]),
        (
            json!({"name": null, "safety_stock": null}),
            vec!["name", "safety_stock"],
        ),
        (
            json!({"safety_stock": -1, "version": 1}),
            vec!["safety_stock", "version"],
        ),
    ] {
        assert_eq!(shop.put("/v1/products/LAMP", &body).await.fields(), fields, "{body}");
    }
}

#[actix_web::test]
async fn availability_is_shown_by_date_and_location_less_the_safety_stock() {
    let shop = Shop::open().await;
    shop.stock("HERE", "LAMP", 5).await;
    shop.inbound("SOON", "LAMP", 7, "2026-03-01").await;
    shop.inbound("OVERDUE", "LAMP", 2, "2026-01-30").await;
    shop.inbound("LOST", "LAMP", 50, "2026-01-20").await;
    let north = json!({"reference": "NORTH", "sku": "LAMP", "quantity": 4, "eta": "2026-04-01", "location": "north"});
    shop.post("/v1/batches", &north).await;
    let ask = async |query: &str| shop.get(&format!("/v1/products/LAMP/availability{query}")).await;
    assert_eq!(
        ask("").await.json(),
        json!({"sku": "LAMP", "available_now": 5, "timeline": [
            {"on": TODAY, "available": 5}, {"on": "2026-02-02", "available": 7}, {"on": "2026-03-01", "available": 14},
            {"on": "2026-04-01", "available": 18}]})
    );
    shop.put("/v1/products/LAMP", &json!({"safety_stock": 6})).await;
    assert_eq!(
        ask("").await.json()["timeline"],
        json!([{"on": TODAY, "available": 5}, {"on": "2026-02-02", "available": 7},
            {"on": "2026-03-01", "available": 12}])
    );
    assert_eq!(
        ask("?location=north").await.json(),
        json!({"sku": "LAMP", "available_now": 0, "timeline": [
            {"on": TODAY, "available": 0}, {"on": "2026-04-01", "available": 4}]})
    );
    assert_eq!(ask("?location=%20&near=x").await.fields(), ["near", "location"]);
    assert_eq!(shop.get("/v1/products/none/availability").await.code(), "unknown_sku");
}

#[actix_web::test]
async fn lines_move_to_better_stock_on_demand_and_a_preview_moves_none() {
    let shop = Shop::open().await;
    shop.inbound("SHIP", "LAMP", 5, "2026-03-01").await;
    let line = json!({"order_id": "o1", "sku": "LAMP", "quantity": 5});
    assert_eq!(shop.post("/v1/allocations", &line).await.status, StatusCode::CREATED);
    shop.stock("HERE", "LAMP", 5).await;
    let ask = async |query: &str| {
        let answer = shop
            .post(&format!("/v1/products/LAMP/reallocation{query}"), &json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()["effects"]["reallocated"].clone()
    };
    let moved = json!([{"order_id": "o1", "line_id": "LAMP", "from": [{"batch": "SHIP", "quantity": 5}],
        "to": [{"batch": "HERE", "quantity": 5}], "promised_from": "2026-03-01", "promised_to": TODAY}]);
    assert_eq!(ask("?preview=true").await, moved);
    assert_eq!(ask("").await, moved);
    assert_eq!(ask("").await, json!([]), "the second time nothing moves");
    let line = shop.get("/v1/orders/o1").await.json()["lines"][0].clone();
    assert_eq!(
        (&line["promised_on"], &line["first_promised_on"]),
        (&json!(TODAY), &json!("2026-03-01"))
    );
    let stale = ("if-match", "\"1\"");
    let answer = shop
        .with_header("POST", "/v1/products/LAMP/reallocation", stale, &json!({}))
        .await;
    assert_eq!(answer.code(), "stale_version");
    let unknown = shop.post("/v1/products/none/reallocation", &json!({})).await;
    assert_eq!(unknown.code(), "unknown_sku");
}

#[actix_web::test]
async fn an_order_gets_what_availability_promises() {
    let shop = Shop::open().await;
    shop.stock("HERE", "LAMP", 5).await;
    shop.inbound("SOON", "LAMP", 7, "2026-03-01").await;
    shop.put("/v1/products/LAMP", &json!({"safety_stock": 3})).await;
    let timeline = shop.get("/v1/products/LAMP/availability").await.json()["timeline"].clone();
    for entry in timeline.as_array().expect("a timeline") {
        let lines = json!([{"sku": "LAMP", "quantity": entry["available"]}]);
        let quote = shop
            .post("/v1/quotes", &json!({"lines": lines, "split": true}))
            .await
            .json();
        assert_eq!(quote["promised_on"], entry["on"], "{timeline}");
    }
    let most = timeline[1]["available"].as_u64().expect("units");
    let lines = json!([{"sku": "LAMP", "quantity": most + 1}]);
    let quote = shop
        .post("/v1/quotes", &json!({"lines": lines, "split": true}))
        .await
        .json();
    assert_eq!(quote["promised_on"], Value::Null);
}
