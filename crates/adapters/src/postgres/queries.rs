//! Questions to the books: pages by key, read from the tables as they stand.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::data_types::PgDate;
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::pg::Pg;
use diesel::query_dsl::CompatibleType;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SqlType, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::{
    Audit, BatchRead, EncodedEvent, EventFeed, EventFilter, EventPage, Exports, Health, LineEventCheck, LineFilter,
    LineRead, OrderRead, ProductRead, ProductSummary, StoreError, Views, Worklist,
};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, ProductHistory, Reference, ServicePosition, Sku};
use futures::try_join;
use jiff::Timestamp;

use super::columns::{
    BatchRow, BatchTypes, LineRow, LineTypes, OrderRow, OrderTypes, ProductRow, ProductTypes, batch_columns,
    line_columns, order_columns, product_columns,
};
use super::deadlines::due_orders;
use super::error::store_error;
use super::events::event_page;
use super::history::history;
use super::load::rows_wanted;
use super::lookups::{Lookup, Place, Queue};
use super::row::{self, BEFORE_ALL, pg_instant, pg_moment};
use super::statement::{Statement, statement};
use super::sums;
use super::transact::give_up;
use super::{BEGIN_TO_READ, PostgresStore, roll_back};
use crate::sql::rank;

/// A line with one of its allocations; without allocations it comes once.
type LineReadTypes = (LineTypes, (Nullable<Text>, Nullable<Integer>, Nullable<Date>));
type LineReadRow = (LineRow, (Option<String>, Option<i32>, Option<PgDate>));

/// Joins each line of `page` with its allocations, in preference order, in the order of the lines given.
macro_rules! line_reads {
    ($page:expr, $order:expr) => {
        line_reads!("", $page, $order, "", "")
    };
    ($asked:expr, $page:expr, $order:expr, $more:expr, $joined:expr) => {
        concat!(
            "SELECT line.*, held.batch, held.quantity, held.eta",
            $more,
            " FROM ",
            $asked,
            "(SELECT ",
            line_columns!(),
            " FROM lines WHERE ",
            $page,
            ") AS line LEFT JOIN LATERAL (SELECT allocations.batch, allocations.quantity, place.eta, place.ordinal ",
            "FROM allocations CROSS JOIN LATERAL (SELECT eta, ordinal FROM batches ",
            "WHERE reference = allocations.batch LIMIT 1) AS place ",
            "WHERE allocations.order_id = line.order_id AND allocations.line_id = line.line_id OFFSET 0) AS held ",
            "ON true ",
            $joined,
            "ORDER BY ",
            $order,
            ", held.eta NULLS FIRST, held.ordinal"
        )
    };
}

/// Gathers the rows of each line, which stand together.
fn line_reads(rows: Vec<LineReadRow>) -> Result<Vec<LineRead>, StoreError> {
    let mut reads: Vec<LineRead> = Vec::new();
    for (line, (batch, quantity, eta)) in rows {
        let record = row::line(line)?;
        if reads
            .last()
            .is_none_or(|read| read.record.terms.key != record.terms.key)
        {
            reads.push(LineRead {
                record,
                allocations: Vec::new(),
            });
        }
        if let (Some(read), Some(batch), Some(quantity)) = (reads.last_mut(), batch, quantity) {
            let part = row::part(&read.record.terms.key, &batch, quantity, eta)?;
            read.allocations.push(part);
        }
    }
    Ok(reads)
}

/// An order, looked up by its id.
pub(super) enum OrderByKey {}

impl Lookup for OrderByKey {
    /// The header comes with each line, if there is one.
    type Row = (LineReadRow, Option<OrderRow>);
    type Found = OrderRead;

    async fn rows(keys: Vec<&str>, conn: &AsyncPgConnection) -> QueryResult<Vec<Self::Row>> {
        const OF_ORDERS: &str = line_reads!(
            "unnest(?) AS asked (one) CROSS JOIN LATERAL ",
            "order_id = one OFFSET 0",
            "line.order_id, line.line_id",
            ", header.*",
            concat!(
                "LEFT JOIN LATERAL (SELECT ",
                order_columns!(),
                " FROM orders WHERE orders.order_id = line.order_id LIMIT 1) AS header ON true "
            )
        );
        let asked = statement::<(LineReadTypes, Nullable<OrderTypes>)>(OF_ORDERS);
        asked.array::<Text, _>(keys).rows(conn).await
    }

    fn key(((line, _), _): &Self::Row) -> &str {
        &line.0
    }

    fn read(rows: Vec<Self::Row>) -> Result<OrderRead, StoreError> {
        let (lines, headers): (Vec<LineReadRow>, Vec<Option<OrderRow>>) = rows.into_iter().unzip();
        let header = headers.into_iter().next().flatten().map(row::order).transpose()?;
        let lines = line_reads(lines)?;
        Ok(OrderRead {
            id: lines[0].record.terms.key.order.clone(),
            header,
            lines,
        })
    }

    fn queue(place: &Place) -> &Queue<Self> {
        &place.orders
    }
}

#[async_trait]
impl Views for PostgresStore {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        sums::batch(self, reference, now).await
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        self.look_up::<OrderByKey>(id.as_str()).await
    }

    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        sums::product(self, sku, now).await
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        sums::page(self, search, after, now, limit).await
    }

    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&ServicePosition>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        const PAGE: &str = line_reads!(
            "state = 'backordered' AND sku = ? AND (rank, placed_at, order_id, line_id) > (?, ?, ?, ?) \
             AND (hold_until IS NULL OR hold_until > ?) ORDER BY rank, placed_at, order_id, line_id LIMIT ?",
            "line.rank, line.placed_at, line.order_id, line.line_id"
        );
        let connection = self.connection().await?;
        let (rank, placed_at, order, line) = after.map_or((i64::MIN, BEFORE_ALL, "", ""), |turn| {
            (
                rank::rank(turn.precedence),
                pg_instant(turn.placed_at),
                turn.key.order.as_str(),
                turn.key.line.as_str(),
            )
        });
        let rows: Vec<LineReadRow> = statement::<LineReadTypes>(PAGE)
            .bind::<Text, _>(sku.as_str())
            .bind::<BigInt, _>(rank)
            .bind::<Timestamptz, _>(placed_at)
            .bind::<Text, _>(order)
            .bind::<Text, _>(line)
            .bind::<Timestamptz, _>(pg_moment(now))
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        let lines = line_reads(rows)?;
        // A line that waits proves its product. Products are never taken away, so the second look needs no snapshot.
        let known = !lines.is_empty() || product_exists(&connection, sku).await?;
        Ok(known.then_some(lines))
    }
}

#[async_trait]
impl EventFeed for PostgresStore {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        event_page(self, filter, after, limit, row::event).await
    }

    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        event_page(self, filter, after, limit, row::encoded_event).await
    }
}

#[async_trait]
impl Exports for PostgresStore {
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        const ALL: &str = line_reads!(
            "(order_id, line_id) > (?, ?) ORDER BY order_id, line_id LIMIT ?",
            "line.order_id, line.line_id"
        );
        const IN_STATE: &str = line_reads!(
            "(order_id, line_id) > (?, ?) AND state = ? ORDER BY order_id, line_id LIMIT ?",
            "line.order_id, line.line_id"
        );
        let (order, line) = after.map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
        let page = match filter {
            LineFilter::All => statement::<LineReadTypes>(ALL)
                .bind::<Text, _>(order)
                .bind::<Text, _>(line),
            LineFilter::In(state) => statement(IN_STATE)
                .bind::<Text, _>(order)
                .bind::<Text, _>(line)
                .bind::<Text, _>(state.as_str()),
        };
        line_reads(self.page(page.bind::<BigInt, _>(rows_wanted(limit))).await?)
    }

    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT ",
            batch_columns!(),
            " FROM batches WHERE reference > ? ORDER BY reference LIMIT ?"
        );
        let page = statement::<BatchTypes>(PAGE)
            .bind::<Text, _>(after.map_or("", Reference::as_str))
            .bind::<BigInt, _>(rows_wanted(limit));
        let rows: Vec<BatchRow> = self.page(page).await?;
        rows.into_iter().map(row::batch).collect()
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE order_id > ? ORDER BY order_id LIMIT ?"
        );
        let page = statement::<OrderTypes>(PAGE)
            .bind::<Text, _>(after.map_or("", OrderId::as_str))
            .bind::<BigInt, _>(rows_wanted(limit));
        let rows: Vec<OrderRow> = self.page(page).await?;
        rows.into_iter().map(row::order).collect()
    }
}

#[async_trait]
impl Worklist for PostgresStore {
    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, StoreError> {
        let connection = self.connection().await?;
        due_orders(&connection, skus, now, limit).await
    }

    async fn products_with_pending_backlog(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        const OWED: &str = concat!(
            "SELECT ",
            product_columns!(),
            " FROM products WHERE resume_placed_at IS NOT NULL ORDER BY sku LIMIT ?"
        );
        let connection = self.connection().await?;
        let rows: Vec<ProductRow> = statement::<ProductTypes>(OWED)
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        rows.into_iter()
            .map(|owed| row::product(owed).map(|product| product.sku))
            .collect()
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        const DUE: &str = concat!(
            "SELECT ",
            product_columns!(),
            " FROM products WHERE next_expiry <= ? ORDER BY next_expiry, sku LIMIT ?"
        );
        let connection = self.connection().await?;
        let rows: Vec<ProductRow> = statement::<ProductTypes>(DUE)
            .bind::<Timestamptz, _>(pg_moment(now))
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        rows.into_iter()
            .map(|due| row::product(due).map(|product| product.sku))
            .collect()
    }
}

#[async_trait]
impl Audit for PostgresStore {
    async fn line_event_checks(
        &self,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineEventCheck>, StoreError> {
        // By the line's own word, if the event that it names is about it. Else by the order: an order has a few events, a
        // product may have any number. Only by the order can they be found there: no index serves a comparison that NULL
        // may pass.
        const PAGE: &str = concat!(
            "SELECT ",
            line_columns!(),
            ", event.found IS NOT NULL FROM (SELECT ",
            line_columns!(),
            ", placed_version FROM lines WHERE (order_id, line_id) > (?, ?) ORDER BY order_id, line_id LIMIT ?) AS line ",
            "LEFT JOIN LATERAL (SELECT true AS found FROM events WHERE events.sku = line.sku ",
            "AND events.version = line.placed_version AND events.data ->> 'order_id' = line.order_id ",
            "AND events.data ->> 'line_id' = line.line_id ",
            "UNION ALL SELECT true AS found FROM events WHERE events.order_id = line.order_id ",
            "AND events.sku IS NOT DISTINCT FROM line.sku LIMIT 1) AS event ON true ",
            "ORDER BY line.order_id, line.line_id"
        );
        let (order, line) = after.map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
        let page = statement::<(LineTypes, Bool)>(PAGE)
            .bind::<Text, _>(order)
            .bind::<Text, _>(line)
            .bind::<BigInt, _>(rows_wanted(limit));
        let rows: Vec<(LineRow, bool)> = self.page(page).await?;
        let proof = |(line, placing_event)| {
            Ok(LineEventCheck {
                record: row::line(line)?,
                has_event: placing_event,
            })
        };
        rows.into_iter().map(proof).collect()
    }

    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
        let connection = self.begin(BEGIN_TO_READ).await?;
        let read = history(&connection, sku).await;
        roll_back(connection).await;
        read
    }
}

#[async_trait]
impl Health for PostgresStore {
    async fn ready(&self) -> Result<(), StoreError> {
        // A transaction, because its beginning is where a dead connection is replaced.
        let connection = self.begin(BEGIN_TO_READ).await?;
        roll_back(connection).await;
        Ok(())
    }
}

impl PostgresStore {
    /// Asks for a page in the order of a key, in one round trip.
    ///
    /// A plan is made for pages of any length, and to the planner that means a tenth of what there is. In a large table
    /// that looks cheaper when it is gathered through a bitmap and sorted, which reads all of it for each page. So it is
    /// not offered that.
    async fn page<Row, U>(&self, page: Statement<'_, Row>) -> Result<Vec<U>, StoreError>
    where
        Row: SqlType + CompatibleType<U, Pg> + Send + 'static,
        Pg: QueryMetadata<Row>,
        U: FromSqlRow<<Row as CompatibleType<U, Pg>>::SqlType, Pg> + Send + 'static,
        <Row as CompatibleType<U, Pg>>::SqlType: 'static,
    {
        let connection = self.connection().await?;
        let asked = try_join!(
            statement::<()>("BEGIN READ ONLY").write(&connection),
            statement::<()>("SET LOCAL enable_bitmapscan = off").write(&connection),
            page.rows(&connection),
            statement::<()>("COMMIT").write(&connection),
        );
        match asked {
            Ok((_, _, rows, _)) => Ok(rows),
            Err(error) => {
                give_up(connection).await;
                Err(store_error(error))
            }
        }
    }
}

async fn product_exists(connection: &AsyncPgConnection, sku: &Sku) -> Result<bool, StoreError> {
    let found: Vec<bool> = statement::<Bool>("SELECT EXISTS (SELECT FROM products WHERE sku = ?)")
        .bind::<Text, _>(sku.as_str())
        .rows(connection)
        .await
        .map_err(store_error)?;
    Ok(found == [true])
}
