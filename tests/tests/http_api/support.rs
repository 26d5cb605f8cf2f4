//! Words that the cases share.

use earmark_adapters::clock::SystemClock;
use earmark_application::Clock;
use serde_json::{Value, json};

/// A day that has not come, whenever the tests run.
pub(crate) const FAR: &str = "2199-01-01";

/// A day after [`FAR`].
pub(crate) const FARTHER: &str = "2199-02-01";

/// A day that has passed, whenever the tests run.
pub(crate) const PAST: &str = "2020-01-01";

/// A line of an order, known by its SKU.
pub(crate) fn line(sku: &str, quantity: u64) -> Value {
    json!({"sku": sku, "quantity": quantity})
}

/// An order with these lines, all or nothing.
pub(crate) fn order(id: &str, lines: &[Value]) -> Value {
    json!({"order_id": id, "lines": lines})
}

/// The same order, with something else to become of what does not fit.
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

/// Today, as the service means it. A case that looks before and after an answer knows that it lies between.
pub(crate) fn today() -> String {
    SystemClock::new().today().to_string()
}

/// Holds a value to be today's date, for an answer that was asked for when it was `before`.
#[track_caller]
pub(crate) fn assert_today(value: &Value, before: &str) {
    let date = value.as_str().expect("a date");
    assert!((before..=today().as_str()).contains(&date), "{date} is not today");
}

/// The members of a list, each as one of its members: `column(&order["lines"], "status")`.
#[track_caller]
pub(crate) fn column(list: &Value, member: &str) -> Vec<Value> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| item[member].clone())
        .collect()
}
