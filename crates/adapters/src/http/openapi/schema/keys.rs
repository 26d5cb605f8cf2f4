//! Access keys to be made.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::views::keys::RoleWord;

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"name": "web-shop", "roles": ["admin"], "expires_at": "2126-01-31T00:00:00Z"}))]
pub struct NewKey {
    /// Its name: letters and digits of ASCII, and `.`, `-` and `_`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$", example = "web-shop")]
    pub name: String,
    /// What its holder may do.
    #[schema(min_items = 1, max_items = 5, example = json!(["admin"]))]
    pub roles: Vec<RoleWord>,
    /// How the orders begin that it knows of: up to 16 beginnings of ids. Left out or null: it knows of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 16)]
    pub orders_with_prefix: Option<Vec<String>>,
    /// How the SKUs begin that it knows of. Left out or null: it knows of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 16)]
    pub skus_with_prefix: Option<Vec<String>>,
    /// From when on it opens nothing; left out or null: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2126-01-31T00:00:00Z")]
    pub expires_at: Option<String>,
}

/// The new end of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyRotation {
    /// From when on it opens nothing; left out or null: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2126-01-31T00:00:00Z")]
    pub expires_at: Option<String>,
}
