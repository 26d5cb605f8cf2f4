//! Batches.

use diesel::data_types::PgDate;
use diesel::{Queryable, Selectable};
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, Count, Location, Quantity, Receipt, Reference, Sku};

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
    received_eta: Option<PgDate>,
    received_expected: Option<i32>,
    received_counted: Option<i32>,
}

impl TryFrom<BatchRow> for BatchRecord {
    type Error = StoreError;

    fn try_from(row: BatchRow) -> Result<Self, StoreError> {
        let at = RowContext {
            table: "batches",
            key: &row.reference,
        };
        let receipt = match (row.received_eta, row.received_expected, row.received_counted) {
            (Some(eta), Some(expected), Some(counted)) => Some(Receipt {
                eta: at.date("received_eta", eta)?,
                expected: at.read("received_expected", Count::new(expected))?,
                counted: at.read("received_counted", Count::new(counted))?,
            }),
            _ => None,
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
            receipt,
            closed: row.closed,
        })
    }
}
