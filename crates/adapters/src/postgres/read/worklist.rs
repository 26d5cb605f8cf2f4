//! The worklist: what background jobs find to do.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{self, BigInt, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::{DueOrder, StoreError, Worklist};
use earmark_domain::{ProductRecord, Sku};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::postgres::error::store_error;
use crate::postgres::rows::ProductRow;
use crate::postgres::rows::values::{pg_bound, pg_date};
use crate::postgres::schema::products;
use crate::postgres::statement::{TypesOf, load, row_limit, statement};
use crate::postgres::store::PostgresStore;
use crate::sql::decode::order_id;

#[async_trait]
impl Worklist for PostgresStore {
    async fn products_with_pending_work(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        let pending = products::table
            .filter(products::pending.is_not_null())
            .order(products::sku)
            .limit(row_limit(limit))
            .select(ProductRow::as_select());
        let connection = self.commands().get().await?;
        skus(load(pending, &connection).await.map_err(store_error)?)
    }

    async fn products_changed_by_day(&self, today: Date, limit: usize) -> Result<Vec<Sku>, StoreError> {
        // By hand: LATERAL. There are few batches of which it was told that they are overdue, and few lines that are due
        // and have not left.
        const CHANGED: &str = "SELECT product.* FROM (SELECT sku FROM batches \
             WHERE eta < ? AND NOT overdue AND NOT closed \
             UNION SELECT batch.sku FROM \
             (SELECT sku, reference FROM batches WHERE overdue AND NOT closed AND eta < ? OFFSET 0) AS batch \
             CROSS JOIN LATERAL (SELECT FROM \
             (SELECT order_id, line_id FROM lines WHERE sku = batch.sku AND due_by <= ? OFFSET 0) AS line \
             CROSS JOIN LATERAL (SELECT FROM allocations WHERE allocations.order_id = line.order_id \
             AND allocations.line_id = line.line_id AND allocations.batch = batch.reference LIMIT 1) AS held \
             LIMIT 1) AS due ORDER BY sku LIMIT ?) AS changed CROSS JOIN LATERAL \
             (SELECT {} FROM products WHERE sku = changed.sku LIMIT 1) AS product";
        let today = pg_date(today);
        let connection = self.commands().get().await?;
        let changed = statement::<TypesOf<ProductRow>>(CHANGED)
            .bind::<sql_types::Date, _>(today)
            .bind::<sql_types::Date, _>(today)
            .bind::<sql_types::Date, _>(today)
            .bind::<BigInt, _>(row_limit(limit))
            .columns::<ProductRow>();
        skus(changed.rows(&connection).await.map_err(store_error)?)
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        let due = products::table
            .filter(products::next_expiry.le(pg_bound(now)))
            .order((products::next_expiry, products::sku))
            .limit(row_limit(limit))
            .select(ProductRow::as_select());
        let connection = self.commands().get().await?;
        skus(load(due, &connection).await.map_err(store_error)?)
    }

    async fn due_orders(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueOrder>, StoreError> {
        // By hand: LATERAL. Of each product as many are read as are wanted of all. An order that comes twice has two
        // deadlines; no order has more than a few.
        const DUE: &str = "SELECT due.*, of_order.lines FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL \
             (SELECT DISTINCT hold_until, order_id FROM lines WHERE sku = asked_sku AND hold_until <= ? \
             ORDER BY hold_until, order_id LIMIT ?) AS due CROSS JOIN LATERAL \
             (SELECT count(*) AS lines FROM lines WHERE lines.order_id = due.order_id) AS of_order";
        let connection = self.commands().get().await?;
        let mut rows: Vec<(PgTimestamp, String, i64)> = statement::<(Timestamptz, Text, BigInt)>(DUE)
            .array::<Text, _>(skus.iter().map(Sku::as_str).collect())
            .bind::<Timestamptz, _>(pg_bound(now))
            .bind::<BigInt, _>(row_limit(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        drop(connection);
        rows.sort_unstable_by(|(a, one, _), (b, other, _)| (a.0, one).cmp(&(b.0, other)));
        let mut seen = BTreeSet::new();
        rows.iter()
            .filter(|(_, order, _)| seen.insert(order.as_str()))
            .take(limit)
            .map(|(_, order, lines)| {
                Ok(DueOrder {
                    id: order_id(order)?,
                    lines: usize::try_from(*lines).unwrap_or(usize::MAX),
                })
            })
            .collect()
    }
}

/// The SKUs of products. The whole row is read, so that a corrupt product is reported and not worked on.
fn skus(rows: Vec<ProductRow>) -> Result<Vec<Sku>, StoreError> {
    rows.into_iter()
        .map(|row| ProductRecord::try_from(row).map(|product| product.sku))
        .collect()
}
