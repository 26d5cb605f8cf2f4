//! Deadlines: which holds have ended, and which ends next.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use earmark_domain::{OrderId, Reference, Sku, Units};
use jiff::Timestamp;

use super::error::store_error;
use super::row;
use super::statement::statement;

/// When the next hold on a product ends, but for those of these orders.
pub(super) fn next_hold(
    connection: &mut SqliteConnection,
    sku: &Sku,
    but_for: &BTreeSet<OrderId>,
) -> Result<Option<Timestamp>, StoreError> {
    const NEXT: &str = "SELECT hold_until FROM lines INDEXED BY lines_hold_until \
         WHERE sku = ? AND hold_until IS NOT NULL AND order_id NOT IN (SELECT value FROM json_each(?)) \
         ORDER BY hold_until LIMIT 1";
    let found: Vec<i64> = statement::<BigInt>(NEXT)
        .text(sku.as_str())
        .list(but_for.iter().map(OrderId::as_str))
        .load(connection)
        .map_err(store_error)?;
    found.first().map(|at| row::deadline(sku, *at)).transpose()
}

/// Orders that have a line of one of these products whose deadline is not after an instant, the earliest first.
pub(super) fn due_orders(
    connection: &mut SqliteConnection,
    skus: &BTreeSet<Sku>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<OrderId>, StoreError> {
    const DUE: &str = "SELECT DISTINCT hold_until, order_id FROM lines INDEXED BY lines_hold_until \
         WHERE sku = ? AND hold_until <= ? ORDER BY hold_until, order_id";
    let mut due: Vec<(i64, String)> = Vec::new();
    for sku in skus {
        // As many of each product as are wanted of all of them; rows that nobody asks for are not made.
        let orders = statement::<(BigInt, Text)>(DUE)
            .text(sku.as_str())
            .integer(now.as_microsecond())
            .load_iter::<(i64, String), _>(connection)
            .map_err(store_error)?;
        let mut seen = BTreeSet::new();
        for row in orders {
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
        .map(row::order_id)
        .collect()
}

/// Units that stand as allocated though the hold on them has ended.
#[derive(Debug, Default)]
pub(super) struct Ended(Vec<(Sku, Reference, Units)>);

impl Ended {
    /// Those of some products at an instant.
    pub(super) fn of<'a>(
        connection: &mut SqliteConnection,
        skus: impl IntoIterator<Item = &'a Sku>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        const ENDED: &str = "WITH ended AS MATERIALIZED (SELECT lines.* FROM json_each(?) AS named \
             CROSS JOIN lines INDEXED BY lines_hold_until ON lines.sku = named.value AND lines.hold_until <= ?) \
             SELECT sku, batch, sum(units) FROM (\
             SELECT sku, batch, units FROM ended WHERE batch IS NOT NULL UNION ALL \
             SELECT ended.sku, held.batch, held.quantity FROM ended \
             CROSS JOIN further_allocations AS held USING (order_id, line_id)) GROUP BY sku, batch";
        let rows: Vec<(String, String, i64)> = statement::<(Text, Text, BigInt)>(ENDED)
            .list(skus.into_iter().map(Sku::as_str))
            .integer(now.as_microsecond())
            .load(connection)
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
