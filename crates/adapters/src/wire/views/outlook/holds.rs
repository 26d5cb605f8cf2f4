//! Holds that end soon.

use earmark_application::{EndingHolds, HOLDS_END_WITHIN};
use jiff::Timestamp;
use serde::Serialize;

use crate::wire::text::Text;
use crate::wire::views::list::Each;

/// Units whose hold ends within some minutes.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = UnitsWithin))]
pub struct UnitsWithinJson {
    /// The minutes.
    #[cfg_attr(feature = "schema", schema(example = 15))]
    minutes: i64,
    /// The units: those within fewer minutes are among them.
    #[cfg_attr(feature = "schema", schema(example = 4))]
    units: u64,
}

/// The holds on a product that end soon.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = EndingHolds))]
pub struct EndingHoldsJson<'a> {
    /// The product.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// When the first of them ends, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-03T11:00:00Z"))]
    first_ends_at: Text<Timestamp>,
    /// How many units leave the carts by when, unless they are confirmed.
    ending: Vec<UnitsWithinJson>,
}

impl<'a> From<&'a EndingHolds> for EndingHoldsJson<'a> {
    fn from(holds: &'a EndingHolds) -> Self {
        let ending = HOLDS_END_WITHIN.into_iter().zip(&holds.units);
        let ending = ending.map(|(minutes, units)| UnitsWithinJson {
            minutes,
            units: units.get(),
        });
        Self {
            sku: holds.sku.as_str(),
            first_ends_at: Text(holds.first),
            ending: ending.collect(),
        }
    }
}

/// A page of products with holds that end soon.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = EndingHoldsPage))]
pub struct EndingHoldsPageJson<'a> {
    /// Products, by SKU.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<EndingHoldsJson<'static>>))]
    pub items: Each<'a, EndingHolds, EndingHoldsJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED", required))]
    pub next: Option<&'a str>,
}
