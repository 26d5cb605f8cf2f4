//! Facts about products.

use earmark_domain::{Count, Fact, ProductName};

use super::values::{count, product_name};

#[derive(serde::Deserialize)]
pub(super) struct ProductNamed {
    #[serde(deserialize_with = "product_name")]
    name: ProductName,
}

impl From<ProductNamed> for Fact {
    fn from(ProductNamed { name }: ProductNamed) -> Self {
        Self::ProductNamed { name }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct SafetyStockChanged {
    #[serde(deserialize_with = "count")]
    from: Count,
    #[serde(deserialize_with = "count")]
    to: Count,
}

impl From<SafetyStockChanged> for Fact {
    fn from(SafetyStockChanged { from, to }: SafetyStockChanged) -> Self {
        Self::SafetyStockChanged { from, to }
    }
}
