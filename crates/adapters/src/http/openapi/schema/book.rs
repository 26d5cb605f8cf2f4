//! The bodies of the book's API.

use serde::Serialize;
use utoipa::ToSchema;

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
    #[schema(example = "2036-03-31")]
    pub eta: Option<String>,
}

/// An order line in the book's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AllocateLine {
    /// The order.
    #[schema(example = "order-10", min_length = 1, max_length = 64)]
    pub orderid: String,
    /// The product.
    #[schema(example = "SMALL-TABLE", min_length = 1, max_length = 64)]
    pub sku: String,
    /// The quantity.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000_000)]
    pub qty: u32,
}

/// A batch with units of an order line, in the book's words.
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
