//! Writing: tables, row by row, as CSV or NDJSON.

mod allocation_row;
mod audit_row;
mod backlog_row;
mod batch_row;
mod event_row;
mod order_row;
mod table;
#[cfg(test)]
mod tests;

pub use allocation_row::AllocationRow;
pub use audit_row::AuditRow;
pub use backlog_row::BacklogRow;
pub use batch_row::BatchRow;
pub use event_row::EventRow;
pub use order_row::OrderRow;
pub use table::{Exported, Table};
