//! An example of each type of event. A test reads them back and writes them again, so they are what the encoder writes.

use serde_json::{Map, Value, json};

use super::about::About;

/// An event of this type.
pub(super) fn example(event_type: &str, about: About) -> Value {
    let data = data(event_type);
    let mut event = json!({
        "sequence": 17,
        "id": "0f8fad5bd9cb469fa16570867728950e-1-17",
        "type": event_type,
        "sku": null,
        "version": null,
        "occurred_at": "2026-02-01T09:30:00Z",
        "decided_on": "2026-02-01",
        "actor": "http",
        "correlation_id": "0190a1b2-0000-7000-8000-000000000000",
        "data": data,
    });
    if about != About::Order {
        event["sku"] = json!("LAMP-RED");
        event["version"] = json!(4);
    }
    if about != About::Product {
        event["order_id"] = json!("order-7");
    }
    event
}

/// The terms of a line, and more.
fn line(more: Value) -> Value {
    with(
        json!({
            "order_id": "order-7",
            "line_id": "1",
            "quantity": 3,
            "split": true,
            "placed_at": "2026-02-01T09:30:00Z",
            "placed_with_order": true,
        }),
        more,
    )
}

/// Which line, and more.
fn key(more: Value) -> Value {
    with(json!({"order_id": "order-7", "line_id": "1"}), more)
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn data(event_type: &str) -> Value {
    let asked = "8f14e45fceea167a 45c48cce2e2d7fbd split backorder 0 10 2026-03-02";
    let order = json!({"lines": ["1", "2"], "priority": 10, "required_by": "2026-03-02", "asked": asked});
    let asked_line = "3 backorder";
    match event_type {
        "ProductNamed" => json!({"name": "Red desk lamp"}),
        "SafetyStockChanged" => json!({"from": 0, "to": 10}),
        "BatchCreated" => json!({
            "reference": "PO-1042", "location": "main", "ordinal": 1, "quantity": 100, "eta": "2026-02-28",
        }),
        "BatchQuantityChanged" => json!({"reference": "PO-1042", "from": 100, "to": 98}),
        "BatchEtaChanged" => json!({"reference": "PO-1042", "from": "2026-02-28", "to": "2026-03-03"}),
        "BatchReceived" => json!({"reference": "PO-1042", "eta": "2026-02-28", "expected": 100, "counted": 98}),
        "BatchReceiptUndone" | "BatchOverdue" => json!({"reference": "PO-1042", "eta": "2026-02-28"}),
        "BatchCancelled" => json!({"reference": "PO-1042", "from": 100, "to": 0}),
        "Allocated" => line(json!({
            "allocations": [{"batch": "PO-1042", "quantity": 2}, {"batch": "PO-1043", "quantity": 1}],
            "from_backlog": false,
            "promised_on": "2026-02-28",
        })),
        "Deallocated" => key(json!({
            "from": [{"batch": "PO-1043", "quantity": 1}],
            "why": "reduced",
            "left": 2,
            "promised_on": "2026-02-28",
        })),
        "Reallocated" => key(json!({
            "from": [{"batch": "PO-1042", "quantity": 3}],
            "to": [{"batch": "PO-1043", "quantity": 3}],
            "why": {"batch_quantity_changed": "PO-1042"},
            "promised_from": "2026-02-28",
            "promised_to": "2026-03-03",
        })),
        "OutOfStock" => line(json!({
            "placed_with_order": false, "asked": asked_line, "available": 1, "kept": "backordered",
        })),
        "Backordered" => line(json!({"placed_with_order": false, "asked": asked_line, "from": [], "why": null})),
        "PromiseChanged" => key(json!({
            "from": "2026-02-28", "to": "2026-03-03", "why": {"batch_eta_changed": "PO-1042"},
        })),
        "PromiseBroken" => key(json!({
            "required_by": "2026-03-02",
            "from": "2026-02-28",
            "to": "2026-03-03",
            "why": {"batch_eta_changed": "PO-1042"},
        })),
        "Confirmed" => key(json!({})),
        "LineChanged" => line(json!({"priority": 10, "required_by": "2026-03-02", "locations": ["main", "harbour"]})),
        "Dispatched" => key(json!({"from": [{"batch": "PO-1042", "quantity": 2}], "left": 1})),
        "DispatchUndone" => key(json!({"to": [{"batch": "PO-1042", "quantity": 2}], "promised_on": "2026-02-28"})),
        "OrderPlaced" | "OrderReplaced" => order,
        "OrderChanged" => json!({"priority": 10, "required_by": null}),
        "HoldPlaced" => json!({"until": "2026-02-01T09:45:00Z"}),
        "HoldExpired" => json!({"deadline": "2026-02-01T09:45:00Z"}),
        // Those without fields of their own.
        _ => Value::Object(Map::new()),
    }
}
