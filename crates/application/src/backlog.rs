//! The backlog's follow-up: serves what a transaction had to leave.
use crate::{Engine, Queries, StoreError};

/// Serves one page of each backlog that is owed one; says how many products it went through.
///
/// # Errors
/// When the store can't be asked.
pub async fn serve_backlogs(_engine: &Engine, _queries: &dyn Queries) -> Result<usize, StoreError> { todo!() }
