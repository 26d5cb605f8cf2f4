//! Facts about products.

use earmark_domain::{Count, Fact, ProductName};

use super::values::{count, product_name};

/// A product got a name, or another one.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct ProductNamed {
    /// Its name from now on.
    #[serde(deserialize_with = "product_name")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "Red desk lamp", min_length = 1, max_length = 200))]
    name: ProductName,
}

impl From<ProductNamed> for Fact {
    fn from(ProductNamed { name }: ProductNamed) -> Self {
        Self::ProductNamed { name }
    }
}

/// The safety stock of a product was set: the units of it that are promised to nobody.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct SafetyStockChanged {
    /// The units that were kept back before.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    from: Count,
    /// The units that are kept back now.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    to: Count,
}

impl From<SafetyStockChanged> for Fact {
    fn from(SafetyStockChanged { from, to }: SafetyStockChanged) -> Self {
        Self::SafetyStockChanged { from, to }
    }
}

/// The last units of a product that could be promised are gone: an event without fields of its own.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct StockDepleted {}

impl From<StockDepleted> for Fact {
    fn from(StockDepleted {}: StockDepleted) -> Self {
        Self::StockDepleted
    }
}

/// A product that was depleted has units to promise again: an event without fields of its own.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct StockReplenished {}

impl From<StockReplenished> for Fact {
    fn from(StockReplenished {}: StockReplenished) -> Self {
        Self::StockReplenished
    }
}
