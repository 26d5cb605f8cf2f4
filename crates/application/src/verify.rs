//! Verify: holds every stored balance against the allocations and the events.
use crate::{Queries, StoreError};

/// What was checked, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was checked, with how many: ("batches", 45692), …
    pub checked: Vec<(&'static str, u64)>,
    /// Everything that can't be true, told for people.
    pub discrepancies: Vec<String>,
}

/// Checks everything.
///
/// # Errors
/// When the store can't be asked.
pub async fn verify(_queries: &dyn Queries) -> Result<Report, StoreError> { todo!() }
