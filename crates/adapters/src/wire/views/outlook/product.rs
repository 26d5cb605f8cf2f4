//! A product in time.

use earmark_application::{BatchInTime, ProductInTime};
use earmark_domain::AvailableOn;
use serde::Serialize;

use crate::wire::views::availability::AvailableOnJson;
use crate::wire::views::batches::BatchJson;
use crate::wire::views::list::Each;
use crate::wire::views::products::SummaryJson;

/// A batch, with what its units are.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BatchInTime))]
pub struct BatchInTimeJson<'a> {
    #[serde(flatten)]
    batch: BatchJson<'a>,
    /// Of its allocated units, those that are promised, and firm.
    #[cfg_attr(feature = "schema", schema(example = 24))]
    firm: u64,
    /// Of its allocated units, those that are held until a deadline.
    #[cfg_attr(feature = "schema", schema(example = 6))]
    held: u64,
    /// Of its available units, those that are not offered: as safety stock, or because it is overdue for too long.
    #[cfg_attr(feature = "schema", schema(example = 0))]
    kept_back: u64,
    /// Of its available units, those that are offered.
    #[cfg_attr(feature = "schema", schema(example = 70))]
    free: u64,
}

impl<'a> From<&'a BatchInTime> for BatchInTimeJson<'a> {
    fn from(BatchInTime { batch, composition }: &'a BatchInTime) -> Self {
        Self {
            batch: batch.into(),
            firm: composition.allocated.get(),
            held: composition.held.get(),
            kept_back: composition.kept_back.get(),
            free: composition.free.get(),
        }
    }
}

/// A product in time.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ProductInTime))]
pub struct ProductInTimeJson<'a> {
    #[serde(flatten)]
    summary: SummaryJson<'a>,
    /// From today on, each day on which more can be promised than before.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AvailableOnJson>))]
    timeline: Each<'a, AvailableOn, AvailableOnJson>,
    /// Its batches that are neither closed nor used up, in the order they are tried.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<BatchInTimeJson<'static>>))]
    batches: Each<'a, BatchInTime, BatchInTimeJson<'a>>,
    /// The units that are missing: those that lines wait for.
    #[cfg_attr(feature = "schema", schema(example = 0))]
    missing: u64,
}

impl<'a> From<&'a ProductInTime> for ProductInTimeJson<'a> {
    fn from(product: &'a ProductInTime) -> Self {
        Self {
            summary: (&product.product).into(),
            timeline: Each::of(&product.availability.timeline),
            batches: Each::of(&product.batches),
            missing: product.missing.get(),
        }
    }
}
