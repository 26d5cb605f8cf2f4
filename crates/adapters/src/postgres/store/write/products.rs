//! Products.

use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use earmark_domain::ProductRecord;

use crate::postgres::rows::values::{pg_instant, pg_units};
use crate::postgres::statement::{Statement, column, statement};
use crate::sql::decode::counter;
use crate::sql::pending;

/// Binds the columns that new and changed products share.
fn bind_products<'a>(statement: Statement<'a>, products: &[&'a ProductRecord]) -> Statement<'a> {
    statement
        .array::<Text, _>(column(products, |product| product.sku.as_str()))
        .array::<Nullable<Text>, _>(column(products, |product| {
            product.name.as_ref().map(|name| name.as_str())
        }))
        .array::<BigInt, _>(column(products, |product| counter(product.version)))
        .array::<BigInt, _>(column(products, |product| i64::from(product.batches_created)))
        .array::<Integer, _>(column(products, |product| pg_units(product.safety_stock.get())))
        .array::<Bool, _>(column(products, |product| product.depleted))
        .array::<Nullable<Timestamptz>, _>(column(products, |product| product.next_expiry.map(pg_instant)))
        .array::<Bool, _>(column(products, |product| product.at_risk))
        .array::<Nullable<Text>, _>(column(products, |product| {
            product.pending.as_ref().map(pending::to_json)
        }))
        .array::<Nullable<BigInt>, _>(column(products, |product| {
            product.expiry_step.map(|step| counter(step.before))
        }))
        .array::<Nullable<BigInt>, _>(column(products, |product| {
            product.expiry_step.map(|step| counter(step.after))
        }))
}

/// Inserts new products.
pub(super) fn insert<'a>(products: &[&'a ProductRecord]) -> Statement<'a> {
    bind_products(
        statement(
            "INSERT INTO products \
             (sku, name, version, batches_created, safety_stock, depleted, next_expiry, at_risk, pending, \
             expired_from, expired_to) SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (sku) ORDER BY new.sku COLLATE \"C\"",
        ),
        products,
    )
}

/// Updates products that still have the version that was read.
pub(super) fn update<'a>(products: &[(u64, &'a ProductRecord)]) -> Statement<'a> {
    let records: Vec<&ProductRecord> = products.iter().map(|(_, record)| *record).collect();
    bind_products(
        statement(
            "UPDATE products SET name = new.name, version = new.version, batches_created = new.batches_created, \
             safety_stock = new.safety_stock, depleted = new.depleted, next_expiry = new.next_expiry, \
             at_risk = new.at_risk, pending = new.pending, expired_from = new.expired_from, expired_to = new.expired_to \
             FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (sku, name, version, batches_created, safety_stock, \
             depleted, next_expiry, at_risk, pending, expired_from, expired_to, read_version) \
             WHERE products.sku = new.sku AND products.version = new.read_version AND products.sku = ANY (?)",
        ),
        &records,
    )
    .array::<BigInt, _>(products.iter().map(|(read, _)| counter(*read)).collect())
    .array::<Text, _>(column(&records, |product| product.sku.as_str()))
}
