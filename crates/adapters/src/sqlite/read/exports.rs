//! Exports: whole tables, page by page.

use async_trait::async_trait;
use diesel::prelude::*;
use earmark_application::{Exports, LineFilter, LineRead, StoreError};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, Reference};

use super::super::builder::first_rows;
use super::super::cursors::lines_after;
use super::super::rows::{self, BatchRow, OrderRow, PlacedLineRow};
use super::super::schema::{batches, further_allocations, lines, orders};
use super::super::sqlite_store::SqliteStore;
use super::line_reads::{further_batches, line_read_columns, line_reads, lines_with_allocations};

#[async_trait]
impl Exports for SqliteStore {
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        let after = after.cloned();
        self.readers
            .long
            .query(move |conn| {
                let all = lines_with_allocations!()
                    .filter(lines_after(after.as_ref()))
                    .order((lines::order_id, lines::line_id))
                    .select(line_read_columns!());
                match filter {
                    LineFilter::All => line_reads(all.load_iter(conn), limit),
                    LineFilter::In(state) => {
                        line_reads(all.filter(lines::state.eq(state.as_str())).load_iter(conn), limit)
                    }
                }
            })
            .await
    }

    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError> {
        let after = after.cloned();
        self.readers
            .long
            .query(move |conn| {
                // No name is empty, so each comes after the empty text.
                let page = batches::table
                    .filter(batches::reference.gt(after.as_ref().map_or("", Reference::as_str)))
                    .order(batches::reference)
                    .select(BatchRow::as_select());
                let page: Vec<BatchRow> = first_rows(page.load_iter(conn), limit)?;
                page.into_iter().map(rows::batch).collect()
            })
            .await
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        let after = after.cloned();
        self.readers
            .long
            .query(move |conn| {
                let page = orders::table
                    .filter(orders::order_id.gt(after.as_ref().map_or("", OrderId::as_str)))
                    .order(orders::order_id)
                    .select(OrderRow::as_select());
                let page: Vec<OrderRow> = first_rows(page.load_iter(conn), limit)?;
                page.into_iter().map(rows::order).collect()
            })
            .await
    }
}
