//! Stock: late batches, and batches with something available.

use std::collections::BTreeSet;

use diesel::data_types::PgDate;
use diesel::sql_types::{BigInt, Date, Nullable, Text};
use earmark_application::{BatchRead, EtaPlace, StoreError};
use earmark_domain::{BatchRecord, OpenStock, ProductRecord, Sku};
use jiff::{Timestamp, civil};

use crate::postgres::error::store_error;
use crate::postgres::lookups::batch::BatchByReference;
use crate::postgres::lookups::lookup::look_up_all;
use crate::postgres::read::expired_holds::{ExpiredHolds, is_due};
use crate::postgres::read::page::{finish, page, page_within};
use crate::postgres::rows::values::pg_date;
use crate::postgres::rows::{BatchRow, ProductRow};
use crate::postgres::session::Session;
use crate::postgres::statement::{Statement, TypesOf, row_limit, statement};
use crate::postgres::store::{PostgresStore, roll_back};

/// Before all days.
const BEFORE_ALL: PgDate = PgDate(i32::MIN);

type LateTypes = (TypesOf<BatchRow>, TypesOf<ProductRow>);
type LateRow = (BatchRow, ProductRow);
type OpenTypes = (TypesOf<ProductRow>, Nullable<TypesOf<BatchRow>>);
type OpenRow = (ProductRow, Option<BatchRow>);
/// A product with batches of it.
type Stock = (ProductRecord, Vec<BatchRecord>);

impl PostgresStore {
    pub(super) async fn batches_that_are_late(
        &self,
        today: civil::Date,
        after: Option<&EtaPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<BatchRead>, StoreError> {
        let connection = self.questions().get().await?;
        let rows = late(today, after, limit).rows::<LateRow>(&connection);
        let rows = page(&connection, rows).await;
        let mut found = late_batches(finish(connection, rows).await?)?;
        if found.iter().any(|(_, product)| is_due(product, now)) {
            let conn = self.snapshot().await?;
            let again = async {
                let rows = late(today, after, limit).rows::<LateRow>(&conn);
                let mut found = late_batches(page_within(&conn, rows).await.map_err(store_error)?)?;
                // One product may have many of them.
                let mut seen = BTreeSet::new();
                let products = found.iter().map(|(_, product)| product);
                let products: Vec<_> = products.filter(|product| seen.insert(&product.sku)).collect();
                let expired = ExpiredHolds::of(&conn, products.into_iter(), now).await?;
                found.iter_mut().for_each(|(batch, _)| expired.subtract_from(batch));
                Ok::<_, StoreError>(found)
            };
            let again = again.await;
            roll_back(conn).await;
            found = again?;
        }
        let read = |(record, product): (BatchRecord, ProductRecord)| BatchRead {
            record,
            version: product.version,
        };
        Ok(found.into_iter().map(read).collect())
    }

    pub(super) async fn stock_that_is_open(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        batches: usize,
    ) -> Result<Vec<OpenStock>, StoreError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.questions().get().await?;
        let rows = page(&connection, open(skus, batches).rows::<OpenRow>(&connection)).await;
        let mut found = by_product(finish(connection, rows).await?)?;
        if found.iter().any(|(product, _)| is_due(product, now)) {
            let conn = self.snapshot().await?;
            let again = async {
                let rows = open(skus, batches).rows::<OpenRow>(&conn);
                let mut found = by_product(page_within(&conn, rows).await.map_err(store_error)?)?;
                open_up(&mut found, now, &conn).await?;
                Ok::<_, StoreError>(found)
            };
            let again = again.await;
            roll_back(conn).await;
            found = again?;
        }
        Ok(found.into_iter().map(|stock| at_most(stock, batches)).collect())
    }
}

/// Batches whose ETA has passed, and those whose ETA is later than it was at first, each with its product.
fn late(today: civil::Date, after: Option<&EtaPlace>, limit: usize) -> Statement<'_, LateTypes> {
    // By hand: comparisons of rows, a union that two indexes serve, and LATERAL.
    const LATE: &str = "SELECT batch.*, product.* FROM (\
         (SELECT eta, sku, reference FROM batches WHERE eta IS NOT NULL AND NOT closed AND eta < ? \
         AND (eta, sku, reference) > (?, ?, ?) ORDER BY eta, sku, reference LIMIT ?) UNION ALL \
         (SELECT eta, sku, reference FROM batches WHERE eta > created_eta AND NOT closed \
         AND (eta, sku, reference) > (?, ?, ?) ORDER BY eta, sku, reference LIMIT ?) \
         ORDER BY eta, sku, reference LIMIT ?) AS late \
         CROSS JOIN LATERAL (SELECT {} FROM batches WHERE reference = late.reference LIMIT 1) AS batch \
         CROSS JOIN LATERAL (SELECT {} FROM products WHERE products.sku = late.sku LIMIT 1) AS product \
         ORDER BY late.eta, late.sku, late.reference";
    let today = pg_date(today);
    let place = after.map_or((BEFORE_ALL, "", ""), |place| {
        (pg_date(place.eta), place.sku.as_str(), place.reference.as_str())
    });
    // The second part begins with today. No SKU is empty, so each comes after the empty text.
    let since_today = if place.0.0 < today.0 { (today, "", "") } else { place };
    statement::<LateTypes>(LATE)
        .bind::<Date, _>(today)
        .bind::<Date, _>(place.0)
        .bind::<Text, _>(place.1)
        .bind::<Text, _>(place.2)
        .bind::<BigInt, _>(row_limit(limit))
        .bind::<Date, _>(since_today.0)
        .bind::<Text, _>(since_today.1)
        .bind::<Text, _>(since_today.2)
        .bind::<BigInt, _>(row_limit(limit))
        .bind::<BigInt, _>(row_limit(limit))
        .columns::<BatchRow>()
        .columns::<ProductRow>()
}

fn late_batches(rows: Vec<LateRow>) -> Result<Vec<(BatchRecord, ProductRecord)>, StoreError> {
    let read = |(batch, product): LateRow| Ok((batch.try_into()?, product.try_into()?));
    rows.into_iter().map(read).collect()
}

/// Products with their first open batches, and one more if there are more.
fn open(skus: &BTreeSet<Sku>, batches: usize) -> Statement<'_, OpenTypes> {
    // By hand: a page of each product, in a LATERAL.
    const OPEN: &str = "SELECT product.*, batch.* FROM unnest(?) AS asked (one) \
         CROSS JOIN LATERAL (SELECT {} FROM products WHERE sku = one LIMIT 1) AS product \
         LEFT JOIN LATERAL (SELECT {} FROM batches WHERE open AND sku = one \
         ORDER BY eta NULLS FIRST, ordinal LIMIT ?) AS batch ON true \
         ORDER BY product.sku, batch.eta NULLS FIRST, batch.ordinal";
    statement::<OpenTypes>(OPEN)
        .array::<Text, _>(skus.iter().map(Sku::as_str).collect())
        .columns::<ProductRow>()
        .columns::<BatchRow>()
        .bind::<BigInt, _>(row_limit(batches.saturating_add(1)))
}

/// Gathers the rows of each product, which follow each other.
fn by_product(rows: Vec<OpenRow>) -> Result<Vec<Stock>, StoreError> {
    let mut stocks: Vec<Stock> = Vec::new();
    for (product, batch) in rows {
        let product = ProductRecord::try_from(product)?;
        if stocks.last().is_none_or(|(last, _)| last.sku != product.sku) {
            stocks.push((product, Vec::new()));
        }
        if let (Some((_, batches)), Some(batch)) = (stocks.last_mut(), batch) {
            batches.push(batch.try_into()?);
        }
    }
    Ok(stocks)
}

/// Gives back the units of holds that have ended: batches that they had used up are open again.
async fn open_up(stocks: &mut [Stock], now: Timestamp, conn: &Session) -> Result<(), StoreError> {
    let expired = ExpiredHolds::of(conn, stocks.iter().map(|(product, _)| product), now).await?;
    let known: BTreeSet<_> = stocks
        .iter()
        .flat_map(|(_, batches)| batches)
        .map(|batch| &batch.reference)
        .collect();
    let others = expired.batches().filter(|batch| !known.contains(batch));
    let others = others.map(|batch| batch.as_str()).collect();
    let others = look_up_all::<BatchByReference>(others, conn).await?;
    for (product, batches) in stocks {
        let of_product = others.iter().map(|(batch, _)| batch);
        batches.extend(of_product.filter(|batch| batch.sku == product.sku).cloned());
        batches.iter_mut().for_each(|batch| expired.subtract_from(batch));
        batches.sort_by_key(BatchRecord::preference);
    }
    Ok(())
}

fn at_most((product, mut batches): Stock, most: usize) -> OpenStock {
    let more = batches.len() > most;
    batches.truncate(most);
    OpenStock {
        until: batches.last().filter(|_| more).map(BatchRecord::preference),
        product,
        batches,
    }
}
