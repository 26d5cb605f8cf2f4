//! Quotes: what an order would get, and why.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, TODAY};

fn column<'v>(list: &'v Value, member: &str) -> Vec<&'v Value> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| &item[member])
        .collect()
}

#[actix_web::test]
async fn a_quote_shows_the_batches_and_the_date_of_each_line() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 3).await;
    shop.inbound("L2", "LAMP", 9, "2026-03-01").await;
    shop.stock("C1", "CHAIR", 5).await;
    let events = shop.events().await;
    let lines = json!([{"sku": "CHAIR", "quantity": 2}, {"line_id": "l/2", "sku": "LAMP", "quantity": 4}]);
    let quote = shop.post("/v1/quotes", &json!({"lines": lines})).await;
    assert_eq!(quote.status, StatusCode::OK);
    assert_eq!(
        quote.json(),
        json!({"promised_on": "2026-03-01", "lines": [
            {"line_id": "CHAIR", "sku": "CHAIR", "quantity": 2, "fits": true, "promised_on": TODAY,
             "allocations": [{"batch": "C1", "quantity": 2}],
             "tried": [{"batch": "C1", "location": "main", "eta": null, "available": 5, "outcome": "taken"}]},
            {"line_id": "l/2", "sku": "LAMP", "quantity": 4, "fits": true, "promised_on": "2026-03-01",
             "allocations": [{"batch": "L2", "quantity": 4}],
             "tried": [{"batch": "L1", "location": "main", "eta": null, "available": 3, "outcome": "too_small"},
                       {"batch": "L2", "location": "main", "eta": "2026-03-01", "available": 9, "outcome": "taken"}]}]})
    );
    assert_eq!(shop.events().await, events, "a quote stores nothing");
}

#[actix_web::test]
async fn every_batch_that_is_not_taken_has_a_reason() {
    let shop = Shop::open().await;
    shop.inbound("LOST", "LAMP", 50, "2026-01-20").await;
    shop.stock("GONE", "LAMP", 50).await;
    shop.delete("/v1/batches/GONE").await;
    let south = json!({"reference": "SOUTH", "sku": "LAMP", "quantity": 50, "location": "south"});
    shop.post("/v1/batches", &south).await;
    shop.stock("SMALL", "LAMP", 1).await;
    shop.inbound("NEXT", "LAMP", 20, "2026-03-01").await;
    let lines = json!([{"sku": "LAMP", "quantity": 5, "locations": ["main"]}]);
    let quote = shop.post("/v1/quotes", &json!({"lines": lines})).await.json();
    let tried = quote["lines"][0]["tried"].as_array().expect("what was tried").clone();
    let outcome = |batch: &str| {
        let found = tried.iter().find(|tried| tried["batch"] == batch);
        found.map_or(Value::Null, |tried| tried["outcome"].clone())
    };
    assert_eq!(outcome("LOST"), "overdue");
    assert_eq!(outcome("SOUTH"), "other_location");
    assert_eq!(outcome("SMALL"), "too_small");
    assert_eq!(outcome("NEXT"), "taken");
    // A cancelled batch is no stock and is not tried.
    assert_eq!(outcome("GONE"), Value::Null);
    shop.put("/v1/products/LAMP", &json!({"safety_stock": 118})).await;
    let kept = shop.post("/v1/quotes", &json!({"lines": lines})).await.json();
    assert!(
        column(&kept["lines"][0]["tried"], "outcome").contains(&&json!("kept_back")),
        "{kept}"
    );
    assert_eq!(kept["lines"][0]["fits"], false);
}

#[actix_web::test]
async fn a_quote_that_does_not_fit_has_the_same_remedy_as_the_refusal() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 3).await;
    shop.stock("L2", "LAMP", 4).await;
    let north = json!({"reference": "N1", "sku": "CHAIR", "quantity": 9, "location": "north"});
    shop.post("/v1/batches", &north).await;
    shop.stock("T1", "TABLE", 5).await;
    shop.put("/v1/products/TABLE", &json!({"safety_stock": 4})).await;
    shop.put("/v1/products/SOFA", &json!({"name": "A sofa"})).await;
    for (line, remedy) in [
        (json!({"sku": "LAMP", "quantity": 6}), json!({"split": true})),
        (
            json!({"sku": "CHAIR", "quantity": 6, "locations": ["main"]}),
            json!({"location": "north"}),
        ),
        (json!({"sku": "TABLE", "quantity": 3}), json!({"safety_stock": 2})),
        (json!({"sku": "LAMP", "quantity": 8}), json!({"quantity": 4})),
        (json!({"sku": "SOFA", "quantity": 6}), json!({"more_stock": 6})),
    ] {
        let quote = shop.post("/v1/quotes", &json!({"lines": [line]})).await.json();
        assert_eq!(quote["lines"][0]["remedy"], remedy, "{line}");
        assert_eq!(
            (&quote["lines"][0]["fits"], &quote["promised_on"]),
            (&json!(false), &Value::Null)
        );
        let order = shop
            .post("/v1/orders", &json!({"order_id": "o1", "lines": [line]}))
            .await;
        assert_eq!(
            (order.code(), &order.json()["shortages"][0]["remedy"]),
            ("out_of_stock".to_owned(), &remedy)
        );
        let mut alone = line.clone();
        alone["order_id"] = json!("o1");
        let alone = shop.post("/v1/allocations", &alone).await;
        assert_eq!(
            (alone.code(), &alone.json()["remedy"]),
            ("out_of_stock".to_owned(), &remedy)
        );
    }
}

#[actix_web::test]
async fn an_order_gets_what_its_quote_shows() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 3).await;
    shop.inbound("L2", "LAMP", 9, "2026-03-01").await;
    let north = json!({"reference": "N1", "sku": "LAMP", "quantity": 6, "location": "north", "eta": "2026-02-20"});
    shop.post("/v1/batches", &north).await;
    let content = json!({"split": true, "locations": ["north", "main"], "lines": [
        {"line_id": "a", "sku": "LAMP", "quantity": 4, "locations": ["main"]},
        {"line_id": "b", "sku": "LAMP", "quantity": 7}, {"line_id": "c", "sku": "LAMP", "quantity": 5}]});
    let quote = shop.post("/v1/quotes", &content).await.json();
    let mut order = content.clone();
    order["order_id"] = json!("o1");
    let placed = shop.post("/v1/orders", &order).await;
    assert_eq!(placed.status, StatusCode::CREATED);
    for member in ["line_id", "allocations", "promised_on"] {
        assert_eq!(
            column(&quote["lines"], member),
            column(&placed.json()["lines"], member),
            "{member}"
        );
    }
}

#[actix_web::test]
async fn the_locations_of_an_order_apply_to_its_lines_without_locations() {
    let shop = Shop::open().await;
    for (reference, location) in [("M1", "main"), ("N1", "north"), ("S1", "south")] {
        let batch = json!({"reference": reference, "sku": "LAMP", "quantity": 5, "location": location});
        shop.post("/v1/batches", &batch).await;
    }
    let order = json!({"order_id": "o1", "locations": ["south", "north"], "lines": [
        {"line_id": "a", "sku": "LAMP", "quantity": 1},
        {"line_id": "b", "sku": "LAMP", "quantity": 1, "locations": ["north"]}]});
    let placed = shop.post("/v1/orders", &order).await.json();
    let batches = column(&placed["lines"], "allocations");
    assert_eq!(
        (&batches[0][0]["batch"], &batches[1][0]["batch"]),
        (&json!("S1"), &json!("N1"))
    );
    let alone = json!({"order_id": "o2", "sku": "LAMP", "quantity": 1, "locations": ["north"]});
    let alone = shop.post("/v1/allocations", &alone).await.json();
    assert_eq!(alone["allocations"], json!([{"batch": "N1", "quantity": 1}]));
    let lines = [
        json!({"allocate": {"order_id": "o3", "sku": "LAMP", "quantity": 1, "locations": ["south"]}}),
        json!({"place_order": {"order_id": "o4", "hold_seconds": 60, "priority": 1, "required_by": "2026-03-01",
               "locations": ["north"], "lines": [{"sku": "LAMP", "quantity": 1}]}}),
        json!({"place_order": {"order_id": "o5", "hold_seconds": 0,
               "lines": [{"sku": "LAMP", "quantity": 1, "locations": []}]}}),
    ];
    let body: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let request = shop
        .request("POST", "/v1/bulk")
        .insert_header(("content-type", "application/x-ndjson"));
    let answer = shop.send(request.set_payload(body.join("\n"))).await;
    let answers: Vec<Value> = answer
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(answers[0]["body"]["allocations"][0]["batch"], "S1");
    assert_eq!(
        (&answers[1]["status"], &answers[1]["body"]["status"]),
        (&json!(201), &json!("held"))
    );
    assert_eq!(answers[1]["body"]["lines"][0]["allocations"][0]["batch"], "N1");
    assert_eq!(
        answers[2]["body"]["errors"][0]["field"],
        "place_order.lines[0].locations"
    );
    assert_eq!(answers[2]["body"]["errors"][1]["field"], "place_order.hold_seconds");
}

#[actix_web::test]
async fn an_invalid_quote_has_faults() {
    let shop = Shop::open().await;
    shop.stock("L1", "LAMP", 3).await;
    let many: Vec<Value> = (0..501)
        .map(|at| json!({"line_id": format!("l{at}"), "sku": "LAMP", "quantity": 1}))
        .collect();
    for (body, fields) in [
        (json!({}), vec!["lines"]),
        (json!({"lines": []}), vec!["lines"]),
        (json!({"lines": many}), vec!["lines"]),
        (json!({"lines": many[..500], "order_id": "o1"}), vec!["order_id"]),
        (
            json!({"lines": [{"sku": "LAMP", "quantity": 1}, {"sku": "LAMP", "quantity": 2}]}),
            vec!["lines[1].line_id"],
        ),
        (
            json!({"lines": [{"sku": "", "quantity": 0, "locations": []}, 1], "split": 1, "locations": [""]}),
            vec![
                "lines[0].sku",
                "lines[0].quantity",
                "lines[0].locations",
                "lines[1]",
                "locations[0]",
                "split",
            ],
        ),
    ] {
        assert_eq!(shop.post("/v1/quotes", &body).await.fields(), fields);
    }
    let unknown = json!({"lines": [{"sku": "SOFA", "quantity": 1}, {"sku": "LAMP", "quantity": 1}]});
    let unknown = shop.post("/v1/quotes", &unknown).await;
    assert_eq!(
        (unknown.status, &unknown.json()["skus"]),
        (StatusCode::NOT_FOUND, &json!(["SOFA"]))
    );
}
