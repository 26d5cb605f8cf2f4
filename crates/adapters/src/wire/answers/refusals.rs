//! Failed commands as problems: the kind of each refusal, and its members.

use earmark_application::CommandError;
use earmark_domain::{LineKey, OrderId, Reference, Refusal, Remedy, Shortage, Term};
use serde_json::{Map, Value, json};

use super::kinds::{self, Kind};
use super::problem::ProblemDocument;
use crate::wire::views::shortages::ShortageJson;

impl From<&CommandError> for ProblemDocument {
    fn from(error: &CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) | CommandError::Unknown(refusal) => refused(refusal),
            CommandError::Forbidden(forbidden) => {
                Self::new(&kinds::FORBIDDEN, error.to_string()).with("needs", forbidden.needs.as_str())
            }
            CommandError::OutOfBounds(_) => Self::new(&kinds::OUT_OF_BOUNDS, error.to_string()),
            CommandError::Busy => Self::new(&kinds::BUSY, error.to_string()),
            CommandError::ShuttingDown => Self::new(&kinds::SHUTTING_DOWN, error.to_string()),
            CommandError::Unavailable => Self::new(&kinds::UNAVAILABLE, error.to_string()),
            CommandError::Internal => Self::internal(),
        }
    }
}

/// The names of the fields in which a request differs.
fn words(terms: &[Term]) -> Vec<Value> {
    terms.iter().map(|term| term.as_str().into()).collect()
}

/// The problem for a refusal.
fn refused(refusal: &Refusal) -> ProblemDocument {
    let message = || refusal.to_string();
    let of_batch =
        |kind, reference: &Reference| ProblemDocument::new(kind, message()).with("reference", reference.as_str());
    let of_order = |kind, order: &OrderId| ProblemDocument::new(kind, message()).with("order_id", order.as_str());
    let of_line = |kind: &'static Kind, key: &LineKey| of_order(kind, &key.order).with("line_id", key.line.as_str());
    match refusal {
        Refusal::UnknownSku(skus) => {
            let skus: Vec<Value> = skus.iter().map(|sku| sku.as_str().into()).collect();
            ProblemDocument::new(&kinds::UNKNOWN_SKU, message()).with("skus", skus)
        }
        Refusal::UnknownLocation(locations) => {
            let locations: Vec<Value> = locations.iter().map(|location| location.as_str().into()).collect();
            ProblemDocument::new(&kinds::UNKNOWN_LOCATION, message()).with("locations", locations)
        }
        Refusal::UnknownBatch(reference) => of_batch(&kinds::UNKNOWN_BATCH, reference),
        Refusal::UnknownOrder(order) => of_order(&kinds::UNKNOWN_ORDER, order),
        Refusal::UnknownLine(key) => of_line(&kinds::UNKNOWN_LINE, key),
        Refusal::BatchExists(reference) => of_batch(&kinds::BATCH_EXISTS, reference),
        Refusal::RestExists { reference, .. } => of_batch(&kinds::BATCH_EXISTS, reference),
        Refusal::RestUnnamed(reference) => of_batch(&kinds::REST_UNNAMED, reference),
        Refusal::NoRest {
            reference,
            expected,
            arrived,
        } => of_batch(&kinds::NO_REST, reference)
            .with("expected", expected.get())
            .with("received", arrived.get()),
        Refusal::LineExists { key, differs } => of_line(&kinds::LINE_EXISTS, key).with("differs", words(differs)),
        Refusal::OrderExists { order, differs } => {
            of_order(&kinds::ORDER_EXISTS, order).with("differs", words(differs))
        }
        Refusal::OrderCancelled(order) => of_order(&kinds::ORDER_CANCELLED, order),
        Refusal::OutOfStock(shortage) => {
            let detail = short(shortage).unwrap_or_else(|| format!("{}{}", message(), hint(&shortage.remedy)));
            ProblemDocument::new(&kinds::OUT_OF_STOCK, detail).with_all(members(shortage))
        }
        Refusal::Shortages(shortages) => {
            let hints = shortages.iter().filter(|shortage| short(shortage).is_some()).count();
            let detail = match hints {
                0 => message(),
                _ => format!("{}; {hints} of them would fit if `split` allowed it", message()),
            };
            ProblemDocument::new(&kinds::OUT_OF_STOCK, detail).with("shortages", all(shortages))
        }
        Refusal::BelowDispatched { reference, dispatched } => {
            of_batch(&kinds::BELOW_DISPATCHED, reference).with("dispatched", dispatched.get())
        }
        Refusal::AlreadyReceived { reference, received } => {
            of_batch(&kinds::ALREADY_RECEIVED, reference).with("received", received.get())
        }
        Refusal::NotReceived(reference) => of_batch(&kinds::NOT_RECEIVED, reference),
        Refusal::BatchDispatched { reference, dispatched } => {
            of_batch(&kinds::ALREADY_DISPATCHED, reference).with("dispatched", dispatched.get())
        }
        Refusal::BatchClosed(reference) => of_batch(&kinds::BATCH_CLOSED, reference),
        Refusal::NotHeld(order) => of_order(&kinds::NOT_HELD, order),
        Refusal::HoldExpired { order, shortages } => {
            let problem = of_order(&kinds::HOLD_EXPIRED, order);
            match shortages.as_slice() {
                [] => problem,
                shortages => problem.with("shortages", all(shortages)),
            }
        }
        Refusal::ExceedsHold { key, held, asked } => of_line(&kinds::EXCEEDS_HOLD, key)
            .with("requested", asked.get())
            .with("held", held.get()),
        Refusal::AlreadyDispatched { key, dispatched } => {
            of_line(&kinds::ALREADY_DISPATCHED, key).with("dispatched", dispatched.get())
        }
        Refusal::ExceedsLine { key, quantity, asked } => of_line(&kinds::EXCEEDS_LINE, key)
            .with("requested", asked.get())
            .with("quantity", quantity.get()),
        Refusal::LineEnded { key, state } => of_line(&kinds::LINE_ENDED, key).with("line_status", state.as_str()),
        Refusal::NotInWarehouse { key, batch } => of_line(&kinds::NOT_IN_WAREHOUSE, key).with("batch", batch.as_str()),
        Refusal::NotFirm(order) => of_order(&kinds::NOT_FIRM, order),
        Refusal::NotAllocated(keys) => {
            let lines: Vec<Value> = keys.iter().map(|key| key.line.as_str().into()).collect();
            let problem = ProblemDocument::new(&kinds::NOT_ALLOCATED, message()).with("line_ids", lines);
            match keys.first() {
                Some(key) => problem.with("order_id", key.order.as_str()),
                None => problem,
            }
        }
        Refusal::StaleVersion { version } => {
            let detail = match version {
                0 => "there is no such thing yet".to_owned(),
                _ => message(),
            };
            ProblemDocument::new(&kinds::STALE_VERSION, detail).with("version", *version)
        }
    }
}

/// The detail for a line that was refused although enough units are available: no single batch has them all.
fn short(shortage: &Shortage) -> Option<String> {
    (shortage.remedy == Remedy::Split).then(|| {
        format!(
            "{} units of {} are requested and {} are available, but no single batch has enough for the line: the \
             largest has {}. With `split` the line may be spread over several batches",
            shortage.requested, shortage.sku, shortage.available, shortage.largest_batch
        )
    })
}

/// The remedy, for people.
fn hint(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Split => "; it would fit if the line might be split".to_owned(),
        Remedy::Location(location) => format!("; it would fit if stock at {location} were allowed as well"),
        Remedy::SafetyStock(units) => format!("; it would fit with a safety stock of {units}"),
        Remedy::Quantity(units) => format!("; no more than {units} would fit"),
        Remedy::MoreStock(units) => format!("; {units} more units are needed"),
    }
}

fn all(shortages: &[Shortage]) -> Value {
    json!(shortages.iter().map(ShortageJson::from).collect::<Vec<_>>())
}

fn members(shortage: &Shortage) -> Map<String, Value> {
    let Value::Object(members) = json!(ShortageJson::from(shortage)) else {
        unreachable!("a struct is an object")
    };
    members
}

#[cfg(test)]
pub(crate) mod tests {
    use earmark_domain::{Count, LineId, LineState, Location, Quantity, Sku, Units};

    use super::*;

    fn body(problem: &ProblemDocument) -> Value {
        serde_json::from_str(&problem.body()).expect("JSON")
    }

    fn quantity(units: u32) -> Quantity {
        Quantity::new(units).expect("a quantity")
    }

    fn shortage(requested: u32, available: u64, largest: u64, remedy: Remedy) -> Shortage {
        Shortage {
            key: LineKey {
                order: OrderId::new("o1").expect("a name"),
                line: LineId::new("l1").expect("a name"),
            },
            sku: Sku::new("LAMP").expect("a name"),
            requested: quantity(requested),
            available: Units::new(available),
            largest_batch: Units::new(largest),
            remedy,
        }
    }

    #[test]
    fn a_shortage_has_the_requested_and_the_available_units() {
        let short = shortage(10, 3, 2, Remedy::Quantity(quantity(2)));
        let problem = refused(&Refusal::OutOfStock(short));
        let body = body(&problem);
        assert_eq!(problem.kind().status, 409);
        assert_eq!(body["type"], "/problems/out_of_stock");
        assert_eq!(body["requested"], 10);
        assert_eq!(body["available"], 3);
        assert_eq!(body["largest_batch"], 2);
        assert_eq!(body["remedy"], json!({"quantity": 2}));
        assert!(!body["detail"].as_str().expect("a text").contains("split"));
    }

    #[test]
    fn a_line_that_only_a_split_could_serve_has_that_in_its_detail() {
        let one = refused(&Refusal::OutOfStock(shortage(10, 12, 6, Remedy::Split)));
        assert!(body(&one)["detail"].as_str().expect("a text").contains("`split`"));
        let more = Remedy::MoreStock(Units::new(5));
        let shortages = vec![shortage(10, 12, 6, Remedy::Split), shortage(5, 0, 0, more)];
        let order = body(&refused(&Refusal::Shortages(shortages)));
        let detail = order["detail"].as_str().expect("a text");
        assert!(detail.contains("1 of them would fit if `split`"), "{detail}");
        assert_eq!(order["shortages"][0]["remedy"], json!({"split": true}));
        assert_eq!(order["shortages"][1]["remedy"], json!({"more_stock": 5}));
    }

    #[test]
    fn each_remedy_has_one_form() {
        for (remedy, expected) in [
            (Remedy::Split, json!({"split": true})),
            (
                Remedy::Location(Location::new("north").expect("a name")),
                json!({"location": "north"}),
            ),
            (
                Remedy::SafetyStock(Count::new(3).expect("a count")),
                json!({"safety_stock": 3}),
            ),
            (Remedy::Quantity(quantity(4)), json!({"quantity": 4})),
            (Remedy::MoreStock(Units::new(6)), json!({"more_stock": 6})),
        ] {
            let refused = body(&refused(&Refusal::OutOfStock(shortage(9, 3, 3, remedy))));
            assert_eq!(refused["remedy"], expected);
        }
    }

    /// Every refusal.
    pub(crate) fn every() -> Vec<Refusal> {
        let short = || shortage(1, 0, 0, Remedy::MoreStock(Units::new(1)));
        let key = || short().key;
        let order = || key().order;
        let batch = || Reference::new("B1").expect("a name");
        vec![
            Refusal::UnknownSku(vec![short().sku]),
            Refusal::UnknownLocation(vec![Location::new("nroth").expect("a name")]),
            Refusal::UnknownBatch(batch()),
            Refusal::UnknownOrder(order()),
            Refusal::UnknownLine(key()),
            Refusal::BatchExists(batch()),
            Refusal::RestExists {
                reference: batch(),
                of: batch(),
            },
            Refusal::RestUnnamed(batch()),
            Refusal::NoRest {
                reference: batch(),
                expected: Count::from(quantity(8)),
                arrived: quantity(9),
            },
            Refusal::LineExists {
                key: key(),
                differs: vec![Term::Quantity],
            },
            Refusal::OrderExists {
                order: order(),
                differs: vec![Term::Lines],
            },
            Refusal::OrderCancelled(order()),
            Refusal::OutOfStock(short()),
            Refusal::Shortages(vec![short()]),
            Refusal::BelowDispatched {
                reference: batch(),
                dispatched: Units::new(3),
            },
            Refusal::AlreadyReceived {
                reference: batch(),
                received: Count::from(quantity(8)),
            },
            Refusal::NotReceived(batch()),
            Refusal::BatchClosed(batch()),
            Refusal::NotHeld(order()),
            Refusal::HoldExpired {
                order: order(),
                shortages: vec![short()],
            },
            Refusal::ExceedsHold {
                key: key(),
                held: quantity(2),
                asked: quantity(3),
            },
            Refusal::AlreadyDispatched {
                key: key(),
                dispatched: Units::new(3),
            },
            Refusal::ExceedsLine {
                key: key(),
                quantity: quantity(2),
                asked: quantity(3),
            },
            Refusal::BatchDispatched {
                reference: batch(),
                dispatched: Units::new(3),
            },
            Refusal::LineEnded {
                key: key(),
                state: LineState::Cancelled,
            },
            Refusal::NotInWarehouse {
                key: key(),
                batch: batch(),
            },
            Refusal::NotFirm(order()),
            Refusal::NotAllocated(vec![key()]),
            Refusal::StaleVersion { version: 17 },
        ]
    }

    #[test]
    fn each_refusal_keeps_the_code_of_the_domain() {
        for refusal in every() {
            let problem = refused(&refusal);
            assert_eq!(body(&problem)["code"], refusal.code());
            assert!((400..500).contains(&problem.kind().status));
        }
    }

    #[test]
    fn a_refusal_has_the_members_of_its_kind() {
        let bodies: Vec<Value> = every().iter().map(|refusal| body(&refused(refusal))).collect();
        let of = |code: &str| bodies.iter().find(|body| body["code"] == code).expect("a refusal");
        assert_eq!(of("unknown_location")["locations"], json!(["nroth"]));
        assert_eq!(of("batch_closed")["reference"], "B1");
        assert_eq!(of("already_received")["reference"], "B1");
        assert_eq!(of("already_received")["received"], 8);
        assert_eq!(
            (&of("no_rest")["expected"], &of("no_rest")["received"]),
            (&json!(8), &json!(9))
        );
        assert_eq!(of("hold_expired")["shortages"][0]["line_id"], "l1");
        assert_eq!(of("exceeds_hold")["requested"], 3);
        assert_eq!(of("exceeds_hold")["held"], 2);
        assert_eq!(of("line_ended")["line_status"], "cancelled");
        assert_eq!(of("not_in_warehouse")["batch"], "B1");
        assert_eq!(of("not_allocated")["line_ids"], json!(["l1"]));
        assert_eq!(of("not_allocated")["order_id"], "o1");
        assert_eq!(of("stale_version")["version"], 17);
        assert_eq!(of("stale_version")["status"], 412);
    }
}
