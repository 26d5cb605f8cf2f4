//! Decisions on dead messages.

use serde::Serialize;
use utoipa::ToSchema;

/// Which messages a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadMessages {
    /// Those with these numbers; all where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 10_000, example = json!([1]))]
    pub numbers: Option<Vec<u64>>,
}
