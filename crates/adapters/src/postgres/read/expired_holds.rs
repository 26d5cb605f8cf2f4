//! Units that are still stored as allocated though the hold on them has ended.

use diesel::sql_types::{BigInt, Text, Timestamptz};
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, ProductRecord, Reference, Sku, Units};
use jiff::Timestamp;

use crate::postgres::error::store_error;
use crate::postgres::rows::values::pg_bound;
use crate::postgres::session::Session;
use crate::postgres::statement::statement;
use crate::sql::decode::ended;

/// Whether a hold on a product may have ended by an instant.
pub(super) fn is_due(product: &ProductRecord, now: Timestamp) -> bool {
    product.next_expiry.is_some_and(|deadline| deadline <= now)
}

/// The units of holds that have ended, by product and batch.
#[derive(Debug, Default)]
pub(super) struct ExpiredHolds(Vec<(Sku, Reference, Units)>);

impl ExpiredHolds {
    /// Those on some products at an instant. Only products that are due are looked at.
    pub(super) async fn of<'a>(
        conn: &Session,
        products: impl Iterator<Item = &'a ProductRecord> + Send,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        // By hand: LATERAL.
        const EXPIRED: &str = "SELECT asked_sku, held.batch, sum(held.quantity)::bigint \
             FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL \
             (SELECT order_id, line_id FROM lines WHERE sku = asked_sku AND hold_until <= ? OFFSET 0) AS line \
             CROSS JOIN LATERAL (SELECT batch, quantity FROM allocations \
             WHERE order_id = line.order_id AND line_id = line.line_id OFFSET 0) AS held \
             GROUP BY asked_sku, held.batch";
        let due = products.filter(|product| is_due(product, now));
        let skus: Vec<&str> = due.map(|product| product.sku.as_str()).collect();
        if skus.is_empty() {
            return Ok(Self::default());
        }
        let rows: Vec<(String, String, i64)> = statement::<(Text, Text, BigInt)>(EXPIRED)
            .array::<Text, _>(skus)
            .bind::<Timestamptz, _>(pg_bound(now))
            .rows(conn)
            .await
            .map_err(store_error)?;
        let expired = rows.into_iter().map(ended).collect::<Result<_, _>>()?;
        Ok(Self(expired))
    }

    /// Takes their units from the allocated ones of a batch.
    pub(super) fn subtract_from(&self, batch: &mut BatchRecord) {
        batch.allocated = batch.allocated.saturating_sub(self.of_batch(&batch.reference));
    }

    /// Their units in a batch.
    pub(super) fn of_batch(&self, batch: &Reference) -> Units {
        let here = self.0.iter().filter(|(_, reference, _)| reference == batch);
        here.map(|(_, _, units)| *units).sum()
    }

    /// The batches that have such units.
    pub(super) fn batches(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().map(|(_, batch, _)| batch)
    }

    /// Their units of a product.
    pub(super) fn of_product(&self, product: &Sku) -> Units {
        let here = self.0.iter().filter(|(sku, _, _)| sku == product);
        here.map(|(_, _, units)| *units).sum()
    }
}
