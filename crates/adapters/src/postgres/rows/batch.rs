//! Batches.

use diesel::data_types::PgDate;
use diesel::{Queryable, Selectable};
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, Count, Location, Quantity, Reference, Sku};

use super::values::Times;
use crate::postgres::schema::batches;
use crate::sql::decode::RowContext;

/// A row of `batches`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = batches, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct BatchRow {
    pub(in crate::postgres) reference: String,
    sku: String,
    location: String,
    ordinal: i32,
    created_quantity: i32,
    quantity: i32,
    allocated: i64,
    dispatched: i64,
    eta: Option<PgDate>,
    overdue: bool,
    created_eta: Option<PgDate>,
    closed: bool,
}

impl TryFrom<BatchRow> for BatchRecord {
    type Error = StoreError;

    fn try_from(row: BatchRow) -> Result<Self, StoreError> {
        let at = RowContext {
            table: "batches",
            key: &row.reference,
        };
        Ok(Self {
            reference: at.read("reference", Reference::new(&row.reference))?,
            sku: at.read("sku", Sku::new(row.sku))?,
            location: at.read("location", Location::new(row.location))?,
            ordinal: at.read("ordinal", u32::try_from(row.ordinal))?,
            created_quantity: at.read("created_quantity", Quantity::new(row.created_quantity))?,
            created_eta: at.date_if_any("created_eta", row.created_eta)?,
            quantity: at.read("quantity", Count::new(row.quantity))?,
            allocated: at.units("allocated", row.allocated)?,
            dispatched: at.units("dispatched", row.dispatched)?,
            eta: at.date_if_any("eta", row.eta)?,
            overdue: row.overdue,
            closed: row.closed,
        })
    }
}
