//! Views: batches, orders and products as callers ask for them.

use async_trait::async_trait;
use diesel::prelude::*;
use earmark_application::{
    BatchRead, BatchSelection, LineRead, OrderRead, OrderSelection, Page, ProductRead, ProductSummary, StoreError,
    Views,
};
use earmark_domain::{OrderId, Reference, ServicePosition, Sku};
use jiff::Timestamp;

use super::super::builder::{Backordered, first_rows};
use super::super::cursors::served_after;
use super::super::rows::PlacedLineRow;
use super::super::schema::{batches, further_allocations, lines, products};
use super::super::sqlite_store::SqliteStore;
use super::line_reads::{further_batches, line_read_columns, line_reads, lines_with_allocations, read_dispatches};
use super::{lists, stock};
use crate::sql::dispatches::leaving;

#[async_trait]
impl Views for SqliteStore {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        let reference = reference.clone();
        self.query_at(now, move |conn, ended| stock::batch(conn, &reference, ended))
            .await
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        let id = id.clone();
        let readers = &self.readers.by_key;
        let found = {
            let id = id.clone();
            readers.query(move |conn| lists::order(conn, id)).await?
        };
        let has_left = found.as_ref().is_some_and(|order| !leaving(&order.lines).is_empty());
        if has_left {
            return readers
                .query_snapshot(move |conn| lists::order_with_dispatches(conn, id))
                .await;
        }
        Ok(found)
    }

    async fn list_batches(
        &self,
        selection: &BatchSelection,
        after: Option<&Reference>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError> {
        let (selection, after) = (selection.clone(), after.cloned());
        self.query_snapshot_at(now, move |conn, ended| {
            lists::list_batches(conn, &selection, after.as_ref(), limit, ended)
        })
        .await
    }

    async fn list_orders(
        &self,
        selection: &OrderSelection,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError> {
        let (selection, after) = (selection.clone(), after.cloned());
        self.readers
            .long
            .query_snapshot(move |conn| lists::list_orders(conn, &selection, after.as_ref(), limit))
            .await
    }

    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        let sku = sku.clone();
        self.query_at(now, move |conn, ended| stock::product(conn, &sku, ended))
            .await
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        let folded = search.filter(|search| !search.is_empty()).map(str::to_lowercase);
        let after = after.cloned();
        self.query_snapshot_at(now, move |conn, ended| {
            stock::summaries(conn, folded.as_deref(), after.as_ref(), limit, ended)
        })
        .await
    }

    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&ServicePosition>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        let (sku, after) = (sku.clone(), after.cloned());
        self.readers
            .long
            .query_snapshot(move |conn| {
                let waiting = lines_with_allocations!()
                    .filter(lines::sku.eq(sku.as_str()))
                    .filter(lines::state.eq(Backordered))
                    .filter(served_after(after.as_ref()))
                    .filter(
                        lines::hold_until
                            .is_null()
                            .or(lines::hold_until.gt(now.as_microsecond())),
                    )
                    .order((lines::rank, lines::placed_version, lines::order_id, lines::line_id))
                    .select(line_read_columns!());
                let mut waiting = line_reads(waiting.load_iter(conn), limit)?;
                read_dispatches(conn, &mut waiting)?;
                if !waiting.is_empty() {
                    return Ok(Some(waiting));
                }
                // Products are never deleted, so the second look needs no snapshot.
                let named = products::table
                    .filter(products::sku.eq(sku.as_str()))
                    .select(products::version);
                let known = first_rows::<i64>(named.load_iter(conn), 1)?;
                Ok((!known.is_empty()).then_some(waiting))
            })
            .await
    }
}
