//! What can be promised of a product, by date.

use earmark_domain::{Availability, AvailableOn, Sku};
use jiff::civil::Date;
use serde::Serialize;

use super::list::Each;
use crate::wire::text::Text;

/// What can be promised by a day.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AvailableOn))]
pub struct AvailableOnJson {
    /// The day.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2036-03-31"))]
    on: Text<Date>,
    /// Units that can leave on that day or before.
    #[cfg_attr(feature = "schema", schema(example = 110))]
    available: u64,
}

impl From<&AvailableOn> for AvailableOnJson {
    fn from(available: &AvailableOn) -> Self {
        Self {
            on: Text(available.on),
            available: available.available.get(),
        }
    }
}

/// What can be promised of a product, by date.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Availability))]
pub struct AvailabilityJson<'a> {
    /// The product.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// Units that can leave today.
    #[cfg_attr(feature = "schema", schema(example = 40))]
    available_now: u64,
    /// From today on, each day on which more can leave than before.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AvailableOnJson>))]
    timeline: Each<'a, AvailableOn, AvailableOnJson>,
}

impl<'a> AvailabilityJson<'a> {
    /// The availability of this product.
    #[must_use]
    pub fn of(sku: &'a Sku, availability: &'a Availability) -> Self {
        Self {
            sku: sku.as_str(),
            available_now: availability.available_now.get(),
            timeline: Each::of(&availability.timeline),
        }
    }
}
