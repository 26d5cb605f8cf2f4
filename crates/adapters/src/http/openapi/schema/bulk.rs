//! The lines of a bulk stream.

use serde::Serialize;
use utoipa::ToSchema;

use super::batches::CreateBatch;
use super::orders::{Allocate, PlaceOrder};
use super::problem::Problem;
use super::products::PutProductOf;
use crate::wire::views::batches::BatchJson;
use crate::wire::views::orders::{LineJson, OrderJson};
use crate::wire::views::products::ProductJson;

/// One line of a bulk request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkCommand {
    /// As in `POST /v1/batches`.
    CreateBatch(CreateBatch),
    /// As in `POST /v1/allocations`.
    Allocate(Allocate),
    /// As in `POST /v1/orders`.
    PlaceOrder(PlaceOrder),
    /// As in `PUT /v1/products/{sku}`.
    PutProduct(PutProductOf),
}

/// One line of a bulk answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BulkAnswer {
    /// The status that the single call would have had.
    #[schema(example = 201)]
    pub status: u16,
    /// Present and true where the command changed nothing, since what it asks for had been done before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<bool>,
    /// The body that the single call would have had.
    #[schema(value_type = BulkBody)]
    pub body: serde_json::Value,
}

/// The body of a single call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum BulkBody {
    /// Of a batch that was created.
    Batch(BatchJson<'static>),
    /// Of a line that was allocated.
    Line(LineJson<'static>),
    /// Of an order that was placed.
    Order(OrderJson<'static>),
    /// Of a product that was set.
    Product(ProductJson<'static>),
    /// Of a command that failed.
    Problem(Problem),
}
