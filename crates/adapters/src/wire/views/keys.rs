//! Access keys: what may be shown of them.

use earmark_application::{AccessKey, Prefix, Prefixes, Role};
use jiff::Timestamp;
use serde::Serialize;

use super::list::Each;
use crate::wire::text::Text;

/// An access key, without what opens anything.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccessKey))]
pub struct KeyJson<'a> {
    /// Its name, by which events call its holder.
    #[cfg_attr(feature = "schema", schema(example = "web-shop"))]
    pub name: &'a str,
    /// What its holder may do.
    pub roles: Vec<RoleWord>,
    /// How the orders begin that it knows of; empty: it knows of all.
    pub orders_with_prefix: Vec<&'a str>,
    /// How the SKUs begin that it knows of; empty: it knows of all.
    pub skus_with_prefix: Vec<&'a str>,
    /// When it was made.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    pub created_at: Text<Timestamp>,
    /// From when on it opens nothing; null: it does not expire.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, required))]
    pub expires_at: Option<Text<Timestamp>>,
    /// When it was revoked.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, required))]
    pub revoked_at: Option<Text<Timestamp>>,
    /// When it was used last, to a minute.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, required))]
    pub last_used_at: Option<Text<Timestamp>>,
}

/// What somebody does in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Role))]
#[serde(rename_all = "snake_case")]
pub enum RoleWord {
    /// Reads.
    Viewer,
    /// Quotes, orders, holds, confirmations, cancellations.
    Sales,
    /// Receipts, dispatches, counts.
    Warehouse,
    /// Batches, dates, priorities, products.
    Planner,
    /// Keys, subscriptions, dead letters.
    Admin,
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Sales => Self::Sales,
            Role::Warehouse => Self::Warehouse,
            Role::Planner => Self::Planner,
            Role::Admin => Self::Admin,
        }
    }
}

impl<'a> From<&'a AccessKey> for KeyJson<'a> {
    fn from(key: &'a AccessKey) -> Self {
        Self {
            name: key.name.as_str(),
            roles: key.roles.iter().map(RoleWord::from).collect(),
            orders_with_prefix: texts(&key.bounds.orders),
            skus_with_prefix: texts(&key.bounds.skus),
            created_at: Text(key.created_at),
            expires_at: key.expires_at.map(Text),
            revoked_at: key.revoked_at.map(Text),
            last_used_at: key.last_used_at.map(Text),
        }
    }
}

fn texts(prefixes: &Prefixes) -> Vec<&str> {
    prefixes.iter().map(Prefix::as_str).collect()
}

/// All keys.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccessKeyPage))]
pub struct KeyPageJson<'a> {
    /// Keys, by name.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<KeyJson<'static>>))]
    pub items: Each<'a, AccessKey, KeyJson<'a>>,
    /// Always null: they are few.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<&'a str>,
}

/// A key with its secret.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SecretKey))]
pub struct SecretKeyJson<'a> {
    /// What its holder sends with each call: `Authorization: Bearer earmark_…`. It is shown this once; null in a preview.
    #[cfg_attr(feature = "schema", schema(required))]
    pub secret: Option<&'a str>,
    /// The key.
    pub key: KeyJson<'a>,
}
