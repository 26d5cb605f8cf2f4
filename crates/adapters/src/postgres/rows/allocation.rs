//! Units in batches: earmarked for a line, or dispatched.

use diesel::data_types::PgTimestamp;
use diesel::{Queryable, Selectable};
use earmark_application::StoreError;
use earmark_domain::{AllocationRecord, DispatchRecord, Quantity, Reference};

use super::values::Times;
use crate::postgres::schema::{allocations, dispatches};
use crate::sql::decode::RowContext;

/// A row of the view `allocations`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = allocations, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct AllocationRow {
    order_id: String,
    line_id: String,
    batch: String,
    quantity: i32,
    allocated_version: i64,
    release_rank: i64,
}

impl TryFrom<AllocationRow> for AllocationRecord {
    type Error = StoreError;

    fn try_from(row: AllocationRow) -> Result<Self, StoreError> {
        let key = format!("{}/{} in {}", row.order_id, row.line_id, row.batch);
        let at = RowContext {
            table: "allocations",
            key: &key,
        };
        Ok(Self {
            key: at.line_key(&row.order_id, &row.line_id)?,
            batch: at.read("batch", Reference::new(&row.batch))?,
            quantity: at.read("quantity", Quantity::new(row.quantity))?,
            release_rank: at.release_rank("release_rank", row.release_rank)?,
            allocated_version: at.read("allocated_version", u64::try_from(row.allocated_version))?,
        })
    }
}

/// A row of `dispatches`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dispatches, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct DispatchRow {
    order_id: String,
    line_id: String,
    batch: String,
    quantity: i32,
    allocated_version: i64,
    dispatched_version: i64,
    dispatched_at: PgTimestamp,
}

impl TryFrom<DispatchRow> for DispatchRecord {
    type Error = StoreError;

    fn try_from(row: DispatchRow) -> Result<Self, StoreError> {
        let key = format!("{}/{} from {}", row.order_id, row.line_id, row.batch);
        let at = RowContext {
            table: "dispatches",
            key: &key,
        };
        Ok(Self {
            key: at.line_key(&row.order_id, &row.line_id)?,
            batch: at.read("batch", Reference::new(&row.batch))?,
            quantity: at.read("quantity", Quantity::new(row.quantity))?,
            allocated_version: at.read("allocated_version", u64::try_from(row.allocated_version))?,
            dispatched_version: at.read("dispatched_version", u64::try_from(row.dispatched_version))?,
            dispatched_at: at.instant("dispatched_at", row.dispatched_at)?,
        })
    }
}
