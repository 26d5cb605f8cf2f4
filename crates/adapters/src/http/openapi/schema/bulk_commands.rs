//! The commands of a bulk stream that single calls send to a path: what is in the path there is a field here.

use serde::Serialize;
use utoipa::ToSchema;

use super::batches::{ChangeBatch, Receipt};
use super::orders::{ChangeLine, ChangeOrder, Confirmation, Dispatch, LinesNamed, OrderContent};
use super::products::PutProduct;

/// A product that a bulk line is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProductNamed {
    /// The product.
    #[schema(example = "LAMP-RED", min_length = 1, max_length = 64)]
    pub sku: String,
}

/// What a bulk line sets of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PutProductOf {
    /// The product; created if it is new.
    #[schema(example = "LAMP-RED", min_length = 1, max_length = 64)]
    pub sku: String,
    /// What it gets.
    #[serde(flatten)]
    pub product: PutProduct,
}

/// A batch that a bulk line is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchNamed {
    /// The batch.
    #[schema(example = "PO-1043", min_length = 1, max_length = 64)]
    pub reference: String,
}

/// What a bulk line changes of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeBatchOf {
    /// The batch.
    #[schema(example = "PO-1043", min_length = 1, max_length = 64)]
    pub reference: String,
    /// What changes.
    #[serde(flatten)]
    pub change: ChangeBatch,
}

/// A batch that has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptOf {
    /// The batch.
    #[schema(example = "PO-1043", min_length = 1, max_length = 64)]
    pub reference: String,
    /// What was counted.
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// An order that a bulk line is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderNamed {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
}

/// An order that a bulk line places, or replaces while it is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderContentOf {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// What it has from now on.
    #[serde(flatten)]
    pub content: OrderContent,
}

/// What a bulk line changes of the terms of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeOrderOf {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// What changes.
    #[serde(flatten)]
    pub change: ChangeOrder,
}

/// An order that a bulk line confirms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfirmationOf {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// What of it.
    #[serde(flatten)]
    pub confirmation: Confirmation,
}

/// An order of which a bulk line has units leave the building.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DispatchOf {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// What of it.
    #[serde(flatten)]
    pub dispatch: Dispatch,
}

/// An order that a bulk line is about, or lines of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LinesNamedOf {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// Which of its lines.
    #[serde(flatten)]
    pub lines: LinesNamed,
}

/// A line of an order that a bulk line is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineNamed {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// The line; the SKU for one placed without an id.
    #[schema(example = "1", min_length = 1, max_length = 64)]
    pub line_id: String,
}

/// The quantity that a bulk line gives a line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeLineOf {
    /// The order.
    #[schema(example = "order-9", min_length = 1, max_length = 64)]
    pub order_id: String,
    /// The line; the SKU for one placed without an id.
    #[schema(example = "1", min_length = 1, max_length = 64)]
    pub line_id: String,
    /// What changes.
    #[serde(flatten)]
    pub change: ChangeLine,
}
