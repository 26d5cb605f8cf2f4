//! Batches. Their sums follow from the allocations and dispatches.

use diesel::data_types::PgDate;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text};
use earmark_domain::BatchRecord;

use crate::postgres::rows::values::{pg_date, pg_units};
use crate::postgres::statement::{Statement, column, statement};

/// Inserts new batches.
pub(super) fn insert<'a>(batches: &[&'a BatchRecord]) -> Statement<'a> {
    statement(
        "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, created_eta, quantity, eta, \
         overdue, closed) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (reference) ORDER BY new.reference COLLATE \"C\"",
    )
    .array::<Text, _>(column(batches, |batch| batch.reference.as_str()))
    .array::<Text, _>(column(batches, |batch| batch.sku.as_str()))
    .array::<Text, _>(column(batches, |batch| batch.location.as_str()))
    .array::<BigInt, _>(column(batches, |batch| i64::from(batch.ordinal)))
    .array::<Integer, _>(column(batches, |batch| pg_units(batch.created_quantity.get())))
    .array::<Nullable<Date>, _>(column(batches, |batch| batch.created_eta.map(pg_date)) as Vec<Option<PgDate>>)
    .array::<Integer, _>(column(batches, |batch| pg_units(batch.quantity.get())))
    .array::<Nullable<Date>, _>(column(batches, |batch| batch.eta.map(pg_date)) as Vec<Option<PgDate>>)
    .array::<Bool, _>(column(batches, |batch| batch.overdue))
    .array::<Bool, _>(column(batches, |batch| batch.closed))
}

/// Updates batches.
pub(super) fn update<'a>(batches: &[&'a BatchRecord]) -> Statement<'a> {
    let references = column(batches, |batch| batch.reference.as_str());
    statement(
        "UPDATE batches SET quantity = new.quantity, eta = new.eta, overdue = new.overdue, closed = new.closed \
         FROM unnest(?, ?, ?, ?, ?) AS new (reference, quantity, eta, overdue, closed) \
         WHERE batches.reference = new.reference AND batches.reference = ANY (?)",
    )
    .array::<Text, _>(references.clone())
    .array::<Integer, _>(column(batches, |batch| pg_units(batch.quantity.get())))
    .array::<Nullable<Date>, _>(column(batches, |batch| batch.eta.map(pg_date)) as Vec<Option<PgDate>>)
    .array::<Bool, _>(column(batches, |batch| batch.overdue))
    .array::<Bool, _>(column(batches, |batch| batch.closed))
    .array::<Text, _>(references)
}
