//! Deadlines: which holds have ended, and which ends next.

use std::collections::BTreeSet;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{NextHold, OrderId, Reference, Scope, Sku, Units};
use jiff::Timestamp;

use super::error::store_error;
use super::load::rows_wanted;
use super::row::{self, pg_moment};
use super::statement::statement;

/// When the next hold ends on each product of which the scope asks it, but for those of the scope's orders.
pub(super) async fn next_holds(conn: &AsyncPgConnection, scope: &Scope) -> Result<Vec<NextHold>, StoreError> {
    const NEXT: &str = "SELECT product.sku, deadline.hold_until FROM unnest(?) AS asked (asked_sku) \
         CROSS JOIN LATERAL (SELECT sku FROM products WHERE sku = asked_sku LIMIT 1) AS product \
         LEFT JOIN LATERAL (SELECT hold_until FROM lines WHERE lines.sku = asked_sku AND hold_until IS NOT NULL \
         AND order_id <> ALL (?) ORDER BY hold_until LIMIT 1) AS deadline ON true";
    if scope.holds.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, Option<PgTimestamp>)> = statement::<(Text, Nullable<Timestamptz>)>(NEXT)
        .array::<Text, _>(scope.holds.iter().map(Sku::as_str).collect())
        .array::<Text, _>(scope.orders.iter().map(OrderId::as_str).collect())
        .rows(conn)
        .await
        .map_err(store_error)?;
    let mut found = Vec::with_capacity(rows.len());
    for (sku, at) in rows {
        // Each is one of those that were asked for.
        if let Some(sku) = scope.holds.iter().find(|asked| asked.as_str() == sku) {
            let at = at.map(|at| row::deadline(sku, at)).transpose()?;
            found.push(NextHold { sku: sku.clone(), at });
        }
    }
    Ok(found)
}

/// Orders that have a line of one of these products whose deadline is not after an instant, the earliest first.
pub(super) async fn due_orders(
    conn: &AsyncPgConnection,
    skus: &BTreeSet<Sku>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<OrderId>, StoreError> {
    // As many of each product as are wanted of all of them. An order that comes twice has two deadlines; no order has
    // more than a few.
    const DUE: &str = "SELECT due.* FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL \
         (SELECT DISTINCT hold_until, order_id FROM lines WHERE sku = asked_sku AND hold_until <= ? \
         ORDER BY hold_until, order_id LIMIT ?) AS due";
    let mut rows: Vec<(PgTimestamp, String)> = statement::<(Timestamptz, Text)>(DUE)
        .array::<Text, _>(skus.iter().map(Sku::as_str).collect())
        .bind::<Timestamptz, _>(pg_moment(now))
        .bind::<BigInt, _>(rows_wanted(limit))
        .rows(conn)
        .await
        .map_err(store_error)?;
    rows.sort_unstable_by(|(a, one), (b, other)| (a.0, one).cmp(&(b.0, other)));
    let mut seen = BTreeSet::new();
    rows.iter()
        .map(|(_, order)| order.as_str())
        .filter(|order| seen.insert(*order))
        .take(limit)
        .map(row::order_id)
        .collect()
}

/// Units that stand as allocated though the hold on them has ended.
#[derive(Debug, Default)]
pub(super) struct Ended(Vec<(Sku, Reference, Units)>);

impl Ended {
    /// Those of some products at an instant.
    pub(super) async fn of(conn: &AsyncPgConnection, skus: Vec<&Sku>, now: Timestamp) -> Result<Self, StoreError> {
        const ENDED: &str = "SELECT asked_sku, held.batch, sum(held.quantity)::bigint \
             FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL \
             (SELECT order_id, line_id FROM lines WHERE sku = asked_sku AND hold_until <= ? OFFSET 0) AS line \
             CROSS JOIN LATERAL (SELECT batch, quantity FROM allocations \
             WHERE order_id = line.order_id AND line_id = line.line_id OFFSET 0) AS held \
             GROUP BY asked_sku, held.batch";
        if skus.is_empty() {
            return Ok(Self::default());
        }
        let rows: Vec<(String, String, i64)> = statement::<(Text, Text, BigInt)>(ENDED)
            .array::<Text, _>(skus.into_iter().map(Sku::as_str).collect())
            .bind::<Timestamptz, _>(pg_moment(now))
            .rows(conn)
            .await
            .map_err(store_error)?;
        let ended = rows.into_iter().map(row::ended).collect::<Result<_, _>>()?;
        Ok(Self(ended))
    }

    /// Those in a batch.
    pub(super) fn in_batch(&self, batch: &Reference) -> Units {
        let here = self.0.iter().filter(|(_, reference, _)| reference == batch);
        here.map(|(_, _, units)| *units).sum()
    }

    /// Those of a product.
    pub(super) fn of_product(&self, product: &Sku) -> Units {
        let here = self.0.iter().filter(|(sku, _, _)| sku == product);
        here.map(|(_, _, units)| *units).sum()
    }
}
