//! Showing the domain's answers: one place where a batch, a line, an order, a product become JSON, and one function
//! ([`Reply::of`]) that says with which status an outcome is answered. Single calls and bulk lines share them.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use earmark_application::ProductSummary;
use earmark_domain::{BatchView, Effects, LineState, LineView, Moved, OrderView, Outcome, Part};
use serde::Serialize;
use utoipa::ToSchema;

use super::input::percent_encoded;

/// A batch of stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(super) struct BatchJson {
    /// Identifies the batch in the whole system.
    #[schema(example = "PO-1042")]
    reference: String,
    /// The product it is of.
    #[schema(example = "LAMP-RED")]
    sku: String,
    /// Where it lies or will lie.
    #[schema(example = "main")]
    location: String,
    /// Units bought or counted.
    #[schema(example = 100, minimum = 0, maximum = 1_000_000_000)]
    quantity: u32,
    /// Units earmarked for order lines.
    #[schema(example = 30)]
    allocated: u64,
    /// Units that have left the building.
    #[schema(example = 0)]
    dispatched: u64,
    /// Units that can be promised: `quantity − allocated − dispatched`.
    #[schema(example = 70)]
    available: u64,
    /// When it arrives; null: it is in the warehouse.
    #[schema(format = Date, example = "2026-03-31", required)]
    eta: Option<String>,
    /// Where it is on its way: `overdue` is inbound with an ETA that has passed.
    #[schema(example = "inbound", pattern = "^(in_warehouse|inbound|overdue)$")]
    status: &'static str,
}

impl From<&BatchView> for BatchJson {
    fn from(view: &BatchView) -> Self {
        Self {
            reference: view.record.reference.to_string(),
            sku: view.record.sku.to_string(),
            location: view.record.location.to_string(),
            quantity: view.record.quantity.get(),
            allocated: view.record.allocated.get(),
            dispatched: view.record.dispatched.get(),
            available: view.available.get(),
            eta: view.record.eta.map(|eta| eta.to_string()),
            status: view.status.as_str(),
        }
    }
}

/// Units of a line, earmarked in one batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Allocation)]
pub(super) struct AllocationJson {
    /// The batch's reference.
    #[schema(example = "PO-1042")]
    batch: String,
    /// Units of it.
    #[schema(example = 3, minimum = 1)]
    quantity: u32,
}

impl From<&Part> for AllocationJson {
    fn from(part: &Part) -> Self {
        Self {
            batch: part.batch.to_string(),
            quantity: part.quantity.get(),
        }
    }
}

fn all<'a, T: 'a, J: From<&'a T>>(items: &'a [T]) -> Vec<J> {
    items.iter().map(J::from).collect()
}

/// An order line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Line)]
pub(super) struct LineJson {
    /// The order it belongs to.
    #[schema(example = "order-7")]
    order_id: String,
    /// Identifies it within the order; the SKU, where none was given.
    #[schema(example = "LAMP-RED")]
    line_id: String,
    /// The product it wants.
    #[schema(example = "LAMP-RED")]
    sku: String,
    /// The units it wants.
    #[schema(example = 3, minimum = 1, maximum = 1_000_000_000)]
    quantity: u32,
    /// Where it stands.
    #[schema(example = "allocated", pattern = "^(allocated|backordered|refused|cancelled)$")]
    status: &'static str,
    /// Where its units are, in the order batches are preferred in.
    allocations: Vec<AllocationJson>,
    /// When it can leave; null for a line without stock.
    #[schema(format = Date, example = "2026-03-31", required)]
    promised_on: Option<String>,
}

impl From<&LineView> for LineJson {
    fn from(view: &LineView) -> Self {
        Self {
            order_id: view.key.order.to_string(),
            line_id: view.key.line.to_string(),
            sku: view.sku.to_string(),
            quantity: view.quantity.get(),
            status: view.state.as_str(),
            allocations: all(&view.allocations),
            promised_on: view.promised_on.map(|date| date.to_string()),
        }
    }
}

/// An order with its lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderJson {
    /// Identifies the order.
    #[schema(example = "order-7")]
    order_id: String,
    /// Whether anything of it stands.
    #[schema(example = "firm", pattern = "^(firm|cancelled)$")]
    status: &'static str,
    /// Its lines, by line id.
    lines: Vec<LineJson>,
}

impl From<&OrderView> for OrderJson {
    fn from(view: &OrderView) -> Self {
        Self {
            order_id: view.id.to_string(),
            status: view.status.as_str(),
            lines: all(&view.lines),
        }
    }
}

/// A line that had to move to other batches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reallocation)]
pub(super) struct MovedJson {
    /// The order of the line.
    order_id: String,
    /// The line.
    line_id: String,
    /// Where its units were.
    from: Vec<AllocationJson>,
    /// Where they are now.
    to: Vec<AllocationJson>,
    /// The date it was promised for before.
    #[schema(format = Date, example = "2026-03-01")]
    promised_from: String,
    /// The date it is promised for now.
    #[schema(format = Date, example = "2026-03-31")]
    promised_to: String,
}

impl From<&Moved> for MovedJson {
    fn from(moved: &Moved) -> Self {
        Self {
            order_id: moved.key.order.to_string(),
            line_id: moved.key.line.to_string(),
            from: all(&moved.from),
            to: all(&moved.to),
            promised_from: moved.promised_from.to_string(),
            promised_to: moved.promised_to.to_string(),
        }
    }
}

/// What a change of stock did to order lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Effects)]
pub(super) struct EffectsJson {
    /// Lines that moved to other batches.
    reallocated: Vec<MovedJson>,
    /// Lines that lost their stock and wait.
    backordered: Vec<LineJson>,
    /// Lines that waited and got stock.
    allocated: Vec<LineJson>,
}

impl From<&Effects> for EffectsJson {
    fn from(effects: &Effects) -> Self {
        Self {
            reallocated: all(&effects.reallocated),
            backordered: all(&effects.backordered),
            allocated: all(&effects.allocated),
        }
    }
}

/// A batch after a change, and what the change did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchChange)]
pub(super) struct BatchChangeJson {
    /// The batch as it stands.
    batch: BatchJson,
    /// What the change did to order lines.
    effects: EffectsJson,
}

/// A product's stock in sums.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductSummary)]
pub(super) struct SummaryJson {
    /// Identifies the product.
    #[schema(example = "LAMP-RED")]
    sku: String,
    /// What people call it; null where nobody has said.
    #[schema(example = "Red desk lamp", required)]
    name: Option<String>,
    /// Units in the warehouse, allocated ones among them.
    #[schema(example = 40)]
    on_hand: u64,
    /// Units on their way.
    #[schema(example = 100)]
    inbound: u64,
    /// Units earmarked.
    #[schema(example = 30)]
    allocated: u64,
    /// Units that have left the building.
    #[schema(example = 0)]
    dispatched: u64,
    /// Units that can be promised.
    #[schema(example = 110)]
    available: u64,
    /// Units that order lines wait for.
    #[schema(example = 0)]
    backordered: u64,
    /// Rises with each change of the product.
    #[schema(example = 4)]
    version: u64,
}

impl From<&ProductSummary> for SummaryJson {
    fn from(summary: &ProductSummary) -> Self {
        Self {
            sku: summary.sku.to_string(),
            name: summary.name.as_ref().map(|name| name.as_str().to_owned()),
            on_hand: summary.on_hand.get(),
            inbound: summary.inbound.get(),
            allocated: summary.allocated.get(),
            dispatched: summary.dispatched.get(),
            available: summary.available.get(),
            backordered: summary.backordered.get(),
            version: summary.version,
        }
    }
}

/// A product with its batches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(super) struct ProductJson {
    #[serde(flatten)]
    summary: SummaryJson,
    /// Its batches, in the order they are tried.
    batches: Vec<BatchJson>,
}

impl ProductJson {
    /// A product as it is shown.
    pub(super) fn of(summary: &ProductSummary, batches: &[BatchView]) -> Self {
        Self {
            summary: summary.into(),
            batches: all(batches),
        }
    }
}

/// A page of products.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductPage)]
pub(super) struct ProductPageJson {
    /// Products, by SKU.
    pub(super) items: Vec<SummaryJson>,
    /// `after` of the next page; null: this is the last one.
    #[schema(example = "LAMP-RED", required)]
    pub(super) next: Option<String>,
}

/// A page of a product's backlog.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BacklogPage)]
pub(super) struct BacklogPageJson {
    /// Waiting lines, in order of service.
    pub(super) items: Vec<LineJson>,
    /// `after` of the next page, a text without meaning of its own; null: this is the last one.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// What a command is answered with, whichever way it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// The status.
    pub(super) status: StatusCode,
    /// The text of a JSON value.
    pub(super) body: String,
    /// Where what was made can be seen.
    pub(super) location: Option<String>,
    /// The version of what is shown, where it has one.
    pub(super) version: Option<u64>,
}

impl Reply {
    /// A value with a status.
    pub(super) fn new(status: StatusCode, value: &impl Serialize) -> Self {
        Self {
            status,
            body: serde_json::to_string(value).expect("text, numbers and lists of them are always JSON"),
            location: None,
            version: None,
        }
    }

    /// How an outcome is answered. What is new is told by 201, what waits by 202, what had been done before by 200.
    pub(super) fn of(outcome: &Outcome) -> Self {
        /// The body of a name given to a product, where the whole product is not at hand.
        #[derive(Serialize)]
        struct Named<'a> {
            sku: &'a str,
            name: &'a str,
            version: u64,
        }
        /// The body of a service of the backlog, which no request asks for.
        #[derive(Serialize)]
        struct Served {
            allocated: usize,
        }
        match outcome {
            Outcome::ProductNamed { sku, name, version, .. } => Self {
                version: Some(*version),
                ..Self::new(
                    StatusCode::OK,
                    &Named {
                        sku: sku.as_str(),
                        name: name.as_str(),
                        version: *version,
                    },
                )
            },
            Outcome::BatchCreated { batch, fresh, .. } => {
                let reply = Self::new(created(*fresh), &BatchJson::from(batch));
                reply.at(format!(
                    "/v1/batches/{}",
                    percent_encoded(batch.record.reference.as_str())
                ))
            }
            Outcome::BatchChanged { batch, effects, .. } => Self::new(
                StatusCode::OK,
                &BatchChangeJson {
                    batch: batch.into(),
                    effects: effects.into(),
                },
            ),
            Outcome::LinePlaced { line, fresh } => {
                let status = match (*fresh, line.state) {
                    (false, _) => StatusCode::OK,
                    (true, LineState::Backordered) => StatusCode::ACCEPTED,
                    (true, _) => StatusCode::CREATED,
                };
                Self::new(status, &LineJson::from(line)).at(order_path(line.key.order.as_str()))
            }
            Outcome::OrderPlaced { order, fresh } => {
                Self::new(created(*fresh), &OrderJson::from(order)).at(order_path(order.id.as_str()))
            }
            Outcome::Cancelled { order, .. } => Self::new(StatusCode::OK, &OrderJson::from(order)),
            Outcome::BacklogServed { allocated } => Self::new(StatusCode::OK, &Served { allocated: *allocated }),
        }
    }

    fn at(mut self, location: String) -> Self {
        // Only what was made now has a place to be told of.
        if self.status != StatusCode::OK {
            self.location = Some(location);
        }
        self
    }

    /// The reply as a response.
    pub(super) fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.content_type("application/json");
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(version) = self.version {
            response.insert_header((header::ETAG, format!("\"{version}\"")));
        }
        response.body(self.body)
    }
}

fn order_path(order: &str) -> String {
    format!("/v1/orders/{}", percent_encoded(order))
}

const fn created(fresh: bool) -> StatusCode {
    if fresh { StatusCode::CREATED } else { StatusCode::OK }
}

#[cfg(test)]
mod tests {
    use earmark_domain::{
        BatchRecord, Count, LineId, LineKey, Location, OrderId, OrderStatus, Quantity, Reference, Sku, Units,
    };
    use serde_json::{Value, json};

    use super::*;

    fn batch(reference: &str) -> BatchView {
        let quantity = Quantity::new(10).expect("a quantity");
        let record = BatchRecord {
            reference: Reference::new(reference).expect("a name"),
            sku: Sku::new("LAMP").expect("a name"),
            location: Location::default(),
            ordinal: 1,
            created_quantity: quantity,
            quantity: Count::from(quantity),
            allocated: Units::new(4),
            dispatched: Units::ZERO,
            eta: Some(jiff::civil::date(2026, 3, 1)),
        };
        BatchView::of(record, jiff::civil::date(2026, 2, 1))
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
            promised_on: None,
        }
    }

    fn body(reply: &Reply) -> Value {
        serde_json::from_str(&reply.body).expect("JSON")
    }

    #[test]
    fn a_new_batch_is_told_with_its_place_and_the_same_again_without() {
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
        assert_eq!((again.status, again.location), (StatusCode::OK, None));
        assert_eq!(again.body, fresh.body);
    }

    #[test]
    fn a_line_is_created_or_accepted_to_wait_or_known_already() {
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
    fn an_order_shows_each_line_with_null_where_there_is_no_date() {
        let order = OrderView {
            id: OrderId::new("o 1").expect("a name"),
            status: OrderStatus::Firm,
            lines: vec![line(LineState::Backordered)],
        };
        let reply = Reply::of(&Outcome::OrderPlaced { order, fresh: true });
        assert_eq!(reply.location.as_deref(), Some("/v1/orders/o%201"));
        assert_eq!(
            body(&reply),
            json!({"order_id": "o 1", "status": "firm", "lines": [
                {"order_id": "o 1", "line_id": "l1", "sku": "LAMP", "quantity": 2, "status": "backordered",
                 "allocations": [], "promised_on": null}]})
        );
    }
}
