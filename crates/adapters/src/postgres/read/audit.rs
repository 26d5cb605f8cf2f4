//! The audit: what `verify` reads to check the tables against the events.

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Bool, Text};
use earmark_application::{Audit, LineEventCheck, StoreError};
use earmark_domain::{LineKey, OrderId, ProductHistory, SequencedEvent, Sku};

use super::history::history;
use super::page::{finish, page};
use crate::postgres::connections::be_patient;
use crate::postgres::rows::{EventRow, LineRow, records};
use crate::postgres::statement::{TypesOf, row_limit, statement};
use crate::postgres::store::{PostgresStore, roll_back};
use crate::sql::decode::counter;

#[async_trait]
impl Audit for PostgresStore {
    async fn line_event_checks(
        &self,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineEventCheck>, StoreError> {
        // By hand: a comparison of rows, and LATERAL. A line's event is the one that the line names, if that is about
        // the line; else one of its order and product. The second is looked up by order: an order has a few events, a
        // product may have any number, and no index serves a comparison that NULL may pass.
        const PAGE: &str = "SELECT line.*, event.found IS NOT NULL FROM \
             (SELECT {}, coalesce(first_placed_version, placed_version) AS first_version FROM lines WHERE (order_id, line_id) > (?, ?) \
             ORDER BY order_id, line_id LIMIT ?) AS line \
             LEFT JOIN LATERAL (SELECT true AS found FROM events WHERE events.sku = line.sku \
             AND events.version = line.first_version AND events.data ->> 'order_id' = line.order_id \
             AND events.data ->> 'line_id' = line.line_id \
             UNION ALL SELECT true AS found FROM events WHERE events.order_id = line.order_id \
             AND events.sku IS NOT DISTINCT FROM line.sku LIMIT 1) AS event ON true \
             ORDER BY line.order_id, line.line_id";
        let (order, line) = after.map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
        let lines = statement::<(TypesOf<LineRow>, BigInt, Bool)>(PAGE)
            .columns::<LineRow>()
            .bind::<Text, _>(order)
            .bind::<Text, _>(line)
            .bind::<BigInt, _>(row_limit(limit));
        let connection = self.export_session().await?;
        let rows = page(&connection, lines.rows::<(LineRow, i64, bool)>(&connection)).await;
        let check = |(line, _, has_event): (LineRow, i64, bool)| {
            Ok(LineEventCheck {
                record: line.try_into()?,
                has_event,
            })
        };
        finish(connection, rows).await?.into_iter().map(check).collect()
    }

    async fn order_events(
        &self,
        after: Option<(&OrderId, u64)>,
        limit: usize,
    ) -> Result<Vec<SequencedEvent>, StoreError> {
        // By hand: a comparison of rows.
        const PAGE: &str = "SELECT {} FROM events WHERE order_id IS NOT NULL AND (order_id, sequence) > (?, ?) \
             AND sku IS NULL ORDER BY order_id, sequence LIMIT ?";
        // No order id is empty, so each comes after the empty text.
        let (order, sequence) = after.map_or(("", 0), |(order, sequence)| (order.as_str(), counter(sequence)));
        let events = statement::<TypesOf<EventRow>>(PAGE)
            .columns::<EventRow>()
            .bind::<Text, _>(order)
            .bind::<BigInt, _>(sequence)
            .bind::<BigInt, _>(row_limit(limit));
        let connection = self.export_session().await?;
        let rows = page(&connection, events.rows::<EventRow>(&connection)).await;
        records(finish(connection, rows).await?)
    }

    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
        let connection = self.snapshot().await?;
        be_patient(&connection);
        let read = history(&connection, sku).await;
        roll_back(connection).await;
        read
    }
}
