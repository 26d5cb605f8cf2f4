//! Products by SKU, each with its batches and the units that its backlog waits for.

use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, ProductRecord, Sku, Units};
use jiff::Timestamp;

use super::lookup::Lookup;
use crate::postgres::error::StatementResult;
use crate::postgres::error::store_error;
use crate::postgres::rows::values::pg_bound;
use crate::postgres::rows::{BatchRow, ProductRow};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, statement};
use crate::sql::decode::units;

type StockTypes = (TypesOf<ProductRow>, BigInt, Nullable<TypesOf<BatchRow>>);

/// SQL that reads products with the units that their backlogs wait for, joined with their batches in preference order.
/// A product without batches has one row. `$asked` and `$sku` say which products, `$counted` which waiting lines count.
/// The `{}` in it stand for the columns of [`ProductRow`] and [`BatchRow`]. By hand: each product is looked up in a
/// LATERAL.
macro_rules! stocks {
    ($counted:expr, $asked:expr, $sku:expr) => {
        concat!(
            "SELECT product.*, coalesce((SELECT sum(quantity) FROM lines ",
            "WHERE lines.sku = product.sku AND state = 'backordered'",
            $counted,
            "), 0)::bigint, batch.* FROM ",
            $asked,
            "(SELECT {} FROM products WHERE sku = ",
            $sku,
            " LIMIT 1) AS product ",
            "LEFT JOIN LATERAL (SELECT {} FROM batches WHERE batches.sku = product.sku OFFSET 0) AS batch ON true ",
            "ORDER BY batch.eta NULLS FIRST, batch.ordinal"
        )
    };
}

/// A product with its batches, in preference order.
#[derive(Clone)]
pub(in crate::postgres) struct Stock {
    pub(in crate::postgres) product: ProductRecord,
    pub(in crate::postgres) backordered: Units,
    pub(in crate::postgres) batches: Vec<BatchRecord>,
}

/// Products by SKU, as they are stored: right as long as no hold on them has ended.
pub(in crate::postgres) enum ProductBySku {}

impl Lookup for ProductBySku {
    type Row = (ProductRow, i64, Option<BatchRow>);
    type Value = Stock;

    async fn rows(keys: Vec<&str>, conn: &Session) -> StatementResult<Vec<Self::Row>> {
        const STOCKS: &str = stocks!("", "unnest(?) AS asked (one) CROSS JOIN LATERAL ", "one");
        statement::<StockTypes>(STOCKS)
            .array::<Text, _>(keys)
            .columns::<ProductRow>()
            .columns::<BatchRow>()
            .rows(conn)
            .await
    }

    fn key((product, _, _): &Self::Row) -> &str {
        &product.sku
    }

    fn value(rows: Vec<Self::Row>) -> Result<Stock, StoreError> {
        let (product, backordered, _) = rows.first().cloned().expect("there is a row");
        let product = ProductRecord::try_from(product)?;
        let batches = rows.into_iter().filter_map(|(_, _, batch)| batch);
        Ok(Stock {
            backordered: units(&product.sku, "backordered", backordered)?,
            batches: batches.map(BatchRecord::try_from).collect::<Result<_, _>>()?,
            product,
        })
    }
}

/// A product at an instant: lines whose hold has ended by then do not wait. The units that such lines hold are still
/// counted as allocated.
pub(in crate::postgres) async fn stock_at(
    sku: &Sku,
    now: Timestamp,
    conn: &Session,
) -> Result<Option<Stock>, StoreError> {
    const STOCK_AT: &str = stocks!(" AND (hold_until IS NULL OR hold_until > ?)", "", "?");
    let rows: Vec<(ProductRow, i64, Option<BatchRow>)> = statement::<StockTypes>(STOCK_AT)
        .bind::<Timestamptz, _>(pg_bound(now))
        .columns::<ProductRow>()
        .bind::<Text, _>(sku.as_str())
        .columns::<BatchRow>()
        .rows(conn)
        .await
        .map_err(store_error)?;
    (!rows.is_empty()).then(|| ProductBySku::value(rows)).transpose()
}
