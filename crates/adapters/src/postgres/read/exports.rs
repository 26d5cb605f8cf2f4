//! Exports: whole tables, page by page, in the order of their keys.

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Text};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::{Exports, LineFilter, LineRead, StoreError};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, Reference};

use super::page::{finish, page};
use crate::postgres::rows::{BatchRow, LineReadRow, LineReadTypes, LineRow, OrderRow, line_reads, read_lines, records};
use crate::postgres::schema::{batches, orders};
use crate::postgres::statement::{load, row_limit, statement};
use crate::postgres::store::PostgresStore;

// No key is empty, so each comes after the empty text.

#[async_trait]
impl Exports for PostgresStore {
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        // By hand: a comparison of rows, and LATERAL.
        const ALL: &str = line_reads!(
            "",
            "(order_id, line_id) > (?, ?) ORDER BY order_id, line_id LIMIT ?",
            "line.order_id, line.line_id",
            "",
            ""
        );
        const IN_STATE: &str = line_reads!(
            "",
            "(order_id, line_id) > (?, ?) AND state = ? ORDER BY order_id, line_id LIMIT ?",
            "line.order_id, line.line_id",
            "",
            ""
        );
        let (order, line) = after.map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
        let lines = match filter {
            LineFilter::All => statement::<LineReadTypes>(ALL)
                .columns::<LineRow>()
                .bind::<Text, _>(order)
                .bind::<Text, _>(line),
            LineFilter::In(state) => statement(IN_STATE)
                .columns::<LineRow>()
                .bind::<Text, _>(order)
                .bind::<Text, _>(line)
                .bind::<Text, _>(state.as_str()),
        };
        let lines = lines.bind::<BigInt, _>(row_limit(limit));
        let connection = self.export_session().await?;
        let rows = page(&connection, lines.rows::<LineReadRow>(&connection)).await;
        read_lines(finish(connection, rows).await?)
    }

    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError> {
        let batches = batches::table
            .filter(batches::reference.gt(after.map_or("", Reference::as_str)))
            .order(batches::reference)
            .limit(row_limit(limit))
            .select(BatchRow::as_select());
        let connection = self.export_session().await?;
        let rows = page(&connection, load(batches, &connection)).await;
        records(finish(connection, rows).await?)
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        let orders = orders::table
            .filter(orders::order_id.gt(after.map_or("", OrderId::as_str)))
            .order(orders::order_id)
            .limit(row_limit(limit))
            .select(OrderRow::as_select());
        let connection = self.export_session().await?;
        let rows = page(&connection, load(orders, &connection)).await;
        records(finish(connection, rows).await?)
    }
}
