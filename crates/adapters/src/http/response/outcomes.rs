//! The reply to each outcome. Single calls and bulk lines share it.

use earmark_domain::Outcome;

use super::reply::Reply;
use crate::wire::answers::outcomes::OutcomeAnswer;

/// The path of batches.
const BATCHES: &str = "/v1/batches/";

/// The path of orders.
const ORDERS: &str = "/v1/orders/";

impl Reply {
    /// The reply to an outcome: what is new has a location.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let reply = Self::from(OutcomeAnswer::of(outcome));
        match outcome {
            Outcome::BatchCreated { batch, .. } => reply.at(BATCHES, batch.record.reference.as_str()),
            Outcome::LinePlaced { line, .. } => reply.at(ORDERS, line.key.order.as_str()),
            Outcome::OrderPlaced { order, .. } => reply.at(ORDERS, order.id.as_str()),
            _ => reply,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::http::header::{self, HeaderValue};
    use earmark_domain::{
        BatchRecord, BatchView, Count, Effects, LineId, LineKey, LineState, LineView, Location, OrderId, OrderStatus,
        OrderView, Part, Precedence, Priority, Promise, Quantity, QuotedLine, Reference, Remedy, Sku, Units,
    };
    use serde_json::{Value, json};

    use super::super::reply::X_EARMARK_PREVIEW;
    use super::*;

    fn batch(reference: &str) -> BatchView {
        let quantity = Quantity::new(10).expect("a quantity");
        let record = BatchRecord {
            reference: Reference::new(reference).expect("a name"),
            sku: Sku::new("LAMP").expect("a name"),
            location: Location::default(),
            ordinal: 1,
            created_quantity: quantity,
            created_eta: None,
            quantity: Count::from(quantity),
            allocated: Units::new(4),
            dispatched: Units::ZERO,
            eta: Some(jiff::civil::date(2026, 3, 1)),
            overdue: false,
            receipt: None,
            closed: false,
        };
        BatchView::of(record, 17)
    }

    fn line(state: LineState) -> LineView {
        LineView {
            key: LineKey {
                order: OrderId::new("o 1").expect("a name"),
                line: LineId::new("l1").expect("a name"),
            },
            sku: Sku::new("LAMP").expect("a name"),
            quantity: Quantity::new(2).expect("a quantity"),
            state,
            allocations: Vec::new(),
            dispatches: Vec::new(),
            promise: Promise::NONE,
            at_risk: false,
            placed_at: jiff::Timestamp::UNIX_EPOCH,
            hold_until: None,
        }
    }

    fn body(reply: &Reply) -> Value {
        serde_json::from_str(&reply.body).expect("JSON")
    }

    #[test]
    fn a_new_batch_has_a_location_and_a_repeated_one_has_none() {
        let created = |fresh| {
            Reply::of(&Outcome::BatchCreated {
                batch: batch("a/b é"),
                fresh,
                effects: Effects::default(),
            })
        };
        let fresh = created(true);
        assert_eq!(fresh.status, StatusCode::CREATED);
        assert_eq!(fresh.location.as_deref(), Some("/v1/batches/a%2Fb%20%C3%A9"));
        assert_eq!(
            body(&fresh),
            json!({"reference": "a/b é", "sku": "LAMP", "location": "main", "quantity": 10, "allocated": 4,
                   "dispatched": 0, "available": 6, "eta": "2026-03-01", "status": "inbound"})
        );
        let again = created(false);
        assert_eq!((again.status, &again.location), (StatusCode::OK, &None));
        assert_eq!(again.body, fresh.body);
        assert_eq!((fresh.version, again.version), (Some(17), Some(17)));
    }

    #[test]
    fn a_preview_is_the_same_answer_without_location_and_version() {
        let fresh = Reply::of(&Outcome::BatchCreated {
            batch: batch("B1"),
            fresh: true,
            effects: Effects::default(),
        });
        let preview = fresh.clone().of_preview();
        assert_eq!((preview.status, preview.body.as_str()), (StatusCode::OK, &*fresh.body));
        let response = preview.response();
        assert_eq!(
            response.headers().get(X_EARMARK_PREVIEW),
            Some(&HeaderValue::from_static("true"))
        );
        for header in [header::LOCATION, header::ETAG] {
            assert!(!response.headers().contains_key(header));
        }
    }

    #[test]
    fn a_quote_is_for_the_day_on_which_its_last_line_can_leave() {
        let quoted = |day: Option<i8>| QuotedLine {
            line: LineId::new("l1").expect("a name"),
            sku: Sku::new("LAMP").expect("a name"),
            quantity: Quantity::new(2).expect("a quantity"),
            allocations: day.map_or_else(Vec::new, |_| {
                vec![Part {
                    batch: Reference::new("B1").expect("a name"),
                    quantity: Quantity::new(2).expect("a quantity"),
                }]
            }),
            promised_on: day.map(|day| jiff::civil::date(2026, 3, day)),
            tried: Vec::new(),
            remedy: day.is_none().then_some(Remedy::Split),
        };
        let of = |days: &[Option<i8>]| {
            let lines = days.iter().copied().map(quoted).collect();
            body(&Reply::of(&Outcome::Quoted { lines }))
        };
        let fits = of(&[Some(7), Some(5)]);
        assert_eq!(fits["promised_on"], "2026-03-07");
        assert_eq!(
            fits["lines"][1],
            json!({"line_id": "l1", "sku": "LAMP", "quantity": 2, "fits": true, "promised_on": "2026-03-05",
                   "allocations": [{"batch": "B1", "quantity": 2}], "tried": []})
        );
        let short = of(&[Some(7), None]);
        assert_eq!(short["promised_on"], Value::Null);
        assert_eq!(short["lines"][1]["fits"], false);
        assert_eq!(short["lines"][1]["remedy"], json!({"split": true}));
    }

    #[test]
    fn a_line_is_created_or_accepted_into_the_backlog_or_repeated() {
        let placed = |state, fresh| {
            let line = line(state);
            Reply::of(&Outcome::LinePlaced { line, fresh }).status
        };
        assert_eq!(placed(LineState::Allocated, true), StatusCode::CREATED);
        assert_eq!(placed(LineState::Backordered, true), StatusCode::ACCEPTED);
        assert_eq!(placed(LineState::Allocated, false), StatusCode::OK);
        assert_eq!(placed(LineState::Backordered, false), StatusCode::OK);
        assert_eq!(placed(LineState::Cancelled, false), StatusCode::OK);
    }

    #[test]
    fn an_order_lists_its_lines_with_null_for_a_missing_date() {
        let order = OrderView {
            id: OrderId::new("o 1").expect("a name"),
            status: OrderStatus::Held,
            hold_expires_at: Some("2026-02-01T09:45:00Z".parse().expect("an instant")),
            precedence: Precedence::of(
                Priority::new(-3).expect("a priority"),
                Some(jiff::civil::date(2026, 3, 31)),
            ),
            lines: vec![line(LineState::Backordered)],
        };
        let reply = Reply::of(&Outcome::OrderPlaced { order, fresh: true });
        assert_eq!(reply.location.as_deref(), Some("/v1/orders/o%201"));
        assert_eq!(
            body(&reply),
            json!({"order_id": "o 1", "status": "held", "hold_expires_at": "2026-02-01T09:45:00Z", "priority": -3,
                   "required_by": "2026-03-31", "lines": [
                {"order_id": "o 1", "line_id": "l1", "sku": "LAMP", "quantity": 2, "status": "backordered",
                 "allocations": [], "dispatches": [], "promised_on": null, "first_promised_on": null, "at_risk": false,
                 "placed_at": "1970-01-01T00:00:00Z"}]})
        );
    }
}
