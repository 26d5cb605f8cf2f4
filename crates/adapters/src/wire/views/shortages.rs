//! Why a line does not fit, and the smallest change with which it would.

use earmark_domain::{Remedy, Shortage};
use serde::Serialize;

/// The smallest change with which a line would have fitted: one of these.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Remedy))]
#[serde(rename_all = "snake_case")]
pub enum RemedyJson<'a> {
    /// Allow the line to be split over several batches.
    Split(bool),
    /// Allow this location as well.
    Location(&'a str),
    /// Lower the safety stock of the product to this.
    SafetyStock(u32),
    /// Lower the quantity to this.
    Quantity(u32),
    /// Add this many units of stock: there are none for the line.
    MoreStock(u64),
}

impl<'a> From<&'a Remedy> for RemedyJson<'a> {
    fn from(remedy: &'a Remedy) -> Self {
        match remedy {
            Remedy::Split => Self::Split(true),
            Remedy::Location(location) => Self::Location(location.as_str()),
            Remedy::SafetyStock(units) => Self::SafetyStock(units.get()),
            Remedy::Quantity(units) => Self::Quantity(units.get()),
            Remedy::MoreStock(units) => Self::MoreStock(units.get()),
        }
    }
}

/// A line that does not fit.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Shortage))]
pub struct ShortageJson<'a> {
    /// The line.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    line_id: &'a str,
    /// Its product.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// Its quantity.
    #[cfg_attr(feature = "schema", schema(example = 300))]
    requested: u32,
    /// Units that are available to it, after the lines before it.
    #[cfg_attr(feature = "schema", schema(example = 70))]
    available: u64,
    /// The most of these in one batch: what a line can get that must not be split.
    #[cfg_attr(feature = "schema", schema(example = 70))]
    largest_batch: u64,
    /// The smallest change with which it would have fitted: one member, as in a quote.
    #[cfg_attr(feature = "schema", schema(value_type = RemedyJson<'static>))]
    remedy: RemedyJson<'a>,
}

impl<'a> From<&'a Shortage> for ShortageJson<'a> {
    fn from(shortage: &'a Shortage) -> Self {
        Self {
            line_id: shortage.key.line.as_str(),
            sku: shortage.sku.as_str(),
            requested: shortage.requested.get(),
            available: shortage.available.get(),
            largest_batch: shortage.largest_batch.get(),
            remedy: (&shortage.remedy).into(),
        }
    }
}
