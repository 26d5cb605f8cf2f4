//! Terms of orders in files: imported, and exported with their results.

use std::fs;

use earmark_tests::service::{Desk, Finished, earmark, until};
use serde_json::{Value, json};

/// Imports rows of a kind, with further arguments.
pub(super) async fn import(store: &str, kind: &str, rows: &str, arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(if rows.starts_with('{') {
        "rows.ndjson"
    } else {
        "rows.csv"
    });
    fs::write(&path, rows).expect("a file");
    let path = path.to_str().expect("a path in UTF-8");
    earmark(store, &[&["import", kind, path], arguments].concat()).await
}

/// A table as objects.
async fn objects(store: &str, what: &str) -> Vec<Value> {
    let text = earmark(store, &["export", what, "--format", "ndjson"])
        .await
        .succeeded();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a row is JSON"))
        .collect()
}

/// The fields with these names of a table's rows, from the CSV export. Asserts that the NDJSON export has the same.
async fn both(store: &str, what: &str, names: &[&str]) -> Vec<Vec<String>> {
    let text = earmark(store, &["export", what]).await.succeeded();
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let header = csv.headers().expect("a header").clone();
    let places: Vec<usize> = names
        .iter()
        .map(|name| header.iter().position(|column| column == *name).expect("a column"))
        .collect();
    let rows: Vec<Vec<String>> = csv
        .records()
        .map(|row| row.expect("CSV"))
        .map(|row| places.iter().map(|place| row[*place].to_owned()).collect())
        .collect();
    let exported = objects(store, what).await;
    assert_eq!(exported.len(), rows.len());
    for (object, row) in exported.iter().zip(&rows) {
        for (name, field) in names.iter().zip(row) {
            let value = match &object[*name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(value, *field, "{name}");
        }
    }
    rows
}

pub(super) async fn terms_in_imported_files_are_in_the_exports(desk: Desk) {
    let store = desk.db.url();
    let products = "sku,name,safety_stock\nLAMP,Lamp,2\nRUG,Rug,\n";
    let batches = "reference,sku,quantity,eta,location\nB1,LAMP,10,,north\nB2,LAMP,10,,south\nB3,RUG,1,,\n";
    drop(import(&store, "products", products, &[]).await.succeeded());
    let safety_stock = "sku,name,safety_stock\nLAMP,,3\n";
    drop(import(&store, "products", safety_stock, &[]).await.succeeded());
    drop(import(&store, "batches", batches, &[]).await.succeeded());
    assert_eq!(desk.product("LAMP").await["safety_stock"], 3);

    let orders = "order_id,line_id,sku,quantity,priority,required_by,locations\n\
                  late,1,RUG,9,,2199-12-31,\n\
                  soon,1,RUG,9,,2199-01-01,\n\
                  soon,2,LAMP,4,,2199-01-01,south|north\n\
                  vip,1,RUG,9,7,,\n\
                  far,1,LAMP,9,,,main\n\
                  low,1,RUG,9,-7,2190-01-01,\n";
    drop(import(&store, "orders", orders, &["--whole-orders"]).await.succeeded());
    let south = json!([{"batch": "B2", "quantity": 4}]);
    assert_eq!(desk.order("soon").await["lines"][1]["allocations"], south);

    // By product, in order of service.
    let names = ["sku", "order_id", "priority", "required_by"];
    assert_eq!(
        both(&store, "backlog", &names).await,
        [
            ["LAMP", "far", "0", ""],
            ["RUG", "vip", "7", ""],
            ["RUG", "soon", "0", "2199-01-01"],
            ["RUG", "late", "0", "2199-12-31"],
            ["RUG", "low", "-7", "2190-01-01"],
        ]
    );
    let names = [
        "order_id",
        "status",
        "lines",
        "priority",
        "required_by",
        "hold_expires_at",
    ];
    let exported = both(&store, "orders", &names).await;
    assert_eq!(
        exported,
        [
            ["far", "firm", "1", "0", "", ""],
            ["late", "firm", "1", "0", "2199-12-31", ""],
            ["low", "firm", "1", "-7", "2190-01-01", ""],
            ["soon", "firm", "2", "0", "2199-01-01", ""],
            ["vip", "firm", "1", "7", "", ""],
        ]
    );
    // Once more as NDJSON, into the store and through the service: nothing changes.
    let stored = desk.state().await;
    let soon = [
        json!({"order_id": "soon", "line_id": "1", "sku": "RUG", "quantity": 9, "required_by": "2199-01-01"}),
        json!({"order_id": "soon", "line_id": "2", "sku": "LAMP", "quantity": 4, "required_by": "2199-01-01",
               "locations": ["south", "north"]}),
    ];
    let soon: String = soon.iter().map(|line| format!("{line}\n")).collect();
    for to in [&["--whole-orders"][..], &["--whole-orders", "--to", desk.base()]] {
        let output = import(&store, "orders", &soon, to).await.succeeded();
        assert!(output.contains(&format!("{:<14}{:>10}", "unchanged", 2)), "{output}");
    }
    assert_eq!(desk.state().await, stored);
}

pub(super) async fn rows_with_invalid_terms_are_reported(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let store = desk.db.url();
    let assert_reported = |run: &Finished, line: u32, reason: &str| {
        let message = format!("rows.csv: line {line}: {reason}");
        assert!(run.err.contains(&message), "{message} is not reported: {}", run.err);
    };

    let products = "sku,name,safety_stock\nLAMP,,\nLAMP,,-1\nLAMP,,some\n";
    let run = import(&store, "products", products, &[]).await.ended_with(1);
    assert_reported(&run, 2, "name: must not be empty where there is no safety_stock either");
    assert_reported(
        &run,
        3,
        "safety_stock: must be a whole number from 0 to 1000000000, is -1",
    );
    assert_reported(
        &run,
        4,
        "safety_stock: must be a whole number from 0 to 1000000000, is \"some\"",
    );

    let orders = "order_id,line_id,sku,quantity,priority,required_by,locations\n\
                  o1,1,LAMP,1,1,,\n\
                  o2,1,LAMP,1,,2199-01-01,\n\
                  o3,1,LAMP,1,,,main|main\n\
                  o4,1,LAMP,1,urgent,,\n\
                  o5,1,LAMP,1,,,main\n";
    let run = import(&store, "orders", orders, &[]).await.ended_with(1);
    assert_reported(
        &run,
        2,
        "priority: belongs to an order, not to a line; it needs --whole-orders",
    );
    assert_reported(
        &run,
        3,
        "required_by: belongs to an order, not to a line; it needs --whole-orders",
    );
    assert_reported(&run, 4, "locations: location main ");
    assert_reported(
        &run,
        5,
        "priority: must be a whole number from -1000000 to 1000000, is \"urgent\"",
    );

    let orders = "order_id,line_id,sku,quantity,priority,required_by\n\
                  o6,1,LAMP,1,1,\n\
                  o6,2,LAMP,1,2,\n\
                  o7,1,LAMP,1,,2199-01-01\n\
                  o7,2,LAMP,1,,\n";
    let run = import(&store, "orders", orders, &["--whole-orders"])
        .await
        .ended_with(1);
    assert_reported(
        &run,
        2,
        "order o6 is skipped: its rows on lines 2 and 3 differ in priority",
    );
    assert_reported(
        &run,
        4,
        "order o7 is skipped: its rows on lines 4 and 5 differ in required_by",
    );

    let placed = both(&store, "orders", &["order_id"]).await;
    assert_eq!(placed, [["o5"]]);
}

/// How long the hold lasts: longer than the service runs.
const HOLD_SECONDS: u32 = 4;

pub(super) async fn a_hold_is_exported_until_its_deadline_and_not_after_it(mut desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "LAMP", 1).await;
    let _ = desk.delete("/v1/batches/B2").await.answers(200);
    let order = json!({
        "order_id": "o1", "on_shortage": "backorder", "hold_seconds": HOLD_SECONDS, "priority": 3,
        "lines": [{"line_id": "1", "sku": "LAMP", "quantity": 4}, {"line_id": "2", "sku": "LAMP", "quantity": 9}],
    });
    let placed = desk.post("/v1/orders", &order).await.answers(201);
    // No service is left that could expire the hold.
    desk.service.kill();

    let (store, deadline) = (desk.db.url(), placed["hold_expires_at"].as_str().expect("a deadline"));
    let names = [
        "order_id",
        "status",
        "held",
        "expired",
        "backordered",
        "priority",
        "hold_expires_at",
    ];
    let held = both(&store, "orders", &names).await;
    if held[0][1] == "held" {
        assert_eq!(held, [["o1", "held", "4", "0", "9", "3", deadline]]);
    }
    until("the hold expires", async || {
        let orders = objects(&store, "orders").await;
        (orders[0]["status"] == "expired").then_some(())
    })
    .await;
    assert_eq!(
        both(&store, "orders", &names).await,
        [["o1", "expired", "0", "13", "0", "3", deadline]]
    );
    assert_eq!(
        both(&store, "allocations", &["line_id", "status", "batch", "promised_on"]).await,
        [["1", "expired", "", ""], ["2", "expired", "", ""]]
    );
    assert_eq!(
        both(&store, "batches", &["reference", "allocated", "available", "status"]).await,
        [["B1", "0", "10", "in_warehouse"], ["B2", "0", "0", "closed"]]
    );
    assert!(both(&store, "backlog", &["order_id"]).await.is_empty());
    let events = objects(&store, "events").await;
    assert!(events.iter().all(|event| event["type"] != "HoldExpired"), "{events:?}");
}
