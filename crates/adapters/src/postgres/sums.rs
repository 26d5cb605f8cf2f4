//! What a product comes to: its batches, and the sums over them and over its backlog.
//!
//! A question for an instant is answered without the units of holds that have ended by then. Only where a product knows
//! of such a hold is it looked for, in a second try that sees one state.

use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::{BatchRead, ProductRead, ProductSummary, StoreError};
use earmark_domain::{BatchRecord, Count, ProductRecord, Reference, Sku, Units};
use jiff::Timestamp;

use super::columns::{BatchRow, BatchTypes, ProductRow, ProductTypes, batch_columns, product_columns};
use super::deadlines::Ended;
use super::error::store_error;
use super::load::rows_wanted;
use super::lookups::{Lookup, Place, Queue, one};
use super::row::{self, pg_moment};
use super::statement::{Statement, statement};
use super::{BEGIN_TO_READ, PostgresStore, roll_back};

/// Whether a hold on one of these products may have ended by an instant.
fn any_due<'a>(mut products: impl Iterator<Item = &'a ProductRecord>, now: Timestamp) -> bool {
    products.any(|product| is_due(product, now))
}

fn is_due(product: &ProductRecord, now: Timestamp) -> bool {
    product.next_expiry.is_some_and(|deadline| deadline <= now)
}

async fn ended<'a>(
    conn: &AsyncPgConnection,
    products: impl Iterator<Item = &'a ProductRecord> + Send,
    now: Timestamp,
) -> Result<Ended, StoreError> {
    let due = products.filter(|product| is_due(product, now));
    Ended::of(conn, due.map(|product| &product.sku).collect(), now).await
}

fn without(ended: &Ended, batch: &mut BatchRecord) {
    batch.allocated = batch.allocated.saturating_sub(ended.in_batch(&batch.reference));
}

type OneTypes = (BatchTypes, ProductTypes);
type OneRow = (BatchRow, ProductRow);

/// A batch with its product, looked up by its reference.
pub(super) enum BatchByKey {}

impl Lookup for BatchByKey {
    type Row = OneRow;
    type Found = (BatchRecord, ProductRecord);

    async fn rows(keys: Vec<&str>, conn: &AsyncPgConnection) -> QueryResult<Vec<OneRow>> {
        const BATCHES: &str = concat!(
            "SELECT batch.*, product.* FROM unnest(?) AS asked (one) CROSS JOIN LATERAL (SELECT ",
            batch_columns!(),
            " FROM batches WHERE reference = one LIMIT 1) AS batch CROSS JOIN LATERAL (SELECT ",
            product_columns!(),
            " FROM products WHERE products.sku = batch.sku LIMIT 1) AS product"
        );
        statement::<OneTypes>(BATCHES).array::<Text, _>(keys).rows(conn).await
    }

    fn key((batch, _): &OneRow) -> &str {
        &batch.0
    }

    fn read(rows: Vec<OneRow>) -> Result<Self::Found, StoreError> {
        let (batch, product) = rows.into_iter().next().expect("there is a row");
        Ok((row::batch(batch)?, row::product(product)?))
    }

    fn queue(place: &Place) -> &Queue<Self> {
        &place.batches
    }
}

/// One batch, with its product.
pub(super) async fn batch(
    store: &PostgresStore,
    reference: &Reference,
    now: Timestamp,
) -> Result<Option<BatchRead>, StoreError> {
    let Some((mut record, mut product)) = store.look_up::<BatchByKey>(reference.as_str()).await? else {
        return Ok(None);
    };
    if is_due(&product, now) {
        let conn = store.begin(BEGIN_TO_READ).await?;
        let again = async {
            let found = one::<BatchByKey>(reference.as_str(), &conn).await?;
            let ended = ended(&conn, found.iter().map(|(_, product)| product), now).await?;
            Ok::<_, StoreError>((found, ended))
        };
        let again = again.await;
        roll_back(conn).await;
        let (found, ended) = again?;
        if let Some(found) = found {
            (record, product) = found;
            without(&ended, &mut record);
        }
    }
    let version = product.version;
    Ok(Some(BatchRead { record, version }))
}

type StockTypes = (ProductTypes, BigInt, Nullable<BatchTypes>);
type StockRow = (ProductRow, i64, Option<BatchRow>);

/// Products with the units that wait for them, joined with their batches in preference order; without batches one comes
/// once. `$asked` and `$sku` say which, `$counted` which of the lines that wait are counted.
macro_rules! stocks {
    ($counted:expr, $asked:expr, $sku:expr) => {
        concat!(
            "SELECT product.*, coalesce((SELECT sum(quantity) FROM lines ",
            "WHERE lines.sku = product.sku AND state = 'backordered'",
            $counted,
            "), 0)::bigint, batch.* FROM ",
            $asked,
            "(SELECT ",
            product_columns!(),
            " FROM products WHERE sku = ",
            $sku,
            " LIMIT 1) AS product LEFT JOIN LATERAL (SELECT ",
            batch_columns!(),
            " FROM batches WHERE batches.sku = product.sku OFFSET 0) AS batch ON true ",
            "ORDER BY batch.eta NULLS FIRST, batch.ordinal"
        )
    };
}

/// A product as its rows tell it.
#[derive(Clone)]
pub(super) struct Stock {
    product: ProductRecord,
    backordered: Units,
    batches: Vec<BatchRecord>,
}

/// A product, looked up by its SKU. It is so while no hold on it has ended.
pub(super) enum ProductByKey {}

impl Lookup for ProductByKey {
    type Row = StockRow;
    type Found = Stock;

    async fn rows(keys: Vec<&str>, conn: &AsyncPgConnection) -> QueryResult<Vec<StockRow>> {
        const STOCKS: &str = stocks!("", "unnest(?) AS asked (one) CROSS JOIN LATERAL ", "one");
        statement::<StockTypes>(STOCKS).array::<Text, _>(keys).rows(conn).await
    }

    fn key((product, _, _): &StockRow) -> &str {
        &product.0
    }

    fn read(rows: Vec<StockRow>) -> Result<Stock, StoreError> {
        let (product, backordered, _) = rows.first().cloned().expect("there is a row");
        let product = row::product(product)?;
        let batches = rows.into_iter().filter_map(|(_, _, batch)| batch);
        Ok(Stock {
            backordered: row::units(&product.sku, "backordered", backordered)?,
            batches: batches.map(row::batch).collect::<Result<_, _>>()?,
            product,
        })
    }

    fn queue(place: &Place) -> &Queue<Self> {
        &place.products
    }
}

/// A product on which holds have ended by an instant, as it stands without them.
async fn stock_at(conn: &AsyncPgConnection, sku: &Sku, now: Timestamp) -> Result<Option<Stock>, StoreError> {
    const STOCK_AT: &str = stocks!(" AND (hold_until IS NULL OR hold_until > ?)", "", "?");
    let rows: Vec<StockRow> = statement::<StockTypes>(STOCK_AT)
        .bind::<Timestamptz, _>(pg_moment(now))
        .bind::<Text, _>(sku.as_str())
        .rows(conn)
        .await
        .map_err(store_error)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut stock = ProductByKey::read(rows)?;
    let ended = ended(conn, std::iter::once(&stock.product), now).await?;
    stock.batches.iter_mut().for_each(|batch| without(&ended, batch));
    Ok(Some(stock))
}

/// One product with its batches, in preference order.
pub(super) async fn product(
    store: &PostgresStore,
    sku: &Sku,
    now: Timestamp,
) -> Result<Option<ProductRead>, StoreError> {
    let Some(mut stock) = store.look_up::<ProductByKey>(sku.as_str()).await? else {
        return Ok(None);
    };
    if is_due(&stock.product, now) {
        let conn = store.begin(BEGIN_TO_READ).await?;
        let at_the_instant = stock_at(&conn, sku, now).await;
        roll_back(conn).await;
        stock = at_the_instant?.unwrap_or(stock);
    }
    let Stock {
        product,
        backordered,
        batches,
    } = stock;
    Ok(Some(ProductRead {
        summary: ProductSummary::of(product, batches.iter(), backordered),
        batches,
    }))
}

/// A product's sums over its batches: in the warehouse, on their way, allocated, dispatched, available; and over its
/// backlog at an instant.
macro_rules! summaries {
    ($page:expr) => {
        concat!(
            "SELECT product.*, ",
            "coalesce(stock.on_hand, 0)::bigint, coalesce(stock.inbound, 0)::bigint, ",
            "coalesce(stock.allocated, 0)::bigint, coalesce(stock.dispatched, 0)::bigint, ",
            "coalesce(stock.available, 0)::bigint, coalesce(backlog.units, 0)::bigint ",
            "FROM (SELECT ",
            product_columns!(),
            " FROM products WHERE ",
            $page,
            ") AS product CROSS JOIN LATERAL (SELECT ",
            "sum(quantity - dispatched) FILTER (WHERE eta IS NULL) AS on_hand, ",
            "sum(quantity - dispatched) FILTER (WHERE eta IS NOT NULL) AS inbound, ",
            "sum(allocated) AS allocated, sum(dispatched) AS dispatched, ",
            "sum(quantity - allocated - dispatched) AS available ",
            "FROM batches WHERE batches.sku = product.sku) AS stock ",
            "CROSS JOIN LATERAL (SELECT sum(quantity) AS units FROM lines ",
            "WHERE lines.sku = product.sku AND state = 'backordered' ",
            "AND (hold_until IS NULL OR hold_until > ?)) AS backlog ",
            "ORDER BY product.sku"
        )
    };
}

type SummaryTypes = (ProductTypes, (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt));
type SummaryRow = (ProductRow, Sums);
type Sums = (i64, i64, i64, i64, i64, i64);

/// Products by SKU, with their sums.
pub(super) async fn page(
    store: &PostgresStore,
    search: Option<&str>,
    after: Option<&Sku>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<ProductSummary>, StoreError> {
    let pattern = search.filter(|search| !search.is_empty()).map(containing);
    let question = || page_of(pattern.as_deref(), after, now, limit);
    let conn = store.connection().await?;
    let mut products = summed(question(), &conn).await?;
    drop(conn);
    let mut ended = Ended::default();
    if any_due(products.iter().map(|(product, _)| product), now) {
        let conn = store.begin(BEGIN_TO_READ).await?;
        let again = async {
            let found = summed(question(), &conn).await?;
            let ended = self::ended(&conn, found.iter().map(|(product, _)| product), now).await?;
            Ok::<_, StoreError>((found, ended))
        };
        let again = again.await;
        roll_back(conn).await;
        (products, ended) = again?;
    }
    products
        .into_iter()
        .map(|(product, sums)| summary(product, sums, &ended))
        .collect()
}

fn page_of<'a>(
    pattern: Option<&'a str>,
    after: Option<&'a Sku>,
    now: Timestamp,
    limit: usize,
) -> Statement<'a, SummaryTypes> {
    const PAGE: &str = summaries!("sku > ? ORDER BY sku LIMIT ?");
    // The order is that of bytes; which letters are the same in capitals is asked of a collation that knows.
    const FOUND: &str = summaries!(
        "sku > ? AND (sku COLLATE \"und-x-icu\" ILIKE ? OR name COLLATE \"und-x-icu\" ILIKE ?) ORDER BY sku LIMIT ?"
    );
    // No SKU is empty, so each comes after the empty text.
    let after = after.map_or("", Sku::as_str);
    let page = match pattern {
        None => statement::<SummaryTypes>(PAGE).bind::<Text, _>(after),
        Some(pattern) => statement(FOUND)
            .bind::<Text, _>(after)
            .bind::<Text, _>(pattern)
            .bind::<Text, _>(pattern),
    };
    page.bind::<BigInt, _>(rows_wanted(limit))
        .bind::<Timestamptz, _>(pg_moment(now))
}

async fn summed(
    page: Statement<'_, SummaryTypes>,
    conn: &AsyncPgConnection,
) -> Result<Vec<(ProductRecord, Sums)>, StoreError> {
    let rows: Vec<SummaryRow> = page.rows(conn).await.map_err(store_error)?;
    rows.into_iter()
        .map(|(product, sums)| Ok((row::product(product)?, sums)))
        .collect()
}

fn summary(product: ProductRecord, sums: Sums, ended: &Ended) -> Result<ProductSummary, StoreError> {
    let (on_hand, inbound, allocated, dispatched, available, backordered) = sums;
    let ProductRecord {
        sku,
        name,
        version,
        safety_stock,
        ..
    } = product;
    let units = |column, sum| -> Result<Units, StoreError> { row::units(&sku, column, sum) };
    let ended = ended.of_product(&sku);
    Ok(ProductSummary {
        on_hand: units("on_hand", on_hand)?,
        inbound: units("inbound", inbound)?,
        allocated: units("allocated", allocated)?.saturating_sub(ended),
        dispatched: units("dispatched", dispatched)?,
        available: promisable(units("available", available)?, ended, safety_stock),
        backordered: units("backordered", backordered)?,
        safety_stock,
        name,
        version,
        sku,
    })
}

/// What can be promised of what is available, and of what held units have been freed by their deadline.
fn promisable(available: Units, ended: Units, kept_back: Count) -> Units {
    let free: Units = [available, ended].into_iter().sum();
    free.saturating_sub(kept_back.units())
}

/// A search as a LIKE pattern: what stands for other text in a pattern stands for itself.
fn containing(search: &str) -> String {
    let mut pattern = String::with_capacity(search.len() + 2);
    pattern.push('%');
    for character in search.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_other_text_in_a_pattern_stands_for_itself() {
        assert_eq!(containing(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
