//! Batches. Their sums follow from the allocations and dispatches.

use diesel::data_types::PgDate;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text};
use earmark_domain::{BatchRecord, Count, Receipt};

use crate::postgres::rows::values::{pg_date, pg_units};
use crate::postgres::statement::{Statement, column, statement};

/// Inserts new batches.
pub(super) fn insert<'a>(batches: &[&'a BatchRecord]) -> Statement<'a> {
    statement(
        "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, created_eta, quantity, eta, \
         overdue, closed, received_eta, received_expected, received_counted) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (reference) ORDER BY new.reference COLLATE \"C\"",
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
    .array::<Nullable<Date>, _>(received_etas(batches))
    .array::<Nullable<Integer>, _>(received_units(batches, |receipt| receipt.expected))
    .array::<Nullable<Integer>, _>(received_units(batches, |receipt| receipt.counted))
}

/// When the batches that were received were to arrive.
fn received_etas(batches: &[&BatchRecord]) -> Vec<Option<PgDate>> {
    column(batches, |batch| batch.receipt.map(|receipt| pg_date(receipt.eta)))
}

/// A quantity of the receipts of the batches that were received.
fn received_units(batches: &[&BatchRecord], of: impl Fn(Receipt) -> Count) -> Vec<Option<i32>> {
    column(batches, |batch| {
        batch.receipt.map(|receipt| pg_units(of(receipt).get()))
    })
}

/// Updates batches.
pub(super) fn update<'a>(batches: &[&'a BatchRecord]) -> Statement<'a> {
    let references = column(batches, |batch| batch.reference.as_str());
    statement(
        "UPDATE batches SET quantity = new.quantity, eta = new.eta, overdue = new.overdue, closed = new.closed, \
         received_eta = new.received_eta, received_expected = new.received_expected, \
         received_counted = new.received_counted \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) AS new (reference, quantity, eta, overdue, closed, received_eta, \
         received_expected, received_counted) \
         WHERE batches.reference = new.reference AND batches.reference = ANY (?)",
    )
    .array::<Text, _>(references.clone())
    .array::<Integer, _>(column(batches, |batch| pg_units(batch.quantity.get())))
    .array::<Nullable<Date>, _>(column(batches, |batch| batch.eta.map(pg_date)) as Vec<Option<PgDate>>)
    .array::<Bool, _>(column(batches, |batch| batch.overdue))
    .array::<Bool, _>(column(batches, |batch| batch.closed))
    .array::<Nullable<Date>, _>(received_etas(batches))
    .array::<Nullable<Integer>, _>(received_units(batches, |receipt| receipt.expected))
    .array::<Nullable<Integer>, _>(received_units(batches, |receipt| receipt.counted))
    .array::<Text, _>(references)
}
