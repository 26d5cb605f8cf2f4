//! Decisions on subscriptions.

use serde::Serialize;
use utoipa::ToSchema;

/// Which events a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetters {
    /// Those with these sequences; all where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 10_000, example = json!([17]))]
    pub sequences: Option<Vec<u64>>,
}

/// A change of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeSubscription {
    /// Whether events are delivered.
    #[schema(example = true)]
    pub enabled: bool,
}
