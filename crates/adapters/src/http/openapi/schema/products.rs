//! The bodies of requests about products.

use serde::Serialize;
use utoipa::ToSchema;

/// The change of a product: at least one of these. What is left out stays unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PutProduct {
    /// Its name from now on.
    #[schema(example = "Red desk lamp", min_length = 1, max_length = 200, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Units kept back from new promises from now on.
    #[schema(example = 5, minimum = 0, maximum = 1_000_000_000, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_stock: Option<u32>,
}
