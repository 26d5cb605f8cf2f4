//! The answers of the probes.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether the service is alive, or ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// Which of them.
    pub status: HealthStatus,
}

/// What a probe has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// The process answers.
    Live,
    /// The service takes work.
    Ready,
}
