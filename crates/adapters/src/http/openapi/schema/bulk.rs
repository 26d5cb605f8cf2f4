//! The lines of a bulk stream.

use serde::Serialize;
use utoipa::ToSchema;

use super::batches::CreateBatch;
use super::bulk_commands::{
    BatchNamed, ChangeBatchOf, ChangeLineOf, ChangeOrderOf, ConfirmationOf, DispatchOf, LineNamed, LinesNamedOf,
    OrderContentOf, OrderNamed, ProductNamed, PutProductOf, ReceiptOf,
};
use super::orders::{Allocate, PlaceOrder, Quote};
use super::problem::Problem;
use crate::wire::views::batches::BatchJson;
use crate::wire::views::effects::{BatchChangeJson, BatchReceiptJson, OrderChangeJson, ReallocationJson};
use crate::wire::views::orders::{DispatchedOrderJson, LineJson, OrderJson};
use crate::wire::views::products::ProductJson;
use crate::wire::views::quotes::QuoteJson;

/// One line of a bulk request: a command under the name of its call. What that call has in its path is a field here.
///
/// The examples of the alternatives, in this order, are a day of one order: each can be sent after those before it.
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
    /// As in `PATCH /v1/batches/{reference}`.
    ChangeBatch(ChangeBatchOf),
    /// As in `POST /v1/batches/{reference}/receipt`.
    ReceiveBatch(ReceiptOf),
    /// As in `POST /v1/products/{sku}/reallocation`.
    Reallocate(ProductNamed),
    /// As in `PUT /v1/orders/{order_id}`.
    ReplaceOrder(OrderContentOf),
    /// As in `POST /v1/orders/{order_id}/confirmation`.
    ConfirmOrder(ConfirmationOf),
    /// As in `PATCH /v1/orders/{order_id}`.
    ChangeOrder(ChangeOrderOf),
    /// As in `PATCH /v1/orders/{order_id}/lines/{line_id}`.
    ChangeLine(ChangeLineOf),
    /// As in `POST /v1/orders/{order_id}/dispatch`.
    DispatchOrder(DispatchOf),
    /// As in `DELETE /v1/orders/{order_id}/dispatch`.
    UndoDispatch(LinesNamedOf),
    /// As in `DELETE /v1/batches/{reference}/receipt`.
    UndoReceipt(BatchNamed),
    /// As in `DELETE /v1/orders/{order_id}/lines/{line_id}`.
    CancelLine(LineNamed),
    /// As in `DELETE /v1/orders/{order_id}`.
    CancelOrder(OrderNamed),
    /// As in `DELETE /v1/batches/{reference}`.
    CancelBatch(BatchNamed),
    /// As in `POST /v1/quotes`.
    Quote(Quote),
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
    /// Of a batch that was changed or cancelled.
    BatchChange(BatchChangeJson<'static>),
    /// Of a batch that was received.
    BatchReceipt(BatchReceiptJson<'static>),
    /// Of a line that was allocated.
    Line(LineJson<'static>),
    /// Of an order that was placed, replaced or confirmed, or of which a line was changed.
    Order(OrderJson<'static>),
    /// Of an order of which units left the building.
    DispatchedOrder(DispatchedOrderJson<'static>),
    /// Of an order whose terms were changed.
    OrderChange(OrderChangeJson<'static>),
    /// Of a product that was set.
    Product(ProductJson<'static>),
    /// Of lines that moved to better stock.
    Reallocation(ReallocationJson<'static>),
    /// Of a quote.
    Quote(QuoteJson<'static>),
    /// Of a command that failed.
    Problem(Problem),
}
