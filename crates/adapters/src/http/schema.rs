//! The bodies of requests as a client writes them, and the answers that have no type of their own elsewhere.
//!
//! They are what the OpenAPI document is made from, and can be serialised by a client. The service itself reads
//! requests field by field, so that it can tell every fault; a test holds the two against each other.

mod orders;

use serde::Serialize;
use utoipa::ToSchema;

pub use orders::{
    Allocate, ChangeLine, Confirmation, ConfirmedLine, LinesNamed, OnOrderShortage, OnShortage, OrderContent,
    OrderLine, PlaceOrder, Quote,
};

/// A batch to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreateBatch {
    /// Identifies the batch in the whole system: 1–64 characters.
    #[schema(example = "PO-1042", min_length = 1, max_length = 64)]
    pub reference: String,
    /// The product; created if it is new.
    #[schema(example = "LAMP-RED", min_length = 1, max_length = 64)]
    pub sku: String,
    /// Units bought.
    #[schema(example = 100, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: u32,
    /// When it arrives; left out or null: it is in the warehouse.
    #[schema(format = Date, example = "2026-03-31")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<String>,
    /// Where it lies or will lie; `main` where it is left out.
    #[schema(example = "main", min_length = 1, max_length = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// What is said anew of a batch: at least one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeBatch {
    /// What was counted; 0 for a batch that is lost. As it was, where it is left out.
    #[schema(example = 80, minimum = 0, maximum = 1_000_000_000, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// When it arrives; as it was, where it is left out.
    #[schema(format = Date, example = "2026-04-14", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<String>,
}

/// A batch has arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Receipt {
    /// What was counted on arrival; what was expected, where it is left out.
    #[schema(example = 98, minimum = 0, maximum = 1_000_000_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
}

/// What is said of a product: at least one of these. What is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PutProduct {
    /// What people call it from now on.
    #[schema(example = "Red desk lamp", min_length = 1, max_length = 200, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Units kept back from new promises from now on.
    #[schema(example = 5, minimum = 0, maximum = 1_000_000_000, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_stock: Option<u32>,
}

/// A product and its name, as a bulk line has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NamedProduct {
    /// The product; created if it is new.
    #[schema(example = "LAMP-RED", min_length = 1, max_length = 64)]
    pub sku: String,
    /// What people call it from now on.
    #[schema(example = "Red desk lamp", min_length = 1, max_length = 200)]
    pub name: String,
}

/// One line of a bulk request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkCommand {
    /// As `POST /v1/batches`.
    CreateBatch(CreateBatch),
    /// As `POST /v1/allocations`.
    Allocate(Allocate),
    /// As `POST /v1/orders`.
    PlaceOrder(PlaceOrder),
    /// As `PUT /v1/products/{sku}`.
    NameProduct(NamedProduct),
}

/// One line of a bulk answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BulkAnswer {
    /// The status that the single call would have had.
    #[schema(example = 201)]
    pub status: u16,
    /// The body that the single call would have had.
    pub body: serde_json::Value,
}

/// A batch in the book's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AddBatch {
    /// The batch's reference.
    #[serde(rename = "ref")]
    #[schema(example = "batch-001", min_length = 1, max_length = 64)]
    pub reference: String,
    /// The product.
    #[schema(example = "SMALL-TABLE", min_length = 1, max_length = 64)]
    pub sku: String,
    /// Units bought.
    #[schema(example = 20, minimum = 1, maximum = 1_000_000_000)]
    pub qty: u32,
    /// When it arrives, a date or a date-time; null: it is in the warehouse.
    #[schema(example = "2026-03-31")]
    pub eta: Option<String>,
}

/// An order line in the book's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AllocateLine {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub orderid: String,
    /// The product.
    #[schema(example = "SMALL-TABLE", min_length = 1, max_length = 64)]
    pub sku: String,
    /// The units it wants.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000_000)]
    pub qty: u32,
}

/// Where a line of an order has its stock, in the book's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BookAllocation {
    /// The product.
    #[schema(example = "SMALL-TABLE")]
    pub sku: String,
    /// The batch's reference.
    #[schema(example = "batch-001")]
    pub batchref: String,
}

/// An error in the book's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BookError {
    /// What is wrong.
    #[schema(example = "Invalid sku NONESUCH")]
    pub message: String,
}

/// Whether the service lives, or is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// Its place in the order of all events: rises in the order of commits, may have gaps.
    #[schema(example = 17)]
    pub sequence: u64,
    /// The same for every delivery of the event: repeats are known by it.
    #[schema(example = "17")]
    pub id: String,
    /// What kind of event it is.
    #[serde(rename = "type")]
    #[schema(example = "Allocated")]
    pub event_type: String,
    /// The product it is about; null for an event of a whole order.
    #[schema(example = "LAMP-RED", required)]
    pub sku: Option<String>,
    /// The version it raised the product to; null for an event of a whole order.
    #[schema(example = 4, required)]
    pub version: Option<u64>,
    /// The order it concerns; left out where it concerns none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "order-7")]
    pub order_id: Option<String>,
    /// When it was decided, in UTC.
    #[schema(format = DateTime, example = "2026-02-01T09:30:00Z")]
    pub occurred_at: String,
    /// Who caused it.
    #[schema(example = "http")]
    pub actor: String,
    /// The `x-request-id` of the request that caused it.
    #[schema(example = "0190a1b2-0000-7000-8000-000000000000")]
    pub correlation_id: String,
    /// What happened, by type.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventPage {
    /// Events, ascending.
    pub items: Vec<Event>,
    /// `after` of the next page. No event at or before it is ever added later.
    #[schema(example = 17)]
    pub next: u64,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Which one, as a path; empty for the body as a whole.
    #[schema(example = "lines[2].quantity")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must be a whole number from 1 to 1000000000, is 0")]
    pub message: String,
}

/// A line that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shortage {
    /// The line.
    #[schema(example = "1")]
    pub line_id: String,
    /// The product it wants.
    #[schema(example = "LAMP-RED")]
    pub sku: String,
    /// The units it wants.
    #[schema(example = 300)]
    pub requested: u32,
    /// Units that are available to it, the lines before it counted.
    #[schema(example = 70)]
    pub available: u64,
    /// Of these the most in one batch: what a line could get that may not be split.
    #[schema(example = 70)]
    pub largest_batch: u64,
    /// The smallest change that would have let it fit: one member, as a quote has it.
    #[schema(value_type = super::quoted::RemedyJson<'static>)]
    pub remedy: serde_json::Value,
}

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// `/problems/` and the code: a page that explains it.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid_request")]
    pub kind: String,
    /// The same for every problem of the kind.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// The status of the response.
    #[schema(example = 422)]
    pub status: u16,
    /// What went wrong this time, for people.
    #[schema(example = "lines[2].quantity must be a whole number from 1 to 1000000000, is 0")]
    pub detail: String,
    /// What went wrong, for machines.
    #[schema(example = "invalid_request")]
    pub code: String,
    /// `invalid_request`: every field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
    /// `out_of_stock` of an order, and `hold_expired` where the lines could not be had anew: every line that does not fit.
    /// Of a single line these members stand in the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortages: Option<Vec<Shortage>>,
    /// `unknown_sku`: the SKUs that are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<String>>,
}
