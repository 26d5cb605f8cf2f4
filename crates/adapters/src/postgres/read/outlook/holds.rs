//! Holds: the units that leave the carts, and those that are held in each batch.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};
use earmark_application::{EndingHolds, StoreError};
use earmark_domain::{Reference, Sku, Units};
use jiff::Timestamp;

use crate::postgres::error::store_error;
use crate::postgres::read::page::{finish, page};
use crate::postgres::rows::values::{deadline, pg_bound};
use crate::postgres::statement::{row_limit, statement};
use crate::postgres::store::PostgresStore;
use crate::sql::decode::{RowContext, sku, units};

/// A product, the earliest deadline, and the units whose hold ends behind so many of the instants, but not behind all.
type EndingRow = (String, PgTimestamp, Vec<i32>, Vec<i64>);
type EndingTypes = (Text, Timestamptz, Array<Integer>, Array<BigInt>);

impl PostgresStore {
    pub(super) async fn holds_that_end(
        &self,
        now: Timestamp,
        until: &[Timestamp],
        after: Option<&Sku>,
        limit: usize,
    ) -> Result<Vec<EndingHolds>, StoreError> {
        // By hand: LATERAL. Products are walked in the order of an index that has those with holds alone, and each line is
        // read once: of the instants that its deadline lies behind, there are as many as its bucket says.
        const ENDING: &str = "SELECT product.sku, held.first, held.buckets, held.units FROM products AS product \
             CROSS JOIN LATERAL (SELECT min(first) AS first, array_agg(bucket) AS buckets, array_agg(units) AS units \
             FROM (SELECT width_bucket(hold_until, ?) AS bucket, min(hold_until) AS first, sum(quantity) AS units \
             FROM lines WHERE lines.sku = product.sku AND state = 'held' AND hold_until > ? AND hold_until <= ? \
             GROUP BY 1) AS ending) AS held \
             WHERE product.next_expiry <= ? AND product.sku > ? AND held.first IS NOT NULL \
             ORDER BY product.sku, product.next_expiry LIMIT ?";
        let Some(last) = until.last().copied().map(pg_bound) else {
            return Ok(Vec::new());
        };
        // A bucket begins with its bound, but who ends at an instant ends by it. Deadlines are whole microseconds.
        let behind = until
            .iter()
            .map(|until| PgTimestamp(pg_bound(*until).0.saturating_add(1)));
        let ending = statement::<EndingTypes>(ENDING)
            .array::<Timestamptz, _>(behind.collect())
            .bind::<Timestamptz, _>(pg_bound(now))
            .bind::<Timestamptz, _>(last)
            .bind::<Timestamptz, _>(last)
            .bind::<Text, _>(after.map_or("", Sku::as_str))
            .bind::<BigInt, _>(row_limit(limit));
        let connection = self.questions().get().await?;
        let rows = page(&connection, ending.rows::<EndingRow>(&connection)).await;
        let rows = finish(connection, rows).await?;
        rows.into_iter().map(|row| ending_holds(row, until.len())).collect()
    }

    pub(super) async fn units_that_are_held(
        &self,
        sku: &Sku,
        now: Timestamp,
    ) -> Result<Vec<(Reference, Units)>, StoreError> {
        // By hand: LATERAL.
        const HELD: &str = "SELECT held.batch, sum(held.quantity)::bigint FROM (SELECT order_id, line_id FROM lines \
             WHERE sku = ? AND state = 'held' AND hold_until > ? OFFSET 0) AS line \
             CROSS JOIN LATERAL (SELECT batch, quantity FROM allocations \
             WHERE order_id = line.order_id AND line_id = line.line_id OFFSET 0) AS held \
             GROUP BY held.batch ORDER BY held.batch";
        let held = statement::<(Text, BigInt)>(HELD)
            .bind::<Text, _>(sku.as_str())
            .bind::<Timestamptz, _>(pg_bound(now));
        let connection = self.questions().get().await?;
        let rows: Vec<(String, i64)> = held.rows(&connection).await.map_err(store_error)?;
        let of_batch = |(batch, sum): (String, i64)| {
            let at = RowContext {
                table: "allocations",
                key: &batch,
            };
            Ok((at.read("batch", Reference::new(&batch))?, at.units("quantity", sum)?))
        };
        rows.into_iter().map(of_batch).collect()
    }
}

/// The units of each bucket, added up: what ends by an instant ends by all later ones, too.
fn ending_holds((product, first, buckets, sums): EndingRow, instants: usize) -> Result<EndingHolds, StoreError> {
    let product = sku(&product)?;
    let mut in_buckets = vec![Units::ZERO; instants];
    for (bucket, sum) in buckets.into_iter().zip(sums) {
        let bucket = usize::try_from(bucket)
            .ok()
            .and_then(|bucket| in_buckets.get_mut(bucket));
        if let Some(bucket) = bucket {
            *bucket = units(&product, "quantity", sum)?;
        }
    }
    let added_up = in_buckets.into_iter().scan(Units::ZERO, |sum, units| {
        *sum = [*sum, units].into_iter().sum();
        Some(*sum)
    });
    Ok(EndingHolds {
        first: deadline(product.as_str(), first)?,
        units: added_up.collect(),
        sku: product,
    })
}
