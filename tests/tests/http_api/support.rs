//! Helpers that the cases share.

use earmark_adapters::clock::SystemClock;
use earmark_application::Clock;
use serde_json::{Value, json};

/// A day in the future, whenever the tests run.
pub(crate) const FAR: &str = "2199-01-01";

/// A day after [`FAR`].
pub(crate) const FARTHER: &str = "2199-02-01";

/// A day in the past, whenever the tests run.
pub(crate) const PAST: &str = "2020-01-01";

/// Yesterday, in the service's time zone: the ETA of a batch that is overdue, and still offered.
pub(crate) fn yesterday() -> String {
    let yesterday = SystemClock::new().today().yesterday().expect("a day before today");
    yesterday.to_string()
}

/// Asserts that a value is tomorrow's date, in an answer to a call that was made on the day `before`.
#[track_caller]
pub(crate) fn assert_tomorrow(value: &Value, before: &str) {
    let date = value.as_str().expect("a date");
    let tomorrow = SystemClock::new()
        .today()
        .tomorrow()
        .expect("a day after today")
        .to_string();
    assert!(before < date && date <= tomorrow.as_str(), "{date} is not tomorrow");
}

/// A body without the instants at which its lines were placed, which the tests don't know.
pub(crate) fn without_placing(mut body: Value) -> Value {
    match &mut body {
        Value::Object(members) => {
            for instant in ["placed_at", "at"] {
                let _ = members.remove(instant);
            }
            for member in members.values_mut() {
                *member = without_placing(member.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_placing(item.take());
            }
        }
        _ => {}
    }
    body
}

/// A line of an order, whose id is its SKU.
pub(crate) fn line(sku: &str, quantity: u64) -> Value {
    json!({"sku": sku, "quantity": quantity})
}

/// An order with these lines, which is refused if one does not fit.
pub(crate) fn order(id: &str, lines: &[Value]) -> Value {
    json!({"order_id": id, "lines": lines})
}

/// The same order with another handling of shortages.
pub(crate) fn on_shortage(mut order: Value, word: &str) -> Value {
    order["on_shortage"] = word.into();
    order
}

/// Units in batches, as a line shows them.
pub(crate) fn parts(parts: &[(&str, u64)]) -> Value {
    parts
        .iter()
        .map(|(batch, quantity)| json!({"batch": batch, "quantity": quantity}))
        .collect()
}

/// Today, in the service's time zone. A case that reads it before and after a call knows that the answer lies between.
pub(crate) fn today() -> String {
    SystemClock::new().today().to_string()
}

/// Asserts that a value is today's date, in an answer to a call that was made on the day `before`.
#[track_caller]
pub(crate) fn assert_today(value: &Value, before: &str) {
    let date = value.as_str().expect("a date");
    assert!((before..=today().as_str()).contains(&date), "{date} is not today");
}

/// One member of each item of a list: `column(&order["lines"], "status")`.
#[track_caller]
pub(crate) fn column(list: &Value, member: &str) -> Vec<Value> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| item[member].clone())
        .collect()
}
