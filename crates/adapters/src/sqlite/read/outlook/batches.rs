//! Batches that are late, and open ones.

use std::collections::BTreeSet;

use diesel::dsl::not;
use diesel::prelude::*;
use earmark_application::{BatchRead, EtaPlace, StoreError};
use earmark_domain::{BatchRecord, OpenStock, ProductRecord, Sku};
use jiff::civil::Date;

use super::super::super::builder::{comes_after, first_rows, one_of};
use super::super::super::error::store_error;
use super::super::super::rows::{self, BatchRow, ProductRow};
use super::super::super::schema::{batches, products};
use super::super::stock::{EndedHolds, without};

/// The batches that are overdue on a day, then those that were put off, by ETA, behind a place.
pub(super) fn late(
    conn: &mut SqliteConnection,
    today: Date,
    after: Option<&EtaPlace>,
    limit: usize,
    ended: &mut EndedHolds,
) -> Result<Vec<BatchRead>, StoreError> {
    let today = today.to_string();
    let behind = after.map(|after| (after.eta.to_string(), after.sku.as_str(), after.reference.as_str()));
    let (eta, sku, reference) = behind
        .as_ref()
        .map_or(("", "", ""), |(eta, sku, reference)| (eta.as_str(), *sku, *reference));
    // A macro, because the query's type is too long to write down.
    macro_rules! behind {
        ($($only:expr),+) => {
            batches::table
                .inner_join(products::table)
                .filter(batches::eta.is_not_null())
                .filter(not(batches::closed))
                .filter(comes_after(
                    (batches::eta.assume_not_null(), batches::sku, batches::reference),
                    (
                        eta.into_sql::<diesel::sql_types::Text>(),
                        sku.into_sql::<diesel::sql_types::Text>(),
                        reference.into_sql::<diesel::sql_types::Text>(),
                    ),
                ))
                $(.filter($only))+
                .order((batches::eta, batches::sku, batches::reference))
                .select((BatchRow::as_select(), ProductRow::as_select()))
        };
    }
    let overdue = behind!(batches::eta.lt(today.as_str()));
    let mut found: Vec<(BatchRow, ProductRow)> = first_rows(overdue.load_iter(conn), limit)?;
    if found.len() < limit {
        let put_off = behind!(batches::eta.ge(today.as_str()), batches::eta.gt(batches::created_eta));
        found.extend(first_rows::<(BatchRow, ProductRow)>(
            put_off.load_iter(conn),
            limit - found.len(),
        )?);
    }
    let found = found
        .into_iter()
        .map(|(batch, product)| Ok((rows::batch(batch)?, rows::product(product)?)));
    let found: Vec<(BatchRecord, ProductRecord)> = found.collect::<Result<_, StoreError>>()?;
    let ended = ended.of(conn, found.iter().map(|(_, product)| product))?;
    let read = found.into_iter().map(|(mut record, product)| {
        without(&ended, &mut record);
        let version = product.version;
        BatchRead { record, version }
    });
    Ok(read.collect())
}

/// Products, each with its batches that have something available: at most so many.
pub(super) fn open_stock(
    conn: &mut SqliteConnection,
    skus: &BTreeSet<Sku>,
    most: usize,
    ended: &mut EndedHolds,
) -> Result<Vec<OpenStock>, StoreError> {
    let found: Vec<ProductRow> = products::table
        .filter(one_of(products::sku, skus.iter().map(Sku::as_str)))
        .order(products::sku)
        .select(ProductRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    let products: Vec<ProductRecord> = found.into_iter().map(rows::product).collect::<Result<_, _>>()?;
    let ended_holds = ended.of(conn, products.iter())?;
    let now = ended.now();
    let mut stock = Vec::with_capacity(products.len());
    for product in products {
        let is_due = product.next_expiry.is_some_and(|deadline| deadline <= now);
        let of_product = batches::table
            .filter(batches::sku.eq(product.sku.as_str()))
            .order((batches::eta, batches::ordinal))
            .select(BatchRow::as_select());
        let one_more = most.saturating_add(1);
        // A batch that holds have used up is not open; it has something available once they have ended.
        let rows: Vec<BatchRow> = if is_due {
            of_product.load(conn).map_err(store_error)?
        } else {
            first_rows(of_product.filter(batches::open).load_iter(conn), one_more)?
        };
        let mut open = Vec::new();
        for row in rows {
            let mut batch = rows::batch(row)?;
            without(&ended_holds, &mut batch);
            if !batch.available().is_zero() {
                open.push(batch);
            }
        }
        let more = open.len() > most;
        open.truncate(most);
        stock.push(OpenStock {
            until: open.last().filter(|_| more).map(BatchRecord::preference),
            batches: open,
            product,
        });
    }
    Ok(stock)
}
