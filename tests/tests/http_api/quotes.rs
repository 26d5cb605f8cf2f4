//! Quotes, and orders with locations.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, PAST, column, line, parts};

async fn buy_at(desk: &Desk, location: &str, reference: &str, quantity: u64) {
    let batch = json!({"reference": reference, "sku": "LAMP", "quantity": quantity, "location": location});
    let _ = desk.post("/v1/batches", &batch).await.answers(201);
}

async fn a_quote_shows_what_was_tried_and_stores_nothing(desk: Desk) {
    desk.buy("SMALL", "LAMP", 3).await;
    desk.buy_inbound("NEXT", "LAMP", 9, FAR).await;
    desk.buy_inbound("LAST", "LAMP", 9, FARTHER).await;
    let stored = desk.state().await;
    let quote = desk
        .post("/v1/quotes", &json!({"lines": [line("LAMP", 4)]}))
        .await
        .answers(200);
    assert_eq!(
        quote,
        json!({"promised_on": FAR, "lines": [
            {"line_id": "LAMP", "sku": "LAMP", "quantity": 4, "fits": true, "promised_on": FAR,
             "allocations": parts(&[("NEXT", 4)]), "tried": [
                {"batch": "SMALL", "location": "main", "eta": null, "available": 3, "outcome": "too_small"},
                {"batch": "NEXT", "location": "main", "eta": FAR, "available": 9, "outcome": "taken"}]}]})
    );
    assert_eq!(desk.state().await, stored);
    let problem = desk.post("/v1/quotes", &json!({"lines": [line("SOFA", 1)]})).await;
    assert_eq!(problem.refuses(404, "unknown_sku")["skus"], json!(["SOFA"]));
}

async fn an_order_gets_what_its_quote_shows(desk: Desk) {
    desk.buy("L1", "LAMP", 3).await;
    desk.buy_inbound("DUE", "LAMP", 2, PAST).await;
    desk.buy_inbound("L2", "LAMP", 9, FAR).await;
    buy_at(&desk, "north", "N1", 6).await;
    let _ = desk
        .put("/v1/products/LAMP", &json!({"safety_stock": 1}))
        .await
        .answers(200);
    for (at, content) in [
        json!({"lines": [line("LAMP", 4)]}),
        json!({"lines": [line("LAMP", 4)], "split": true}),
        json!({"lines": [line("LAMP", 4)], "locations": ["north"], "split": true}),
        json!({"lines": [line("LAMP", 2),
                         json!({"line_id": "b", "sku": "LAMP", "quantity": 3, "locations": ["main"]})]}),
        json!({"lines": [line("LAMP", 90)], "split": true}),
    ]
    .into_iter()
    .enumerate()
    {
        let quote = desk.post("/v1/quotes", &content).await.answers(200);
        let mut order = content.clone();
        order["order_id"] = json!(format!("o{at}"));
        let reply = desk.post("/v1/orders", &order).await;
        if quote["promised_on"].is_null() {
            let problem = reply.refuses(409, "out_of_stock");
            let short = |line: &&Value| line["fits"] == false;
            let lines = quote["lines"].as_array().expect("lines");
            let remedies: Vec<&Value> = lines.iter().filter(short).map(|line| &line["remedy"]).collect();
            assert_eq!(
                remedies,
                column(&problem["shortages"], "remedy").iter().collect::<Vec<_>>()
            );
        } else {
            let placed = reply.answers(201);
            let of = |list: &Value, member: &str| {
                let mut lines = list.as_array().expect("lines").clone();
                lines.sort_by_key(|line| line["line_id"].to_string());
                column(&lines.into(), member)
            };
            for member in ["line_id", "allocations", "promised_on"] {
                assert_eq!(of(&quote["lines"], member), of(&placed["lines"], member), "{content}");
            }
        }
    }
}

async fn every_remedy_is_one_that_helps(desk: Desk) {
    desk.buy("L1", "LAMP", 3).await;
    desk.buy("L2", "LAMP", 4).await;
    buy_at(&desk, "north", "N1", 5).await;
    let _ = desk
        .put("/v1/products/SOFA", &json!({"name": "A sofa"}))
        .await
        .answers(200);
    for (mut content, remedy) in [
        (
            json!({"lines": [line("LAMP", 6)], "locations": ["main"]}),
            json!({"split": true}),
        ),
        (
            json!({"lines": [line("LAMP", 5)], "locations": ["main"]}),
            json!({"split": true}),
        ),
        (
            json!({"lines": [line("LAMP", 9)], "locations": ["main"], "split": true}),
            json!({"location": "north"}),
        ),
        (
            json!({"lines": [line("LAMP", 14)], "split": true}),
            json!({"quantity": 12}),
        ),
        (json!({"lines": [line("SOFA", 6)]}), json!({"more_stock": 6})),
    ] {
        let quote = desk.post("/v1/quotes", &content).await.answers(200);
        assert_eq!(quote["lines"][0]["remedy"], remedy, "{content}");
        match remedy.as_object().and_then(|remedy| remedy.iter().next()) {
            Some((name, value)) if name == "split" => content["split"] = value.clone(),
            Some((name, value)) if name == "quantity" => content["lines"][0]["quantity"] = value.clone(),
            Some((name, value)) if name == "location" => {
                content["locations"]
                    .as_array_mut()
                    .expect("locations")
                    .push(value.clone());
            }
            _ => continue,
        }
        let quote = desk.post("/v1/quotes", &content).await.answers(200);
        assert_eq!(quote["lines"][0]["fits"], true, "{content}");
    }
}

async fn lines_are_served_from_the_locations_that_they_name_in_that_order(desk: Desk) {
    for location in ["main", "north", "south"] {
        buy_at(&desk, location, location, 5).await;
    }
    let alone = json!({"order_id": "o1", "sku": "LAMP", "quantity": 1, "locations": ["south", "north"]});
    let placed = desk.post("/v1/allocations", &alone).await.answers(201);
    assert_eq!(placed["allocations"], parts(&[("south", 1)]));
    let lines = [
        line("LAMP", 2),
        json!({"line_id": "b", "sku": "LAMP", "quantity": 2, "locations": ["main"]}),
    ];
    let order = json!({"order_id": "o2", "lines": lines, "locations": ["north"]});
    let placed = desk.post("/v1/orders", &order).await.answers(201);
    assert_eq!(
        column(&placed["lines"], "allocations"),
        [parts(&[("north", 2)]), parts(&[("main", 2)])]
    );
    let nowhere = json!({"order_id": "o3", "sku": "LAMP", "quantity": 1, "locations": ["west"]});
    let stored = desk.state().await;
    let order = json!({"order_id": "o4", "lines": [line("LAMP", 1)], "locations": ["main", "west"]});
    for refused in [
        desk.post("/v1/allocations", &nowhere).await,
        desk.post("/v1/orders", &order).await,
        desk.put(
            "/v1/orders/o4",
            &json!({"lines": order["lines"], "locations": ["main", "west"]}),
        )
        .await,
        desk.post(
            "/v1/quotes",
            &json!({"lines": order["lines"], "locations": ["main", "west"]}),
        )
        .await,
    ] {
        assert_eq!(refused.refuses(422, "unknown_location")["locations"], json!(["west"]));
    }
    assert_eq!(desk.state().await, stored);
}

on_each_database! {
    a_quote_shows_what_was_tried_and_stores_nothing,
    an_order_gets_what_its_quote_shows,
    every_remedy_is_one_that_helps,
    lines_are_served_from_the_locations_that_they_name_in_that_order,
}
