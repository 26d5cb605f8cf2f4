//! Products and batches.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};
use diesel::sqlite::Sqlite;
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, Count, Location, ProductName, ProductRecord, Quantity, Receipt, Reference, Sku};
use jiff::Timestamp;

use super::super::schema::{batches, products};
use super::Times;
use crate::sql::decode::{RowContext, counter};
use crate::sql::pending;

/// A product as it is read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = products, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct ProductRow {
    pub(in crate::sqlite) sku: String,
    name: Option<String>,
    version: i64,
    batches_created: i64,
    safety_stock: i64,
    depleted: bool,
    next_expiry: Option<i64>,
    at_risk: bool,
    pending: Option<String>,
    expired_from: Option<i64>,
    expired_to: Option<i64>,
}

/// A product's record.
pub(in crate::sqlite) fn product(row: ProductRow) -> Result<ProductRecord, StoreError> {
    let at = RowContext {
        table: "products",
        key: &row.sku,
    };
    let expiry = |until| at.instant("next_expiry", until);
    let sku = at.read("sku", Sku::new(&row.sku))?;
    let work = row.pending.map(|json| pending::from_json(&sku, &json));
    Ok(ProductRecord {
        pending: work.transpose()?,
        name: at.read("name", row.name.map(ProductName::new).transpose())?,
        version: at.read("version", u64::try_from(row.version))?,
        batches_created: at.read("batches_created", u32::try_from(row.batches_created))?,
        safety_stock: at.read("safety_stock", Count::new(row.safety_stock))?,
        depleted: row.depleted,
        at_risk: row.at_risk,
        expiry_step: at.expiry_step(row.expired_from, row.expired_to)?,
        next_expiry: row.next_expiry.map(expiry).transpose()?,
        sku,
    })
}

/// A product as it is written, whole: `None` is NULL.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = products, primary_key(sku))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(in crate::sqlite) struct ProductValues<'a> {
    sku: &'a str,
    name: Option<&'a str>,
    version: i64,
    batches_created: i64,
    safety_stock: i64,
    depleted: bool,
    next_expiry: Option<i64>,
    at_risk: bool,
    pending: Option<String>,
    expired_from: Option<i64>,
    expired_to: Option<i64>,
}

/// A product's row.
pub(in crate::sqlite) fn product_values(product: &ProductRecord) -> ProductValues<'_> {
    ProductValues {
        sku: product.sku.as_str(),
        name: product.name.as_ref().map(ProductName::as_str),
        version: counter(product.version),
        batches_created: i64::from(product.batches_created),
        safety_stock: i64::from(product.safety_stock.get()),
        depleted: product.depleted,
        next_expiry: product.next_expiry.map(Timestamp::as_microsecond),
        at_risk: product.at_risk,
        pending: product.pending.as_ref().map(pending::to_json),
        expired_from: product.expiry_step.map(|step| counter(step.before)),
        expired_to: product.expiry_step.map(|step| counter(step.after)),
    }
}

/// A batch as it is read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = batches, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct BatchRow {
    reference: String,
    sku: String,
    location: String,
    ordinal: i64,
    created_quantity: i64,
    created_eta: Option<String>,
    quantity: i64,
    allocated: i64,
    dispatched: i64,
    eta: Option<String>,
    overdue: bool,
    closed: bool,
    received_eta: Option<String>,
    received_expected: Option<i64>,
    received_counted: Option<i64>,
}

/// A batch's record.
pub(in crate::sqlite) fn batch(row: BatchRow) -> Result<BatchRecord, StoreError> {
    let at = RowContext {
        table: "batches",
        key: &row.reference,
    };
    let day = |column, day: Option<String>| day.map(|day| at.date(column, &day)).transpose();
    let receipt = match (row.received_eta, row.received_expected, row.received_counted) {
        (Some(eta), Some(expected), Some(counted)) => Some(Receipt {
            eta: at.date("received_eta", &eta)?,
            expected: at.read("received_expected", Count::new(expected))?,
            counted: at.read("received_counted", Count::new(counted))?,
        }),
        _ => None,
    };
    Ok(BatchRecord {
        sku: at.read("sku", Sku::new(row.sku))?,
        location: at.read("location", Location::new(row.location))?,
        ordinal: at.read("ordinal", u32::try_from(row.ordinal))?,
        created_quantity: at.read("created_quantity", Quantity::new(row.created_quantity))?,
        created_eta: day("created_eta", row.created_eta)?,
        quantity: at.read("quantity", Count::new(row.quantity))?,
        allocated: at.units("allocated", row.allocated)?,
        dispatched: at.units("dispatched", row.dispatched)?,
        eta: day("eta", row.eta)?,
        overdue: row.overdue,
        receipt,
        closed: row.closed,
        reference: at.read("reference", Reference::new(&row.reference))?,
    })
}

/// A new batch as it is written. The sums over its allocations and dispatches begin at 0 by themselves.
#[derive(Debug, Insertable)]
#[diesel(table_name = batches, treat_none_as_default_value = false)]
pub(in crate::sqlite) struct BatchValues<'a> {
    reference: &'a str,
    sku: &'a str,
    location: &'a str,
    ordinal: i64,
    created_quantity: i64,
    created_eta: Option<String>,
    quantity: i64,
    eta: Option<String>,
    overdue: bool,
    closed: bool,
    open: bool,
    received_eta: Option<String>,
    received_expected: Option<i64>,
    received_counted: Option<i64>,
}

/// A new batch's row.
pub(in crate::sqlite) fn batch_values(batch: &BatchRecord) -> BatchValues<'_> {
    BatchValues {
        reference: batch.reference.as_str(),
        sku: batch.sku.as_str(),
        location: batch.location.as_str(),
        ordinal: i64::from(batch.ordinal),
        created_quantity: i64::from(batch.created_quantity.get()),
        created_eta: batch.created_eta.map(|eta| eta.to_string()),
        quantity: i64::from(batch.quantity.get()),
        eta: batch.eta.map(|eta| eta.to_string()),
        overdue: batch.overdue,
        closed: batch.closed,
        // Nothing of it is allocated yet.
        open: batch.quantity.get() > 0,
        received_eta: batch.receipt.map(|receipt| receipt.eta.to_string()),
        received_expected: batch.receipt.map(|receipt| i64::from(receipt.expected.get())),
        received_counted: batch.receipt.map(|receipt| i64::from(receipt.counted.get())),
    }
}
