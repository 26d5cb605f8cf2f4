//! The worklist: what background jobs find to do.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::Text;
use earmark_application::{DueOrder, StoreError, Worklist};
use earmark_domain::Sku;
use jiff::Timestamp;
use jiff::civil::Date;

use super::super::builder::first_rows;
use super::super::error::store_error;
use super::super::schema::{lines, products};
use super::super::sqlite_store::SqliteStore;
use super::super::statement::{Statement, statement};
use crate::sql::decode;

#[async_trait]
impl Worklist for SqliteStore {
    async fn products_with_pending_work(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.readers
            .by_key
            .query(move |conn| {
                let pending = products::table
                    .filter(products::pending.is_not_null())
                    .order(products::sku)
                    .select(products::sku);
                skus(&first_rows(pending.load_iter(conn), limit)?)
            })
            .await
    }

    async fn products_changed_by_day(&self, today: Date, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.readers
            .by_key
            .query(move |conn| changed_by_day(conn, today, limit))
            .await
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.readers
            .by_key
            .query(move |conn| {
                let due = products::table
                    .filter(products::next_expiry.le(now.as_microsecond()))
                    .order((products::next_expiry, products::sku))
                    .select(products::sku);
                skus(&first_rows(due.load_iter(conn), limit)?)
            })
            .await
    }

    async fn due_orders(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueOrder>, StoreError> {
        let skus = skus.clone();
        self.readers
            .by_key
            .query_snapshot(move |conn| due_orders(conn, &skus, now, limit))
            .await
    }
}

/// Products with a batch that is overdue, if that was not told, or if a line that is due has units in it. By hand, for
/// the order of the join.
fn changed_by_day(conn: &mut SqliteConnection, today: Date, limit: usize) -> Result<Vec<Sku>, StoreError> {
    const PRODUCTS: &str = "\
        WITH asked (day) AS (VALUES (?)) \
        SELECT DISTINCT b.sku FROM asked CROSS JOIN batches AS b \
         WHERE b.eta < asked.day AND b.eta IS NOT NULL AND NOT b.closed AND ( \
             NOT b.overdue OR EXISTS ( \
                 SELECT 1 FROM lines AS l WHERE l.sku = b.sku AND l.due_by <= asked.day AND ( \
                     l.batch = b.reference OR EXISTS ( \
                         SELECT 1 FROM further_allocations AS f \
                          WHERE f.order_id = l.order_id AND f.line_id = l.line_id AND f.batch = b.reference \
                     ) \
                 ) \
             ) \
         )";
    let found: Statement<'_, Text> = statement(PRODUCTS).owned_text(today.to_string());
    skus(&first_rows(found.load_iter(conn), limit)?)
}

fn skus(names: &[String]) -> Result<Vec<Sku>, StoreError> {
    names.iter().map(|name| decode::sku(name)).collect()
}

/// Orders that have a line of one of these products whose deadline is not after an instant, the earliest deadline
/// first.
fn due_orders(
    conn: &mut SqliteConnection,
    skus: &BTreeSet<Sku>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<DueOrder>, StoreError> {
    let mut due: Vec<(i64, String)> = Vec::new();
    for sku in skus {
        let holds = lines::table
            .filter(lines::sku.eq(sku.as_str()))
            .filter(lines::hold_until.le(now.as_microsecond()))
            .order((lines::hold_until, lines::order_id))
            .select((lines::hold_until.assume_not_null(), lines::order_id))
            .distinct();
        // As many of each product as are wanted of all of them; rows that are not read are not made.
        let mut seen = BTreeSet::new();
        for row in holds.load_iter::<(i64, String), _>(conn).map_err(store_error)? {
            let (deadline, order) = row.map_err(store_error)?;
            if seen.len() >= limit {
                break;
            }
            if seen.insert(order.clone()) {
                due.push((deadline, order));
            }
        }
    }
    due.sort_unstable();
    let mut seen = BTreeSet::new();
    due.iter()
        .map(|(_, order)| order.as_str())
        .filter(|order| seen.insert(*order))
        .take(limit)
        .map(|order| {
            let lines = lines::table.filter(lines::order_id.eq(order)).count();
            let lines: i64 = lines.get_result(conn).map_err(store_error)?;
            Ok(DueOrder {
                id: decode::order_id(order)?,
                lines: usize::try_from(lines).unwrap_or(usize::MAX),
            })
        })
        .collect()
}
