//! Invalid input of every kind: each fault is reported by field, and nothing is stored.

use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, State};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::line;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// JSON values that are not quantities.
const NO_QUANTITIES: [&str; 16] = [
    "-1",
    "0.5",
    "1.5",
    "-0.0001",
    "1000000001",
    "1e10",
    "4294967297",
    "9223372036854775808",
    "18446744073709551616",
    "1e400",
    "-1e400",
    "null",
    "true",
    "\"5\"",
    "[1]",
    "{}",
];

/// JSON values that are not names.
const NO_NAMES: [&str; 12] = [
    "\"\"",
    "\" \"",
    "\" x\"",
    "\"x \"",
    "\"\\u00a0x\"",
    "\"a\\nb\"",
    "\"a\\u0000b\"",
    "\"a\\u0085b\"",
    "null",
    "7",
    "[\"x\"]",
    "{\"x\": 1}",
];

/// JSON values that are not dates.
const NO_DATES: [&str; 12] = [
    "\"2026-02-30\"",
    "\"2026-13-01\"",
    "\"2025-02-29\"",
    "\"2026-1-1\"",
    "\"20260101\"",
    "\"01.02.2026\"",
    "\"tomorrow\"",
    "\"\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"0000-00-00\"",
    "20260101",
    "false",
];

/// A shop with state that invalid input could change.
async fn shop(desk: &Desk) -> State {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    let _ = desk.allocate("o1", "LAMP", 3).await.answers(201);
    let _ = desk.allocate_or_wait("o2", "CHAIR", 30).await.answers(202);
    desk.state().await
}

/// Sends each of these values as one field of an otherwise valid call. Asserts that the answer names the field and that
/// the stored state is unchanged.
async fn refuse(
    desk: &Desk,
    stored: &State,
    (method, path, body): (Method, &str, Value),
    field: &str,
    values: &[&str],
) {
    let pointer = format!("/{}", field.replace(['.', '['], "/").replace(']', ""));
    for value in values {
        let mut body = body.clone();
        let place = "\u{1}place\u{1}";
        match body.pointer_mut(&pointer) {
            Some(at) => *at = place.into(),
            None => body[field] = place.into(),
        }
        let text = body.to_string().replace(&json!(place).to_string(), value);
        let reply = desk.send(method.clone(), path, &JSON, text.clone()).await;
        assert_eq!(reply.fields_at_fault(), [field], "{method} {path} {text}");
    }
    assert_eq!(desk.state().await, *stored, "{method} {path} with a wrong {field}");
}

fn batch() -> (Method, &'static str, Value) {
    let body = json!({"reference": "B9", "sku": "LAMP", "quantity": 5, "eta": "2199-01-01", "location": "north"});
    (Method::POST, "/v1/batches", body)
}

fn allocation() -> (Method, &'static str, Value) {
    let body = json!({"order_id": "o9", "line_id": "l1", "sku": "LAMP", "quantity": 1, "on_shortage": "backorder",
                      "split": true});
    (Method::POST, "/v1/allocations", body)
}

fn order() -> (Method, &'static str, Value) {
    let lines = [
        json!({"line_id": "l1", "sku": "LAMP", "quantity": 1}),
        json!({"line_id": "l2", "sku": "CHAIR", "quantity": 1, "locations": ["main"]}),
    ];
    (
        Method::POST,
        "/v1/orders",
        json!({"order_id": "o9", "lines": lines, "on_shortage": "partial", "split": true, "hold_seconds": 60,
               "priority": 1, "required_by": "2199-01-01", "locations": ["main"]}),
    )
}

fn count() -> (Method, &'static str, Value) {
    (
        Method::PATCH,
        "/v1/batches/B1",
        json!({"quantity": 5, "eta": "2199-01-01"}),
    )
}

fn receipt() -> (Method, &'static str, Value) {
    (
        Method::POST,
        "/v1/batches/B1/receipt",
        json!({"quantity": 5, "rest": {"eta": "2199-01-01", "reference": "B1-rest"}}),
    )
}

fn product() -> (Method, &'static str, Value) {
    (
        Method::PUT,
        "/v1/products/LAMP",
        json!({"name": "A lamp", "safety_stock": 1}),
    )
}

fn change_of_a_line() -> (Method, &'static str, Value) {
    (Method::PATCH, "/v1/orders/o1/lines/LAMP", json!({"quantity": 2}))
}

fn confirmation() -> (Method, &'static str, Value) {
    let lines = [json!({"line_id": "LAMP", "quantity": 1})];
    (
        Method::POST,
        "/v1/orders/o1/confirmation",
        json!({"lines": lines, "reacquire": true}),
    )
}

fn dispatch() -> (Method, &'static str, Value) {
    (
        Method::POST,
        "/v1/orders/o1/dispatch",
        json!({"lines": [{"line_id": "LAMP", "quantity": 1}]}),
    )
}

fn quote() -> (Method, &'static str, Value) {
    let lines = [json!({"line_id": "l1", "sku": "LAMP", "quantity": 1, "locations": ["main"]})];
    let body = json!({"lines": lines, "split": true, "locations": ["main", "north"]});
    (Method::POST, "/v1/quotes", body)
}

async fn a_quantity_is_a_whole_number_within_bounds(desk: Desk) {
    let stored = shop(&desk).await;
    for (call, field) in [
        (batch(), "quantity"),
        (allocation(), "quantity"),
        (order(), "lines[1].quantity"),
        (quote(), "lines[0].quantity"),
        (change_of_a_line(), "quantity"),
    ] {
        refuse(&desk, &stored, call.clone(), field, &NO_QUANTITIES).await;
        refuse(&desk, &stored, call, field, &["0", "-0", "0.0"]).await;
    }
    refuse(&desk, &stored, count(), "quantity", &NO_QUANTITIES).await;
    refuse(&desk, &stored, product(), "safety_stock", &NO_QUANTITIES).await;
    // These are optional, and null counts as absent.
    let given: Vec<&str> = NO_QUANTITIES.into_iter().filter(|text| *text != "null").collect();
    refuse(&desk, &stored, receipt(), "quantity", &given).await;
    refuse(&desk, &stored, confirmation(), "lines[0].quantity", &given).await;
    refuse(&desk, &stored, order(), "hold_seconds", &given).await;
    refuse(&desk, &stored, order(), "hold_seconds", &["0", "2592001"]).await;
    let no_priorities = ["0.5", "1000001", "-1000001", "1e400", "true", "\"5\"", "[1]", "{}"];
    refuse(&desk, &stored, order(), "priority", &no_priorities).await;
}

async fn locations_are_named_each_once_and_not_too_many(desk: Desk) {
    let stored = shop(&desk).await;
    let many: Vec<String> = (0..17).map(|at| format!("\"l{at}\"")).collect();
    let many = format!("[{}]", many.join(","));
    let wrong = ["[]", "{}", "\"main\"", "7", "[\"a\", \"b\", \"a\"]", &many];
    for (call, field) in [
        (allocation(), "locations"),
        (order(), "locations"),
        (order(), "lines[1].locations"),
        (quote(), "locations"),
        (quote(), "lines[0].locations"),
    ] {
        refuse(&desk, &stored, call, field, &wrong).await;
    }
    refuse(&desk, &stored, quote(), "locations[1]", &NO_NAMES).await;
}

async fn lines_are_named_each_once(desk: Desk) {
    let stored = shop(&desk).await;
    let wrong = ["[]", "{}", "\"LAMP\"", "7"];
    for call in [dispatch(), confirmation()] {
        refuse(&desk, &stored, call, "lines", &wrong).await;
    }
    for call in [dispatch(), confirmation()] {
        refuse(&desk, &stored, call, "lines[0].line_id", &NO_NAMES).await;
    }
    for (path, lines, field) in [
        (
            "/v1/orders/o1/dispatch",
            json!([{"line_id": "a"}, {"line_id": "LAMP"}, {"line_id": "a"}]),
            "lines[2].line_id",
        ),
        (
            "/v1/orders/o1/confirmation",
            json!([{"line_id": "a"}, {"line_id": "a", "quantity": 1}]),
            "lines[1].line_id",
        ),
    ] {
        assert_eq!(
            desk.post(path, &json!({"lines": lines})).await.fields_at_fault(),
            [field]
        );
    }
    assert_eq!(desk.state().await, stored);
}

async fn a_name_is_not_empty_has_no_control_characters_and_no_space_around_it(desk: Desk) {
    let stored = shop(&desk).await;
    let long = format!("\"{}\"", "é".repeat(65));
    let names: Vec<&str> = NO_NAMES.into_iter().chain([long.as_str()]).collect();
    for (call, fields) in [
        (batch(), vec!["reference", "sku"]),
        (allocation(), vec!["order_id", "sku"]),
        (order(), vec!["order_id", "lines[0].sku"]),
    ] {
        for field in fields {
            refuse(&desk, &stored, call.clone(), field, &names).await;
        }
    }
    // These are optional, and null counts as absent.
    let given: Vec<&str> = names.iter().copied().filter(|name| *name != "null").collect();
    for (call, field) in [
        (batch(), "location"),
        (allocation(), "line_id"),
        (order(), "lines[0].line_id"),
        (receipt(), "rest.reference"),
    ] {
        refuse(&desk, &stored, call, field, &given).await;
    }
    let name = (Method::PUT, "/v1/products/LAMP", json!({"name": "A lamp"}));
    let long = format!("\"{}\"", "x".repeat(10_000));
    refuse(
        &desk,
        &stored,
        name,
        "name",
        &["\"\"", "\" x\"", "\"a\\tb\"", "7", "null", &long],
    )
    .await;
}

async fn a_date_exists_and_is_written_as_iso_8601(desk: Desk) {
    let stored = shop(&desk).await;
    refuse(&desk, &stored, batch(), "eta", &NO_DATES).await;
    refuse(&desk, &stored, order(), "required_by", &NO_DATES).await;
    refuse(&desk, &stored, count(), "eta", &NO_DATES).await;
    // The arrival of a batch is another call.
    refuse(&desk, &stored, count(), "eta", &["null"]).await;
    // That of a rest is optional.
    let given: Vec<&str> = NO_DATES.into_iter().filter(|date| *date != "null").collect();
    refuse(&desk, &stored, receipt(), "rest.eta", &given).await;
    let no_rests = ["true", "4", "[]", "\"\"", "\"open\"", "\"2199-01-01\""];
    refuse(&desk, &stored, receipt(), "rest", &no_rests).await;
    refuse(&desk, &stored, receipt(), "quantity", &["0", "null"]).await;
}

async fn an_enum_field_takes_its_known_words_only(desk: Desk) {
    let stored = shop(&desk).await;
    let words = ["\"Reject\"", "\"\"", "\"wait\"", "7", "true", "[]"];
    refuse(&desk, &stored, allocation(), "on_shortage", &words).await;
    refuse(&desk, &stored, allocation(), "on_shortage", &["\"partial\""]).await;
    refuse(&desk, &stored, order(), "on_shortage", &words).await;
    refuse(&desk, &stored, confirmation(), "reacquire", &["\"true\"", "1", "{}"]).await;
    for call in [allocation(), order(), quote()] {
        refuse(&desk, &stored, call, "split", &["\"true\"", "1", "\"\"", "{}"]).await;
    }
}

async fn an_unknown_field_is_never_ignored(desk: Desk) {
    let stored = shop(&desk).await;
    for (call, fields) in [
        (batch(), vec!["Quantity", "qty", "ETA", "status", "available", ""]),
        (
            allocation(),
            vec!["priority", "required_by", "hold_seconds", "location", "idempotency_key"],
        ),
        (
            order(),
            vec![
                "hold_for",
                "preview",
                "status",
                "lines[0].priority",
                "lines[0].location",
            ],
        ),
        (
            quote(),
            vec!["order_id", "hold_seconds", "on_shortage", "lines[0].priority"],
        ),
        (count(), vec!["reference", "sku", "location"]),
        (receipt(), vec!["reference", "eta"]),
        (product(), vec!["sku", "version"]),
        (change_of_a_line(), vec!["sku", "line_id"]),
        (confirmation(), vec!["order_id", "line_id"]),
        (dispatch(), vec!["order_id", "quantity"]),
    ] {
        for field in fields {
            let (method, path, mut body) = call.clone();
            match field.strip_prefix("lines[0].") {
                Some(inner) => body["lines"][0][inner] = json!(1),
                None => body[field] = json!(1),
            }
            let reply = desk.send(method, path, &JSON, body.to_string()).await;
            assert_eq!(reply.fields_at_fault(), [field], "{path}");
        }
        assert_eq!(desk.state().await, stored);
    }
}

async fn a_repeated_field_is_a_fault(desk: Desk) {
    let stored = shop(&desk).await;
    let twice = r#"{"reference": "B9", "sku": "LAMP", "quantity": 1, "quantity": 2}"#;
    let reply = desk.send(Method::POST, "/v1/batches", &JSON, twice).await;
    assert_eq!(reply.fields_at_fault(), ["quantity"]);
    assert_eq!(desk.state().await, stored);
}

async fn every_fault_is_reported_at_once(desk: Desk) {
    let stored = shop(&desk).await;
    let mut reported = Vec::new();
    for (path, body) in [
        (
            "/v1/batches",
            json!({"reference": " ", "quantity": 0, "eta": "soon", "colour": "red"}),
        ),
        (
            "/v1/orders",
            json!({"order_id": 7, "lines": [{"sku": "", "quantity": -1}, {"sku": "LAMP"}, 5], "split": "no"}),
        ),
        ("/v1/orders", json!({})),
        ("/v1/allocations", json!({"line_id": "", "priority": 1})),
    ] {
        let mut fields = desk.post(path, &body).await.fields_at_fault();
        fields.sort_unstable();
        reported.push(fields);
    }
    assert_eq!(
        reported,
        [
            vec!["colour", "eta", "quantity", "reference", "sku"],
            vec![
                "lines[0].quantity",
                "lines[0].sku",
                "lines[1].quantity",
                "lines[2]",
                "order_id",
                "split"
            ],
            vec!["lines", "order_id"],
            vec!["line_id", "order_id", "priority", "quantity", "sku"],
        ]
    );
    let reply = desk
        .post(
            "/v1/batches?preview=maybe",
            &json!({"reference": "", "sku": "LAMP", "quantity": 1}),
        )
        .await;
    let mut fields = reply.fields_at_fault();
    fields.sort_unstable();
    assert_eq!(fields, ["preview", "reference"], "the query counts too");
    assert_eq!(desk.state().await, stored);
}

async fn the_lines_of_an_order_are_a_list_with_unique_ids(desk: Desk) {
    let stored = shop(&desk).await;
    refuse(&desk, &stored, order(), "lines", &["[]", "{}", "null", "7", "\"LAMP\""]).await;
    refuse(&desk, &stored, order(), "lines[0]", &["[]", "null", "7", "\"LAMP\""]).await;
    for lines in [
        vec![line("LAMP", 1), line("LAMP", 2)],
        vec![
            json!({"line_id": "CHAIR", "sku": "LAMP", "quantity": 1}),
            line("CHAIR", 1),
        ],
    ] {
        let reply = desk
            .post("/v1/orders", &json!({"order_id": "o9", "lines": lines}))
            .await;
        let fields = reply.fields_at_fault();
        assert!(fields.iter().all(|field| field.starts_with("lines")), "{fields:?}");
    }
    let many: Vec<Value> = (0..501)
        .map(|at| json!({"line_id": format!("l{at}"), "sku": "LAMP", "quantity": 1}))
        .collect();
    assert_eq!(
        desk.post("/v1/orders", &json!({"order_id": "o9", "lines": many}))
            .await
            .fields_at_fault(),
        ["lines"]
    );
    assert_eq!(desk.state().await, stored);
}

async fn numbers_may_be_written_as_json_writes_whole_ones(desk: Desk) {
    for (at, number) in ["5.0", "5e0", "0.5e1", "50e-1"].into_iter().enumerate() {
        let text = format!(r#"{{"reference": "B{at}", "sku": "LAMP", "quantity": {number}}}"#);
        let reply = desk.send(Method::POST, "/v1/batches", &JSON, text).await;
        assert_eq!(reply.answers(201)["quantity"], 5, "{number}");
    }
}

on_each_database! {
    a_quantity_is_a_whole_number_within_bounds,
    locations_are_named_each_once_and_not_too_many,
    lines_are_named_each_once,
    a_name_is_not_empty_has_no_control_characters_and_no_space_around_it,
    a_date_exists_and_is_written_as_iso_8601,
    an_enum_field_takes_its_known_words_only,
    an_unknown_field_is_never_ignored,
    a_repeated_field_is_a_fault,
    every_fault_is_reported_at_once,
    the_lines_of_an_order_are_a_list_with_unique_ids,
    numbers_may_be_written_as_json_writes_whole_ones,
}
