//! Views: batches, orders, products and backlogs.
//!
//! A view of an instant does not count the units of holds that have ended by then. Only if a product knows of such a
//! hold, it is read again, with the ended holds, in one snapshot.

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl};
use earmark_application::{
    BatchRead, BatchSelection, LineRead, OrderRead, OrderSelection, Page, ProductRead, ProductSummary, StoreError,
    Views,
};
use earmark_domain::{BatchRecord, OrderId, ProductRecord, Reference, ServicePosition, Sku};
use jiff::Timestamp;

use super::expired_holds::{ExpiredHolds, is_due};
use crate::postgres::error::store_error;
use crate::postgres::lookups::batch::BatchByReference;
use crate::postgres::lookups::lookup::look_up;
use crate::postgres::lookups::order::OrderById;
use crate::postgres::lookups::product::{Stock, stock_at};
use crate::postgres::rows::values::pg_bound;
use crate::postgres::rows::{LineReadRow, LineReadTypes, LineRow, line_reads, read_lines};
use crate::postgres::schema::products;
use crate::postgres::session::Session;
use crate::postgres::statement::{Statement, load, row_limit, statement};
use crate::postgres::store::{PostgresStore, dispatches_of, roll_back};
use crate::sql::decode::counter;
use crate::sql::dispatches::{add_dispatches, leaving};
use crate::sql::rank;

#[async_trait]
impl Views for PostgresStore {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        let reference = reference.as_str();
        let mut found = self.look_up(reference, |lookups| &lookups.batches).await?;
        if let Some((_, product)) = &found
            && is_due(product, now)
        {
            found = self.batch_without_expired(reference, now).await?.or(found);
        }
        Ok(found.map(|(record, product)| BatchRead {
            record,
            version: product.version,
        }))
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        let found = self.look_up(id.as_str(), |lookups| &lookups.orders).await?;
        match &found {
            Some(order) if !leaving(&order.lines).is_empty() => self.order_with_dispatches(id).await,
            _ => Ok(found),
        }
    }

    async fn list_batches(
        &self,
        selection: &BatchSelection,
        after: Option<&Reference>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError> {
        self.batches_of(selection, after, now, limit).await
    }

    async fn list_orders(
        &self,
        selection: &OrderSelection,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError> {
        self.orders_of(selection, after, limit).await
    }

    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        let mut found = self.look_up(sku.as_str(), |lookups| &lookups.products).await?;
        if let Some(stock) = &found
            && is_due(&stock.product, now)
        {
            found = self.stock_without_expired(sku, now).await?.or(found);
        }
        Ok(found.map(|stock| ProductRead {
            summary: ProductSummary::of(stock.product, stock.batches.iter(), stock.backordered),
            batches: stock.batches,
        }))
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        self.summaries(search, after, now, limit).await
    }

    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&ServicePosition>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        // By hand: a comparison of rows, and LATERAL.
        const PAGE: &str = line_reads!(
            "",
            "state = 'backordered' AND sku = ? AND (rank, placed_version, order_id, line_id) > (?, ?, ?, ?) \
             AND (hold_until IS NULL OR hold_until > ?) ORDER BY rank, placed_version, order_id, line_id LIMIT ?",
            "line.rank, line.placed_version, line.order_id, line.line_id",
            "",
            ""
        );
        let (rank, placed_version, order, line) = after.map_or((i64::MIN, i64::MIN, "", ""), |position| {
            (
                rank::rank(position.precedence),
                counter(position.placed_version),
                position.key.order.as_str(),
                position.key.line.as_str(),
            )
        });
        let page = || {
            statement::<LineReadTypes>(PAGE)
                .columns::<LineRow>()
                .bind::<Text, _>(sku.as_str())
                .bind::<BigInt, _>(rank)
                .bind::<BigInt, _>(placed_version)
                .bind::<Text, _>(order)
                .bind::<Text, _>(line)
                .bind::<Timestamptz, _>(pg_bound(now))
                .bind::<BigInt, _>(row_limit(limit))
        };
        let connection = self.questions().get().await?;
        let rows: Vec<LineReadRow> = page().rows(&connection).await.map_err(store_error)?;
        let lines = read_lines(rows)?;
        if !leaving(&lines).is_empty() {
            drop(connection);
            return self.lines_with_dispatches(page()).await.map(Some);
        }
        if !lines.is_empty() {
            return Ok(Some(lines));
        }
        // Products are never deleted, so this second statement needs no common snapshot.
        let product = products::table
            .filter(products::sku.eq(sku.as_str()))
            .select(products::version)
            .limit(1);
        let known: Vec<i64> = load(product, &connection).await.map_err(store_error)?;
        Ok((!known.is_empty()).then_some(lines))
    }
}

impl PostgresStore {
    /// An order with its lines and what has left of them.
    async fn order_with_dispatches(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        let conn = self.snapshot().await?;
        let read = async {
            let mut found = look_up::<OrderById>(id.as_str(), &conn).await?;
            let lines = found.iter_mut().flat_map(|order| &mut order.lines);
            read_dispatches(&conn, lines.collect()).await?;
            Ok::<_, StoreError>(found)
        };
        let read = read.await;
        roll_back(conn).await;
        read
    }

    /// Lines with what has left of them.
    async fn lines_with_dispatches(&self, page: Statement<'_, LineReadTypes>) -> Result<Vec<LineRead>, StoreError> {
        let conn = self.snapshot().await?;
        let read = async {
            let rows: Vec<LineReadRow> = page.rows(&conn).await.map_err(store_error)?;
            let mut lines = read_lines(rows)?;
            read_dispatches(&conn, lines.iter_mut().collect()).await?;
            Ok::<_, StoreError>(lines)
        };
        let read = read.await;
        roll_back(conn).await;
        read
    }

    /// A batch with its product, without the units of holds that have ended.
    async fn batch_without_expired(
        &self,
        reference: &str,
        now: Timestamp,
    ) -> Result<Option<(BatchRecord, ProductRecord)>, StoreError> {
        let conn = self.snapshot().await?;
        let read = async {
            let found = look_up::<BatchByReference>(reference, &conn).await?;
            let expired = ExpiredHolds::of(&conn, found.iter().map(|(_, product)| product), now).await?;
            Ok::<_, StoreError>(found.map(|(mut batch, product)| {
                expired.subtract_from(&mut batch);
                (batch, product)
            }))
        };
        let read = read.await;
        roll_back(conn).await;
        read
    }

    /// A product with its batches and backlog, without holds that have ended.
    async fn stock_without_expired(&self, sku: &Sku, now: Timestamp) -> Result<Option<Stock>, StoreError> {
        let conn = self.snapshot().await?;
        let read = async {
            let mut found = stock_at(sku, now, &conn).await?;
            if let Some(stock) = &mut found {
                let expired = ExpiredHolds::of(&conn, std::iter::once(&stock.product), now).await?;
                stock.batches.iter_mut().for_each(|batch| expired.subtract_from(batch));
            }
            Ok::<_, StoreError>(found)
        };
        let read = read.await;
        roll_back(conn).await;
        read
    }
}

/// Reads what has left of lines.
pub(super) async fn read_dispatches(conn: &Session, lines: Vec<&mut LineRead>) -> Result<(), StoreError> {
    let leaving = leaving(lines.iter().map(|line| &**line));
    let dispatches = dispatches_of(conn, &leaving.iter().collect::<Vec<_>>()).await?;
    add_dispatches(lines, dispatches);
    Ok(())
}
