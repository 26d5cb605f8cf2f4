//! The lines of a bulk stream.

use serde::Serialize;
use utoipa::ToSchema;

use super::batches::CreateBatch;
use super::orders::{Allocate, PlaceOrder};
use super::products::PutProductOf;

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
    /// The body that the single call would have had.
    pub body: serde_json::Value,
}
