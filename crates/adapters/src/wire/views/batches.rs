//! Batches.

use earmark_domain::BatchView;
use jiff::civil::Date;
use serde::Serialize;

use crate::wire::text::Text;
use crate::wire::words::BatchStatusJson;

/// A batch of stock.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Batch))]
pub struct BatchJson<'a> {
    /// Identifies the batch in the whole system.
    #[cfg_attr(feature = "schema", schema(example = "PO-1042"))]
    reference: &'a str,
    /// The product it is of.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// Where it lies or will lie.
    #[cfg_attr(feature = "schema", schema(example = "main"))]
    location: &'a str,
    /// Units bought or counted.
    #[cfg_attr(feature = "schema", schema(example = 100, minimum = 0, maximum = 1_000_000_000))]
    quantity: u32,
    /// Units allocated to order lines.
    #[cfg_attr(feature = "schema", schema(example = 30))]
    allocated: u64,
    /// Units that have been dispatched.
    #[cfg_attr(feature = "schema", schema(example = 0))]
    dispatched: u64,
    /// Units that can be promised: `quantity − allocated − dispatched`.
    #[cfg_attr(feature = "schema", schema(example = 70))]
    available: u64,
    /// When it arrives; null: it is in the warehouse.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-31", required)
    )]
    eta: Option<Text<Date>>,
    /// Its status.
    status: BatchStatusJson,
}

impl<'a> From<&'a BatchView> for BatchJson<'a> {
    fn from(view: &'a BatchView) -> Self {
        Self {
            reference: view.record.reference.as_str(),
            sku: view.record.sku.as_str(),
            location: view.record.location.as_str(),
            quantity: view.record.quantity.get(),
            allocated: view.record.allocated.get(),
            dispatched: view.record.dispatched.get(),
            available: view.available.get(),
            eta: view.record.eta.map(Text),
            status: view.status.into(),
        }
    }
}
