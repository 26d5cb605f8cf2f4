//! Products and their stock.

use earmark_application::ProductView;
use earmark_domain::BatchView;
use serde::Serialize;

use super::batches::BatchJson;
use super::list::Each;

/// The totals of a product's stock.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ProductSummary))]
pub struct SummaryJson<'a> {
    /// Identifies the product.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// Its name; null where none was given.
    #[cfg_attr(feature = "schema", schema(example = "Red desk lamp", required))]
    name: Option<&'a str>,
    /// Units in the warehouse, allocated ones among them.
    #[cfg_attr(feature = "schema", schema(example = 40))]
    on_hand: u64,
    /// Units on their way.
    #[cfg_attr(feature = "schema", schema(example = 100))]
    inbound: u64,
    /// Units allocated.
    #[cfg_attr(feature = "schema", schema(example = 30))]
    allocated: u64,
    /// Units that have been dispatched.
    #[cfg_attr(feature = "schema", schema(example = 0))]
    dispatched: u64,
    /// Units kept back from new promises.
    #[cfg_attr(feature = "schema", schema(example = 0, minimum = 0, maximum = 1_000_000_000))]
    safety_stock: u32,
    /// Units that can be promised: what is available in its batches, but for those too long overdue, less the safety
    /// stock.
    #[cfg_attr(feature = "schema", schema(example = 110))]
    available: u64,
    /// Units that order lines in the backlog wait for.
    #[cfg_attr(feature = "schema", schema(example = 0))]
    backordered: u64,
    /// Rises with each change of the product.
    #[cfg_attr(feature = "schema", schema(example = 4))]
    version: u64,
}

impl<'a> From<&'a ProductView> for SummaryJson<'a> {
    fn from(ProductView { summary, available }: &'a ProductView) -> Self {
        Self {
            sku: summary.sku.as_str(),
            name: summary.name.as_ref().map(|name| name.as_str()),
            on_hand: summary.on_hand.get(),
            inbound: summary.inbound.get(),
            allocated: summary.allocated.get(),
            dispatched: summary.dispatched.get(),
            safety_stock: summary.safety_stock.get(),
            available: available.get(),
            backordered: summary.backordered.get(),
            version: summary.version,
        }
    }
}

/// A product with its batches.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Product))]
pub struct ProductJson<'a> {
    #[serde(flatten)]
    summary: SummaryJson<'a>,
    /// Its batches, in the order they are tried.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<BatchJson<'static>>))]
    batches: Each<'a, BatchView, BatchJson<'a>>,
}

impl<'a> ProductJson<'a> {
    /// A product with its batches.
    pub fn of(product: &'a ProductView, batches: &'a [BatchView]) -> Self {
        Self {
            summary: product.into(),
            batches: Each::of(batches),
        }
    }
}
