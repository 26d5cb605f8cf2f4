//! Orders that are held, confirmed, replaced, changed and dispatched.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, TODAY};

/// An order over 4 LAMP and 2 CHAIR, held for a quarter of an hour.
fn held(order: &str) -> Value {
    json!({"order_id": order, "hold_seconds": 900, "lines": [
        {"sku": "LAMP", "quantity": 4}, {"sku": "CHAIR", "quantity": 2}]})
}

/// A shop with 10 LAMP and 10 CHAIR, and that order held.
async fn with_a_hold() -> Shop {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 10).await;
    shop.stock("C1", "CHAIR", 10).await;
    assert_eq!(shop.post("/v1/orders", &held("o1")).await.status, StatusCode::CREATED);
    shop
}

fn statuses(order: &Value) -> Vec<&str> {
    let lines = order["lines"].as_array().expect("lines");
    lines
        .iter()
        .map(|line| line["status"].as_str().expect("a status"))
        .collect()
}

async fn available(shop: &Shop, sku: &str) -> Value {
    shop.get(&format!("/v1/products/{sku}")).await.json()["available"].clone()
}

#[actix_web::test]
async fn an_order_shows_its_deadline_its_priority_and_the_day_it_is_required_by() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 10).await;
    let order = json!({"order_id": "o1", "lines": [{"sku": "LAMP", "quantity": 4}], "hold_seconds": 900,
                       "priority": -7, "required_by": "2026-03-01"});
    let placed = shop.post("/v1/orders", &order).await;
    assert_eq!(placed.status, StatusCode::CREATED);
    let line = json!({"order_id": "o1", "line_id": "LAMP", "sku": "LAMP", "quantity": 4, "status": "held",
                      "allocations": [{"batch": "L1", "quantity": 4}], "dispatches": [], "promised_on": TODAY,
                      "first_promised_on": TODAY, "at_risk": false, "placed_at": "2026-02-01T09:00:00Z"});
    let mut expected = json!({"order_id": "o1", "status": "held", "priority": -7, "required_by": "2026-03-01",
                              "lines": [line]});
    let expires = placed.json()["hold_expires_at"].clone();
    assert!(
        expires.as_str().is_some_and(|at| at.starts_with("2026-02-01T09:15:00")),
        "{expires}"
    );
    expected["hold_expires_at"] = expires;
    assert_eq!(placed.json(), expected);
    assert_eq!(shop.get("/v1/orders/o1").await.json(), expected);
    assert_eq!(shop.post("/v1/orders", &order).await.status, StatusCode::OK);
    let firm = json!({"order_id": "o2", "lines": [{"sku": "LAMP", "quantity": 1}]});
    let firm = shop.post("/v1/orders", &firm).await.json();
    assert_eq!(
        (
            &firm["status"],
            &firm["hold_expires_at"],
            &firm["priority"],
            &firm["required_by"]
        ),
        (&json!("firm"), &Value::Null, &json!(0), &Value::Null)
    );
}

#[actix_web::test]
async fn terms_of_an_order_out_of_bounds_are_faults() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 10).await;
    let events = shop.events().await;
    let order = |terms: Value| {
        let mut order = json!({"order_id": "o1", "lines": [{"sku": "LAMP", "quantity": 1}]});
        order
            .as_object_mut()
            .expect("an object")
            .extend(terms.as_object().expect("terms").clone());
        order
    };
    for (terms, field) in [
        (json!({"hold_seconds": 0}), "hold_seconds"),
        (json!({"hold_seconds": 2_592_001}), "hold_seconds"),
        (json!({"hold_seconds": 1.5}), "hold_seconds"),
        (json!({"hold_seconds": "60"}), "hold_seconds"),
        (json!({"priority": 1_000_001}), "priority"),
        (json!({"priority": -1_000_001}), "priority"),
        (json!({"priority": true}), "priority"),
        (json!({"required_by": "soon"}), "required_by"),
        (json!({"locations": []}), "locations"),
        (json!({"locations": "main"}), "locations"),
        (json!({"locations": ["a", "a"]}), "locations"),
        (json!({"locations": ["a", " "]}), "locations[1]"),
        (
            json!({"locations": (0..17).map(|at| format!("l{at}")).collect::<Vec<_>>()}),
            "locations",
        ),
        (
            json!({"lines": [{"sku": "LAMP", "quantity": 1, "locations": [7]}]}),
            "lines[0].locations[0]",
        ),
        (
            json!({"lines": [{"sku": "LAMP", "quantity": 1, "location": "x"}]}),
            "lines[0].location",
        ),
    ] {
        let posted = shop.post("/v1/orders", &order(terms.clone())).await;
        assert_eq!(posted.fields(), [field], "{terms}");
        let mut content = order(terms);
        content.as_object_mut().expect("an object").remove("order_id");
        assert_eq!(shop.put("/v1/orders/o1", &content).await.fields(), [field]);
    }
    let several = order(json!({"hold_seconds": 0, "priority": "high", "required_by": 7, "locations": [""]}));
    assert_eq!(
        shop.post("/v1/orders", &several).await.fields(),
        ["locations[0]", "hold_seconds", "priority", "required_by"]
    );
    let named_twice = order(json!({}));
    assert_eq!(shop.put("/v1/orders/o1", &named_twice).await.fields(), ["order_id"]);
    assert_eq!(shop.events().await, events);
}

#[actix_web::test]
async fn a_held_order_is_confirmed_and_again_without_change() {
    let shop = with_a_hold().await;
    let confirmed = shop.send(shop.request("POST", "/v1/orders/o1/confirmation")).await;
    assert_eq!(
        (confirmed.status, &confirmed.json()["status"]),
        (StatusCode::OK, &json!("firm"))
    );
    assert_eq!(statuses(&confirmed.json()), ["allocated", "allocated"]);
    assert_eq!(confirmed.json()["hold_expires_at"], Value::Null);
    let events = shop.events().await;
    let again = shop.post("/v1/orders/o1/confirmation", &json!({})).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, confirmed.json()));
    assert_eq!(shop.events().await, events);
}

#[actix_web::test]
async fn part_of_an_order_is_confirmed_and_the_rest_released() {
    let shop = with_a_hold().await;
    let part = json!({"lines": [{"line_id": "LAMP", "quantity": 3}]});
    let confirmed = shop.post("/v1/orders/o1/confirmation", &part).await.json();
    assert_eq!(statuses(&confirmed), ["cancelled", "allocated"]);
    assert_eq!(confirmed["lines"][1]["quantity"], 3);
    assert_eq!(available(&shop, "LAMP").await, 7);
    assert_eq!(available(&shop, "CHAIR").await, 10);
}

#[actix_web::test]
async fn an_impossible_confirmation_is_a_problem() {
    let shop = with_a_hold().await;
    let confirm = async |body: Value| shop.post("/v1/orders/o1/confirmation", &body).await;
    let more = confirm(json!({"lines": [{"line_id": "LAMP", "quantity": 5}]})).await;
    assert_eq!(
        (more.status, more.code()),
        (StatusCode::CONFLICT, "exceeds_hold".to_owned())
    );
    let more = more.json();
    assert_eq!(
        (&more["order_id"], &more["line_id"], &more["held"], &more["requested"]),
        (&json!("o1"), &json!("LAMP"), &json!(4), &json!(5))
    );
    assert_eq!(
        confirm(json!({"lines": [{"line_id": "SOFA"}]})).await.code(),
        "unknown_line"
    );
    assert_eq!(
        shop.post("/v1/orders/none/confirmation", &json!({})).await.code(),
        "unknown_order"
    );
    for (body, fields) in [
        (json!({"lines": []}), vec!["lines"]),
        (json!({"lines": {}}), vec!["lines"]),
        (
            json!({"lines": [{"line_id": "LAMP"}, {"line_id": "LAMP"}]}),
            vec!["lines[1].line_id"],
        ),
        (
            json!({"lines": [{"quantity": 0}, {"line_id": "", "more": 1}, 7], "reacquire": 1}),
            vec![
                "lines[0].line_id",
                "lines[0].quantity",
                "lines[1].line_id",
                "lines[1].more",
                "lines[2]",
                "reacquire",
            ],
        ),
    ] {
        assert_eq!(confirm(body.clone()).await.fields(), fields, "{body}");
    }
    assert_eq!(shop.get("/v1/orders/o1").await.json()["status"], "held");
    shop.delete("/v1/orders/o1").await;
    assert_eq!(confirm(json!({})).await.code(), "not_held");
}

#[actix_web::test]
async fn a_hold_expires_at_its_deadline_and_can_be_reacquired() {
    let shop = with_a_hold().await;
    assert_eq!(available(&shop, "LAMP").await, 6);
    shop.pass(901);
    let shown = shop.get("/v1/orders/o1").await.json();
    assert_eq!(shown["status"], "expired");
    assert_eq!(statuses(&shown), ["expired", "expired"]);
    assert_eq!(available(&shop, "LAMP").await, 10);
    assert_eq!(shop.get("/v1/batches/L1").await.json()["allocated"], 0);
    let late = shop.post("/v1/orders/o1/confirmation", &json!({})).await;
    assert_eq!(
        (late.status, late.code()),
        (StatusCode::CONFLICT, "hold_expired".to_owned())
    );
    assert_eq!(late.json()["shortages"], Value::Null);
    let all = json!({"order_id": "o2", "sku": "CHAIR", "quantity": 9});
    assert_eq!(shop.post("/v1/allocations", &all).await.status, StatusCode::CREATED);
    let anew = shop
        .post("/v1/orders/o1/confirmation", &json!({"reacquire": true}))
        .await;
    assert_eq!(anew.code(), "hold_expired");
    assert_eq!(
        anew.json()["shortages"],
        json!([{"line_id": "CHAIR", "sku": "CHAIR", "requested": 2, "available": 1, "largest_batch": 1,
                "remedy": {"quantity": 1}}])
    );
    shop.delete("/v1/orders/o2").await;
    let anew = shop
        .post("/v1/orders/o1/confirmation", &json!({"reacquire": true}))
        .await
        .json();
    assert_eq!(
        (&anew["status"], statuses(&anew)),
        (&json!("firm"), vec!["allocated", "allocated"])
    );
}

#[actix_web::test]
async fn a_held_order_is_replaced_under_its_id() {
    let shop = with_a_hold().await;
    let anew = json!({"lines": [{"sku": "LAMP", "quantity": 10}], "hold_seconds": 60, "priority": 3});
    let replaced = shop.put("/v1/orders/o1", &anew).await;
    assert_eq!((replaced.status, replaced.header("location")), (StatusCode::OK, None));
    let order = replaced.json();
    assert_eq!((&order["status"], &order["priority"]), (&json!("held"), &json!(3)));
    assert_eq!(statuses(&order), ["cancelled", "held"]);
    assert!(
        order["hold_expires_at"]
            .as_str()
            .is_some_and(|at| at.starts_with("2026-02-01T09:01:00"))
    );
    let more = json!({"lines": [{"sku": "LAMP", "quantity": 11}]});
    let refused = shop.put("/v1/orders/o1", &more).await;
    assert_eq!(refused.code(), "out_of_stock");
    assert_eq!(refused.json()["shortages"][0]["remedy"], json!({"quantity": 10}));
    assert_eq!(shop.get("/v1/orders/o1").await.json(), order);
}

#[actix_web::test]
async fn a_replacement_places_a_new_order_and_does_not_change_a_firm_one() {
    let shop = with_a_hold().await;
    let content = json!({"lines": [{"sku": "LAMP", "quantity": 1}]});
    let placed = shop.put("/v1/orders/o%2F2", &content).await;
    assert_eq!(
        (placed.status, placed.header("location")),
        (StatusCode::CREATED, Some("/v1/orders/o%2F2"))
    );
    let again = shop.put("/v1/orders/o%2F2", &content).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, placed.json()));
    let other = json!({"lines": [{"sku": "LAMP", "quantity": 2}]});
    let refused = shop.put("/v1/orders/o%2F2", &other).await;
    assert_eq!(
        (refused.status, refused.code(), refused.json()["order_id"].clone()),
        (StatusCode::CONFLICT, "not_held".to_owned(), json!("o/2"))
    );
    let another_sku = json!({"lines": [{"line_id": "LAMP", "sku": "CHAIR", "quantity": 2}]});
    assert_eq!(shop.put("/v1/orders/o1", &another_sku).await.code(), "line_exists");
    shop.pass(901);
    assert_eq!(shop.put("/v1/orders/o1", &content).await.code(), "hold_expired");
}

#[actix_web::test]
async fn the_quantity_of_a_line_falls_and_rises_within_the_stock() {
    let shop = with_a_hold().await;
    let change = async |quantity: u32| {
        shop.patch("/v1/orders/o1/lines/LAMP", &json!({"quantity": quantity}))
            .await
    };
    let less = change(3).await;
    assert_eq!(
        (less.status, &less.json()["lines"][1]["quantity"]),
        (StatusCode::OK, &json!(3))
    );
    assert_eq!(available(&shop, "LAMP").await, 7);
    let more = change(11).await;
    assert_eq!(
        (more.status, more.code()),
        (StatusCode::CONFLICT, "out_of_stock".to_owned())
    );
    assert_eq!(
        (&more.json()["requested"], &more.json()["available"]),
        (&json!(11), &json!(10))
    );
    assert_eq!(more.json()["remedy"], json!({"quantity": 10}));
    assert_eq!(change(10).await.json()["lines"][1]["quantity"], 10);
    assert_eq!(
        shop.patch("/v1/orders/o1/lines/SOFA", &json!({"quantity": 1}))
            .await
            .code(),
        "unknown_line"
    );
    assert_eq!(
        shop.patch("/v1/orders/o9/lines/LAMP", &json!({"quantity": 1}))
            .await
            .code(),
        "unknown_order"
    );
    let wrong = shop
        .patch("/v1/orders/%20/lines/LAMP", &json!({"quantity": 0, "sku": "CHAIR"}))
        .await;
    assert_eq!(wrong.fields(), ["order_id", "quantity", "sku"]);
    shop.delete("/v1/orders/o1/lines/LAMP").await;
    let ended = change(1).await;
    assert_eq!(
        (ended.code(), ended.json()["line_status"].clone()),
        ("line_ended".to_owned(), json!("cancelled"))
    );
}

#[actix_web::test]
async fn allocated_units_are_dispatched_and_the_dispatch_is_undone() {
    let shop = with_a_hold().await;
    let dispatch = "/v1/orders/o1/dispatch";
    assert_eq!(shop.post(dispatch, &json!({})).await.code(), "not_firm");
    shop.post("/v1/orders/o1/confirmation", &json!({})).await;
    let one = shop.post(dispatch, &json!({"lines": [{"line_id": "LAMP"}]})).await;
    assert_eq!(
        (one.status, statuses(&one.json())),
        (StatusCode::OK, vec!["allocated", "dispatched"])
    );
    assert_eq!(shop.get("/v1/batches/L1").await.json()["dispatched"], 4);
    let all = shop.send(shop.request("POST", dispatch)).await;
    assert_eq!(statuses(&all.json()), ["dispatched", "dispatched"]);
    for gone in ["/v1/orders/o1", "/v1/orders/o1/lines/LAMP"] {
        let refused = shop.delete(gone).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::CONFLICT, "already_dispatched".to_owned())
        );
    }
    let changed = shop.patch("/v1/orders/o1/lines/LAMP", &json!({"quantity": 1})).await;
    assert_eq!(changed.code(), "already_dispatched");
    let below = shop.patch("/v1/batches/L1", &json!({"quantity": 3})).await;
    assert_eq!(
        (below.code(), below.json()["dispatched"].clone()),
        ("below_dispatched".to_owned(), json!(4))
    );
    let request = shop
        .request("DELETE", dispatch)
        .set_json(json!({"lines": [{"line_id": "LAMP"}]}));
    assert_eq!(statuses(&shop.send(request).await.json()), ["dispatched", "allocated"]);
    let undone = shop.delete(dispatch).await;
    assert_eq!(
        (undone.status, statuses(&undone.json())),
        (StatusCode::OK, vec!["allocated", "allocated"])
    );
    assert_eq!(shop.get("/v1/batches/L1").await.json()["dispatched"], 0);
}

#[actix_web::test]
async fn an_impossible_dispatch_is_a_problem() {
    let shop = Shop::open().await;
    shop.inbound("L1", "LAMP", 10, "2026-03-01").await;
    let line = json!({"order_id": "o1", "sku": "LAMP", "quantity": 4});
    shop.post("/v1/allocations", &line).await;
    let coming = shop.post("/v1/orders/o1/dispatch", &json!({})).await;
    assert_eq!(
        (coming.status, coming.code()),
        (StatusCode::CONFLICT, "not_in_warehouse".to_owned())
    );
    assert_eq!(
        (&coming.json()["line_id"], &coming.json()["batch"]),
        (&json!("LAMP"), &json!("L1"))
    );
    shop.delete("/v1/orders/o1").await;
    let nothing = shop
        .post("/v1/orders/o1/dispatch", &json!({"lines": [{"line_id": "LAMP"}]}))
        .await;
    assert_eq!(
        (
            nothing.code(),
            nothing.json()["line_ids"].clone(),
            nothing.json()["order_id"].clone()
        ),
        ("not_allocated".to_owned(), json!(["LAMP"]), json!("o1"))
    );
    for (body, fields) in [
        (json!({"lines": []}), vec!["lines"]),
        (json!({"lines": "LAMP"}), vec!["lines"]),
        (
            json!({"lines": [{"line_id": "LAMP"}, {"line_id": "LAMP"}, {"line_id": ""}, "LAMP"], "line": 1}),
            vec!["lines[1].line_id", "lines[2].line_id", "lines[3]", "line"],
        ),
    ] {
        for method in ["POST", "DELETE"] {
            let request = shop.request(method, "/v1/orders/o1/dispatch").set_json(&body);
            assert_eq!(shop.send(request).await.fields(), fields, "{method} {body}");
        }
    }
    let unknown = shop.post("/v1/orders/o9/dispatch", &json!({})).await;
    assert_eq!(unknown.code(), "unknown_order");
    let typed = shop.bare_request("POST", "/v1/orders/o1/dispatch").set_payload("{}");
    assert_eq!(shop.send(typed).await.code(), "unsupported_media_type");
}

#[actix_web::test]
async fn a_backlog_is_read_in_order_of_service_in_pages_of_one_line() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 1).await;
    for (order, terms) in [
        ("last", json!({"priority": -1})),
        ("plain", json!({})),
        ("later", json!({"required_by": "2026-05-01"})),
        ("sooner", json!({"required_by": "2026-04-01"})),
        ("first", json!({"priority": 1})),
    ] {
        let mut body =
            json!({"order_id": order, "lines": [{"sku": "LAMP", "quantity": 9}], "on_shortage": "backorder"});
        body.as_object_mut()
            .expect("an object")
            .extend(terms.as_object().expect("terms").clone());
        assert_eq!(shop.post("/v1/orders", &body).await.status, StatusCode::CREATED);
    }
    let mut read = Vec::new();
    let mut uri = "/v1/products/LAMP/backlog?limit=1".to_owned();
    loop {
        let page = shop.get(&uri).await.json();
        read.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|line| line["order_id"].clone()),
        );
        match page["next"].as_str() {
            Some(next) => uri = format!("/v1/products/LAMP/backlog?limit=1&after={next}"),
            None => break,
        }
    }
    assert_eq!(read, ["first", "sooner", "later", "plain", "last"]);
}

#[actix_web::test]
async fn the_book_shows_nothing_of_a_hold_that_has_expired() {
    let shop = with_a_hold().await;
    assert_eq!(
        shop.get("/allocations/o1").await.json().as_array().map(Vec::len),
        Some(2)
    );
    shop.pass(901);
    assert_eq!(shop.get("/allocations/o1").await.code(), "no_allocations");
}
