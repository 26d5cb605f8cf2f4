//! Naming, listing and showing products.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, segment};
use serde_json::{Value, json};

use crate::support::{FAR, FARTHER, column, yesterday};

async fn a_product_shows_its_totals_and_its_batches_in_order_of_preference(desk: Desk) {
    desk.buy_inbound("LATE", "LAMP", 40, FARTHER).await;
    desk.buy_inbound("SOON", "LAMP", 30, FAR).await;
    desk.buy("HERE", "LAMP", 20).await;
    desk.buy_inbound("DUE", "LAMP", 10, &yesterday()).await;
    let _ = desk
        .put("/v1/products/LAMP", &json!({"name": "A lamp"}))
        .await
        .answers(200);
    let _ = desk.allocate("o1", "LAMP", 15).await.answers(201);
    let _ = desk.allocate_or_wait("o2", "LAMP", 1_000).await.answers(202);

    let reply = desk.get("/v1/products/LAMP").await;
    let mut product = reply.answers(200);
    let version = product["version"].as_u64().expect("a version");
    assert_eq!(reply.header("etag"), Some(format!("\"{version}\"").as_str()));
    assert_eq!(
        column(&product["batches"], "reference"),
        ["HERE", "DUE", "SOON", "LATE"]
    );
    assert_eq!(column(&product["batches"], "available"), [5, 10, 30, 40]);
    product.as_object_mut().expect("an object").remove("batches");
    let sums = json!({
        "sku": "LAMP", "name": "A lamp", "on_hand": 20, "inbound": 80, "allocated": 15, "dispatched": 0,
        "safety_stock": 0, "available": 85, "backordered": 1_000, "version": version,
    });
    assert_eq!(product, sums);
    assert_eq!(
        desk.get("/v1/products").await.answers(200),
        json!({"items": [sums], "next": null})
    );
}

async fn a_name_creates_a_product_without_batches(desk: Desk) {
    let product = desk
        .put("/v1/products/LAMP", &json!({"name": "A lamp, 40 cm"}))
        .await
        .answers(200);
    assert_eq!(
        product,
        json!({
            "sku": "LAMP", "name": "A lamp, 40 cm", "on_hand": 0, "inbound": 0, "allocated": 0, "dispatched": 0,
            "safety_stock": 0, "available": 0, "backordered": 0, "version": 1, "batches": [],
        })
    );
    assert_eq!(desk.product("LAMP").await, product);
    let _ = desk.allocate("o1", "LAMP", 1).await.refuses(409, "out_of_stock");
}

async fn a_product_without_a_name_has_none(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    assert_eq!(desk.product("LAMP").await["name"], Value::Null);
}

async fn the_same_name_again_changes_nothing_and_another_name_does(desk: Desk) {
    let named = desk
        .put("/v1/products/LAMP", &json!({"name": "A lamp"}))
        .await
        .answers(200);
    let stored = desk.state().await;
    assert_eq!(
        desk.put("/v1/products/LAMP", &json!({"name": "A lamp"}))
            .await
            .answers(200),
        named
    );
    assert_eq!(desk.state().await, stored);
    let renamed = desk
        .put("/v1/products/LAMP", &json!({"name": "The lamp"}))
        .await
        .answers(200);
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("The lamp"), &json!(2)));
    assert_eq!(desk.event_types("").await, ["ProductNamed", "ProductNamed"]);
}

async fn a_product_without_name_and_batches_is_unknown(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    for path in ["/v1/products/lamp", "/v1/products/lamp/backlog"] {
        let problem = desk.get(path).await.refuses(404, "unknown_sku");
        assert_eq!(problem["skus"], json!(["lamp"]));
    }
}

async fn products_are_read_in_pages_in_the_order_of_skus(desk: Desk) {
    for sku in ["E", "B", "a", "D", "C", "é", "A"] {
        desk.buy(&format!("of {sku}"), sku, 1).await;
    }
    let mut read = Vec::new();
    let mut path = "/v1/products?limit=3".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = desk.get(&path).await.answers(200);
        let skus = column(&page["items"], "sku");
        sizes.push(skus.len());
        read.extend(skus);
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/products?limit=3&after={}", segment(next)),
            None => break,
        }
    }
    assert_eq!(
        read,
        ["A", "B", "C", "D", "E", "a", "é"],
        "the same order on every database"
    );
    assert_eq!(sizes, [3, 3, 1]);
    let page = desk.get("/v1/products?after=%C3%A9").await.answers(200);
    assert_eq!(page, json!({"items": [], "next": null}));
}

async fn a_page_with_all_products_is_the_last(desk: Desk) {
    for sku in ["A", "B"] {
        desk.buy(&format!("of {sku}"), sku, 1).await;
    }
    assert_eq!(desk.get("/v1/products?limit=2").await.answers(200)["next"], Value::Null);
}

async fn a_search_finds_skus_and_names_in_any_case_and_takes_every_character_literally(desk: Desk) {
    for (sku, name) in [
        ("LAMP-RED", "Desk light"),
        ("CHAIR", "Red chair"),
        ("100%", "Cotton"),
        ("A_B", "C\\D"),
        ("AXB", "none"),
    ] {
        let _ = desk
            .put(&format!("/v1/products/{}", segment(sku)), &json!({"name": name}))
            .await
            .answers(200);
    }
    for (search, found) in [
        ("red", vec!["CHAIR", "LAMP-RED"]),
        ("LIGHT", vec!["LAMP-RED"]),
        ("%25", vec!["100%"]),
        ("_", vec!["A_B"]),
        ("%5C", vec!["A_B"]),
        ("%27", vec![]),
        ("nobody", vec![]),
    ] {
        let page = desk.get(&format!("/v1/products?search={search}")).await.answers(200);
        assert_eq!(column(&page["items"], "sku"), found, "{search}");
    }
    let page = desk.get("/v1/products?search=red&limit=1").await.answers(200);
    assert_eq!(
        (&page["items"][0]["sku"], &page["next"]),
        (&json!("CHAIR"), &json!("CHAIR"))
    );
    let page = desk
        .get("/v1/products?search=red&limit=1&after=CHAIR")
        .await
        .answers(200);
    assert_eq!(
        (&page["items"][0]["sku"], &page["next"]),
        (&json!("LAMP-RED"), &Value::Null)
    );
}

async fn a_limit_out_of_bounds_is_a_fault(desk: Desk) {
    for limit in ["0", "-1", "1000000", "ten", "1.5", ""] {
        let reply = desk.get(&format!("/v1/products?limit={limit}")).await;
        assert_eq!(reply.fields_at_fault(), ["limit"], "{limit}");
    }
}

on_each_database! {
    a_product_shows_its_totals_and_its_batches_in_order_of_preference,
    a_name_creates_a_product_without_batches,
    a_product_without_a_name_has_none,
    the_same_name_again_changes_nothing_and_another_name_does,
    a_product_without_name_and_batches_is_unknown,
    products_are_read_in_pages_in_the_order_of_skus,
    a_page_with_all_products_is_the_last,
    a_search_finds_skus_and_names_in_any_case_and_takes_every_character_literally,
    a_limit_out_of_bounds_is_a_fault,
}
