//! The answers of the probes.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether the service is alive, or ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
}
