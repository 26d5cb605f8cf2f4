//! Encoding: commands as JSON lines of the bulk call, the reverse of what the HTTP interface reads.

use earmark_domain::{
    Command, Delivery, Location, Locations, OnOrderShortage, OnShortage, OrderLine, PutProduct, Rest,
};
use serde_json::{Map, Value, json};

/// A command as a line of the bulk call. Some defaults are left out; the service has the same ones.
pub(super) fn encode(command: &Command) -> String {
    let line = match command {
        Command::PutProduct(PutProduct {
            sku,
            name,
            safety_stock,
        }) => {
            let mut put = object(json!({"sku": sku.as_str()}));
            add(&mut put, "name", name.as_ref().map(|name| name.as_str()));
            add(&mut put, "safety_stock", safety_stock.map(|count| count.get()));
            json!({"put_product": put})
        }
        Command::CreateBatch(batch) => json!({"create_batch": {
            "reference": batch.reference.as_str(),
            "sku": batch.sku.as_str(),
            "quantity": batch.quantity.get(),
            "eta": batch.eta.map(|eta| eta.to_string()),
            "location": batch.location.as_str(),
        }}),
        Command::Allocate(allocate) => {
            let mut line = object(json!({
                "order_id": allocate.line.key.order.as_str(),
                "line_id": allocate.line.key.line.as_str(),
                "sku": allocate.line.sku.as_str(),
                "quantity": allocate.line.quantity.get(),
                "on_shortage": match allocate.on_shortage {
                    OnShortage::Reject => "reject",
                    OnShortage::Backorder => "backorder",
                },
                "split": allocate.split,
            }));
            add(&mut line, "locations", names(&allocate.locations));
            json!({"allocate": line})
        }
        Command::PlaceOrder(place) => {
            let terms = place.terms();
            // Locations that all lines share are named once: the largest order with the longest names has to fit.
            let shared = match place.lines() {
                [first, rest @ ..] if rest.iter().all(|line| line.locations == first.locations) => &first.locations,
                _ => &Locations::ANY,
            };
            let lines = place.lines().iter().map(|line| order_line(line, shared.is_any()));
            let mut order = object(json!({
                "order_id": place.order().as_str(),
                "lines": lines.collect::<Vec<_>>(),
                "on_shortage": match terms.on_shortage {
                    OnOrderShortage::Reject => "reject",
                    OnOrderShortage::Backorder => "backorder",
                    OnOrderShortage::Partial => "partial",
                },
                "split": terms.split,
            }));
            add(&mut order, "locations", names(shared));
            let priority = terms.precedence.priority().get();
            add(&mut order, "priority", (priority != 0).then_some(priority));
            let required_by = terms.precedence.required_by();
            add(&mut order, "required_by", required_by.map(|day| day.to_string()));
            json!({"place_order": order})
        }
        Command::ChangeBatch(change) => {
            let mut fields = object(json!({"reference": change.reference.as_str()}));
            add(&mut fields, "quantity", change.quantity.map(|count| count.get()));
            add(&mut fields, "eta", change.eta.map(|eta| eta.to_string()));
            json!({"change_batch": fields})
        }
        Command::ReceiveBatch { reference, delivery } => {
            let mut fields = object(json!({"reference": reference.as_str()}));
            match delivery {
                Delivery::Whole { counted } => add(&mut fields, "quantity", counted.map(|count| count.get())),
                Delivery::Part { arrived, rest } => {
                    add(&mut fields, "quantity", Some(arrived.get()));
                    add(&mut fields, "rest", Some(expected(rest)));
                }
            }
            json!({"receive_batch": fields})
        }
        other => unreachable!("no row becomes {}: one that is a command keeps its JSON", other.name()),
    };
    format!("{line}\n")
}

/// The rest of a delivery that is still expected.
fn expected(rest: &Rest) -> Map<String, Value> {
    let mut fields = Map::new();
    add(&mut fields, "eta", rest.eta.map(|eta| eta.to_string()));
    let reference = rest.reference.as_ref().map(|reference| reference.as_str());
    add(&mut fields, "reference", reference);
    fields
}

fn order_line(line: &OrderLine, with_locations: bool) -> Value {
    let mut fields = object(json!({
        "line_id": line.line.as_str(),
        "sku": line.sku.as_str(),
        "quantity": line.quantity.get(),
    }));
    add(
        &mut fields,
        "locations",
        names(&line.locations).filter(|_| with_locations),
    );
    Value::Object(fields)
}

/// The names of the locations; `None` if any location will do.
fn names(locations: &Locations) -> Option<Vec<&str>> {
    let named = locations.as_slice().iter().map(Location::as_str).collect();
    (!locations.is_any()).then_some(named)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => unreachable!("callers pass objects, not {other}"),
    }
}

fn add(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use earmark_domain::{
        Allocate, Count, LineRequest, OrderTerms, PlaceOrder, Precedence, Priority, ProductName, Quantity,
    };
    use jiff::civil::date;

    use super::*;

    fn encoded(command: &Command) -> Value {
        serde_json::from_str(&encode(command)).expect("a line of JSON")
    }

    fn order(terms: OrderTerms, locations: Locations) -> Command {
        let line = OrderLine {
            line: "1".parse().expect("a name"),
            sku: "LAMP".parse().expect("a name"),
            quantity: Quantity::new(2).expect("a quantity"),
            locations,
        };
        Command::PlaceOrder(PlaceOrder::new("O".parse().expect("a name"), vec![line], terms).expect("an order"))
    }

    fn two_locations() -> Locations {
        let names = ["north", "south"].map(|name| name.parse().expect("a name"));
        Locations::new(names.to_vec()).expect("locations")
    }

    #[test]
    fn an_order_has_its_priority_its_day_and_its_locations() {
        let terms = OrderTerms {
            precedence: Precedence::of(Priority::new(-3).expect("a priority"), Some(date(2030, 1, 31))),
            ..OrderTerms::default()
        };
        assert_eq!(
            encoded(&order(terms, two_locations())),
            json!({"place_order": {
                "order_id": "O",
                "lines": [{"line_id": "1", "sku": "LAMP", "quantity": 2}],
                "locations": ["north", "south"],
                "on_shortage": "reject",
                "split": false,
                "priority": -3,
                "required_by": "2030-01-31",
            }})
        );
    }

    #[test]
    fn defaults_are_left_out() {
        let plain = encoded(&order(OrderTerms::default(), Locations::ANY));
        let fields = plain["place_order"].as_object().expect("an order");
        assert!(!fields.contains_key("priority") && !fields.contains_key("required_by"));
        assert_eq!(plain["place_order"]["lines"][0].get("locations"), None);
    }

    #[test]
    fn a_single_line_may_name_locations() {
        let allocate = Command::Allocate(Allocate {
            line: LineRequest {
                key: earmark_domain::LineKey {
                    order: "O".parse().expect("a name"),
                    line: "1".parse().expect("a name"),
                },
                sku: "LAMP".parse().expect("a name"),
                quantity: Quantity::new(2).expect("a quantity"),
            },
            locations: two_locations(),
            on_shortage: OnShortage::Backorder,
            split: true,
            without_grace: false,
        });
        assert_eq!(encoded(&allocate)["allocate"]["locations"], json!(["north", "south"]));
    }

    #[test]
    fn a_receipt_names_what_has_arrived_and_what_is_still_expected() {
        let receipt = |delivery| {
            let reference = "B".parse().expect("a name");
            encoded(&Command::ReceiveBatch { reference, delivery })["receive_batch"].clone()
        };
        let whole = Delivery::Whole {
            counted: Some(Count::ZERO),
        };
        assert_eq!(receipt(whole), json!({"reference": "B", "quantity": 0}));
        let part = |rest| Delivery::Part {
            arrived: Quantity::new(6).expect("a quantity"),
            rest,
        };
        assert_eq!(
            receipt(part(Rest::default())),
            json!({"reference": "B", "quantity": 6, "rest": {}})
        );
        let rest = Rest {
            reference: Some("C".parse().expect("a name")),
            eta: Some(date(2030, 1, 31)),
        };
        assert_eq!(
            receipt(part(rest)),
            json!({"reference": "B", "quantity": 6, "rest": {"eta": "2030-01-31", "reference": "C"}})
        );
    }

    #[test]
    fn a_product_has_a_name_a_safety_stock_or_both() {
        let put = |name: Option<&str>, safety_stock: Option<u32>| {
            encoded(&Command::PutProduct(PutProduct {
                sku: "LAMP".parse().expect("a name"),
                name: name.map(|name| ProductName::new(name).expect("a name")),
                safety_stock: safety_stock.map(|count| Count::new(count).expect("a count")),
            }))
        };
        assert_eq!(
            put(Some("Lamp"), None),
            json!({"put_product": {"sku": "LAMP", "name": "Lamp"}})
        );
        assert_eq!(
            put(None, Some(0)),
            json!({"put_product": {"sku": "LAMP", "safety_stock": 0}})
        );
        assert_eq!(
            put(Some("Lamp"), Some(4)),
            json!({"put_product": {"sku": "LAMP", "name": "Lamp", "safety_stock": 4}})
        );
    }
}
