//! The largest order that one way takes, all take.

use earmark_domain::{MAX_LINES_PER_ORDER, MAX_NAME_CHARS};
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use super::promises::import;

/// The longest name that begins so: in characters of four bytes.
fn longest(prefix: &str) -> String {
    let rest = MAX_NAME_CHARS - prefix.chars().count();
    format!("{prefix}{}", "🪔".repeat(rest))
}

/// An order with so many lines, and the longest names.
fn order(id: &str, lines: usize) -> Value {
    let line = |at: usize| json!({"line_id": longest(&format!("{at:03}")), "sku": longest("LAMP"), "quantity": 1_000});
    json!({"order_id": longest(id), "lines": (0..lines).map(line).collect::<Vec<_>>()})
}

/// The order as rows of a file.
fn rows(order: &Value) -> String {
    let rows = order["lines"].as_array().expect("lines").iter().map(|line| {
        let text = |field: &str| line[field].as_str().expect("text").to_owned();
        let id = order["order_id"].as_str().expect("an id");
        format!("{id},{},{},{}\n", text("line_id"), text("sku"), line["quantity"])
    });
    format!("order_id,line_id,sku,quantity\n{}", rows.collect::<String>())
}

/// The JSON with each character that is not ASCII escaped, as some programs write it.
fn escaped(json: &Value) -> String {
    let mut text = String::new();
    for char in json.to_string().chars() {
        match char {
            ' '..='~' => text.push(char),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text
}

pub(super) async fn the_largest_order_goes_every_way(desk: Desk) {
    desk.buy("B1", &longest("LAMP"), 1_000_000_000).await;
    let store = desk.db.url();
    let most = MAX_LINES_PER_ORDER;

    let _ = desk.post("/v1/orders", &order("call", most)).await.answers(201);
    let answers = desk.bulk(&[json!({"place_order": order("stream", most)})]).await;
    assert_eq!(answers[0]["status"], 201);
    for (id, way) in [
        ("file", &["--whole-orders"][..]),
        ("to", &["--whole-orders", "--to", desk.base()]),
    ] {
        let summary = import(&store, "orders", &rows(&order(id, most)), way).await.succeeded();
        assert!(summary.contains(&format!("{:<14}{most:>10}", "allocated")), "{summary}");
    }
    for (id, way) in [("changes", &[][..]), ("changes to", &["--to", desk.base()])] {
        let line = escaped(&json!({"place_order": order(id, most)}));
        drop(import(&store, "changes", &format!("{line}\n"), way).await.succeeded());
    }
    for id in ["call", "stream", "file", "to", "changes", "changes to"] {
        let placed = desk.order(&longest(id)).await;
        assert_eq!(placed["lines"].as_array().map(Vec::len), Some(most), "{id}");
    }

    // And one line more goes none.
    let over = order("over", most + 1);
    let _ = desk.post("/v1/orders", &over).await.refuses(422, "invalid_request");
    let answers = desk.bulk(&[json!({"place_order": over})]).await;
    assert_eq!(answers[0]["status"], 422);
    for way in [&["--whole-orders"][..], &["--whole-orders", "--to", desk.base()]] {
        let run = import(&store, "orders", &rows(&over), way).await.ended_with(1);
        assert!(
            run.err.contains(&format!("it has more than {most} lines")),
            "{}",
            run.err
        );
    }
    let line = json!({"place_order": over}).to_string();
    let run = import(&store, "changes", &line, &[]).await.ended_with(1);
    assert!(
        run.err
            .contains(&format!("place_order.lines: must have 1 to {most} entries")),
        "{}",
        run.err
    );
}
