//! Questions to the books: pages by key, read from the tables as they stand.
//!
//! A limit is written `+?`: a bare `?` would have SQLite look at its value while it plans, and plan anew each time the
//! statement gets another, which costs more than reading a page.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{
    Audit, BatchRead, EncodedEvent, EventFeed, EventFilter, EventPage, Exports, Health, LineEventCheck, LineFilter,
    LineRead, OrderRead, ProductRead, ProductSummary, StoreError, Views, Worklist,
};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, ProductHistory, Reference, ServicePosition, Sku};
use jiff::Timestamp;

use super::SqliteStore;
use super::columns::{
    BatchRow, BatchTypes, LineRow, LineTypes, OrderRow, OrderTypes, ProductRow, ProductTypes, batch_columns,
    line_columns, order_columns, product_columns,
};
use super::deadlines::due_orders;
use super::error::store_error;
use super::events::event_page;
use super::history::history;
use super::load::{rows_wanted, turn_columns};
use super::row;
use super::statement::{Statement, statement};
use super::sums;

/// A line with one of its allocations; without allocations it comes once.
type LineReadTypes = (LineTypes, (Nullable<Text>, Nullable<BigInt>, Nullable<Text>));
type LineReadRow = (LineRow, (Option<String>, Option<i64>, Option<String>));

/// Joins each line of a page with its allocations, in preference order, in the order of the lines given.
macro_rules! line_reads {
    ($page:expr, $order:expr) => {
        line_reads!($page, $order, "", "")
    };
    ($page:expr, $order:expr, $more:expr, $joined:expr) => {
        concat!(
            "WITH page AS MATERIALIZED (SELECT * FROM lines WHERE ",
            $page,
            "), held AS MATERIALIZED (SELECT order_id, line_id, batch, units FROM page WHERE batch IS NOT NULL UNION ALL ",
            "SELECT page.order_id, page.line_id, further.batch, further.quantity FROM page ",
            "CROSS JOIN further_allocations AS further USING (order_id, line_id)) SELECT ",
            line_columns!(),
            ", held.batch, held.units, place.eta",
            $more,
            " FROM page AS lines LEFT JOIN held USING (order_id, line_id) ",
            "LEFT JOIN batches AS place ON place.reference = held.batch ",
            $joined,
            "ORDER BY ",
            $order,
            ", place.eta NULLS FIRST, place.ordinal"
        )
    };
}

fn batches(statement: Statement<'_, BatchTypes>, conn: &mut SqliteConnection) -> Result<Vec<BatchRecord>, StoreError> {
    let rows: Vec<BatchRow> = statement.load(conn).map_err(store_error)?;
    rows.into_iter().map(row::batch).collect()
}

fn line_reads(
    statement: Statement<'_, LineReadTypes>,
    conn: &mut SqliteConnection,
) -> Result<Vec<LineRead>, StoreError> {
    gathered(statement.load(conn).map_err(store_error)?)
}

/// Gathers the rows of each line, which stand together.
fn gathered(rows: Vec<LineReadRow>) -> Result<Vec<LineRead>, StoreError> {
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
            let part = row::part(&read.record.terms.key, &batch, quantity, eta.as_deref())?;
            read.allocations.push(part);
        }
    }
    Ok(reads)
}

#[async_trait]
impl Views for SqliteStore {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        let reference = reference.clone();
        self.ask_at(now, move |conn, ended| sums::batch(conn, &reference, ended))
            .await
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        // The header comes with each line, if there is one.
        const OF_ORDER: &str = line_reads!(
            "order_id = ?",
            "lines.line_id",
            concat!(", ", order_columns!()),
            "LEFT JOIN orders ON orders.order_id = lines.order_id "
        );
        let id = id.clone();
        self.readers
            .ask(move |conn| {
                let rows: Vec<(LineReadRow, Option<OrderRow>)> =
                    statement::<(LineReadTypes, Nullable<OrderTypes>)>(OF_ORDER)
                        .text(id.as_str())
                        .load(conn)
                        .map_err(store_error)?;
                let (lines, headers): (Vec<LineReadRow>, Vec<Option<OrderRow>>) = rows.into_iter().unzip();
                let header = headers.into_iter().next().flatten().map(row::order).transpose()?;
                let lines = gathered(lines)?;
                Ok((!lines.is_empty()).then_some(OrderRead { id, header, lines }))
            })
            .await
    }

    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        let sku = sku.clone();
        self.ask_at(now, move |conn, ended| sums::product(conn, &sku, ended))
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
        self.ask_at(now, move |conn, ended| {
            sums::page(conn, folded.as_deref(), after.as_ref(), limit, ended)
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
        const PAGE: &str = line_reads!(
            "state = 'backordered' AND sku = ? AND (rank, placed_at, order_id, line_id) > (?, ?, ?, ?) \
             AND (hold_until IS NULL OR hold_until > ?) ORDER BY rank, placed_at, order_id, line_id LIMIT +?",
            "lines.rank, lines.placed_at, lines.order_id, lines.line_id"
        );
        const KNOWN: &str = "SELECT count(*) FROM products WHERE sku = ?";
        let (sku, after) = (sku.clone(), after.cloned());
        self.readers
            .ask(move |conn| {
                let (rank, placed_at, order, line) = turn_columns(after.as_ref());
                let page = statement(PAGE)
                    .text(sku.as_str())
                    .integer(rank)
                    .integer(placed_at)
                    .text(order)
                    .text(line)
                    .integer(now.as_microsecond())
                    .integer(rows_wanted(limit));
                let lines = line_reads(page, conn)?;
                if !lines.is_empty() {
                    return Ok(Some(lines));
                }
                // Products are never taken away, so the second look needs no snapshot.
                let known: i64 = statement::<BigInt>(KNOWN)
                    .text(sku.as_str())
                    .get_result(conn)
                    .map_err(store_error)?;
                Ok((known > 0).then_some(lines))
            })
            .await
    }
}

#[async_trait]
impl EventFeed for SqliteStore {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let filter = filter.clone();
        self.readers
            .ask(move |conn| event_page(conn, &filter, after, limit, row::event))
            .await
    }

    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        let filter = filter.clone();
        self.readers
            .ask(move |conn| event_page(conn, &filter, after, limit, row::encoded_event))
            .await
    }
}

#[async_trait]
impl Exports for SqliteStore {
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        const ALL: &str = line_reads!(
            "(order_id, line_id) > (?, ?) ORDER BY order_id, line_id LIMIT +?",
            "lines.order_id, lines.line_id"
        );
        const IN_STATE: &str = line_reads!(
            "(order_id, line_id) > (?, ?) AND state = ? ORDER BY order_id, line_id LIMIT +?",
            "lines.order_id, lines.line_id"
        );
        let after = after.cloned();
        self.readers
            .ask(move |conn| {
                let (order, line) = after
                    .as_ref()
                    .map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
                let page = match filter {
                    LineFilter::All => statement(ALL).text(order).text(line),
                    LineFilter::In(state) => statement(IN_STATE).text(order).text(line).text(state.as_str()),
                };
                line_reads(page.integer(rows_wanted(limit)), conn)
            })
            .await
    }

    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT ",
            batch_columns!(),
            " FROM batches WHERE reference > ? ORDER BY reference LIMIT +?"
        );
        let after = after.cloned();
        self.readers
            .ask(move |conn| {
                let page = statement(PAGE)
                    .text(after.as_ref().map_or("", Reference::as_str))
                    .integer(rows_wanted(limit));
                batches(page, conn)
            })
            .await
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE order_id > ? ORDER BY order_id LIMIT +?"
        );
        let after = after.cloned();
        self.readers
            .ask(move |conn| {
                let rows: Vec<OrderRow> = statement::<OrderTypes>(PAGE)
                    .text(after.as_ref().map_or("", OrderId::as_str))
                    .integer(rows_wanted(limit))
                    .load(conn)
                    .map_err(store_error)?;
                rows.into_iter().map(row::order).collect()
            })
            .await
    }
}

#[async_trait]
impl Worklist for SqliteStore {
    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, StoreError> {
        let skus = skus.clone();
        self.readers
            .ask_in_one_snapshot(move |conn| due_orders(conn, &skus, now, limit))
            .await
    }

    async fn products_with_pending_backlog(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        const OWED: &str = concat!(
            "SELECT ",
            product_columns!(),
            " FROM products WHERE resume_placed_at IS NOT NULL ORDER BY sku LIMIT +?"
        );
        self.readers
            .ask(move |conn| {
                let rows: Vec<ProductRow> = statement::<ProductTypes>(OWED)
                    .integer(rows_wanted(limit))
                    .load(conn)
                    .map_err(store_error)?;
                rows.into_iter()
                    .map(|owed| row::product(owed).map(|product| product.sku))
                    .collect()
            })
            .await
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        const DUE: &str = concat!(
            "SELECT ",
            product_columns!(),
            " FROM products WHERE next_expiry <= ? ORDER BY next_expiry, sku LIMIT +?"
        );
        self.readers
            .ask(move |conn| {
                let rows: Vec<ProductRow> = statement::<ProductTypes>(DUE)
                    .integer(now.as_microsecond())
                    .integer(rows_wanted(limit))
                    .load(conn)
                    .map_err(store_error)?;
                rows.into_iter()
                    .map(|due| row::product(due).map(|product| product.sku))
                    .collect()
            })
            .await
    }
}

#[async_trait]
impl Audit for SqliteStore {
    async fn line_event_checks(
        &self,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineEventCheck>, StoreError> {
        // By the line's own word, if the event that it names is about it. Else by the order: an order has a few events, a
        // product may have any number, so the plus keeps to the index of the order.
        const PAGE: &str = concat!(
            "SELECT ",
            line_columns!(),
            ", EXISTS (SELECT 1 FROM events WHERE events.sequence = lines.placed_sequence AND events.sku = lines.sku ",
            "AND events.data ->> 'order_id' = lines.order_id AND events.data ->> 'line_id' = lines.line_id) ",
            "OR EXISTS (SELECT 1 FROM events INDEXED BY events_order ",
            "WHERE events.order_id = lines.order_id AND +events.sku = lines.sku) ",
            "FROM lines WHERE (order_id, line_id) > (?, ?) ORDER BY order_id, line_id LIMIT +?"
        );
        let after = after.cloned();
        self.readers
            .ask(move |conn| {
                let (order, line) = after
                    .as_ref()
                    .map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
                let rows: Vec<(LineRow, i64)> = statement::<(LineTypes, BigInt)>(PAGE)
                    .text(order)
                    .text(line)
                    .integer(rows_wanted(limit))
                    .load(conn)
                    .map_err(store_error)?;
                let proof = |(line, placing_event)| {
                    Ok(LineEventCheck {
                        record: row::line(line)?,
                        has_event: placing_event != 0,
                    })
                };
                rows.into_iter().map(proof).collect()
            })
            .await
    }

    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
        let sku = sku.clone();
        self.readers.ask_in_one_snapshot(move |conn| history(conn, &sku)).await
    }
}

#[async_trait]
impl Health for SqliteStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.writer.ready()?;
        self.readers
            .ask(|conn| {
                // Of a table: a question that needs no page of the file would be answered without one.
                statement::<BigInt>("SELECT count(*) FROM (SELECT 1 FROM products LIMIT 1)")
                    .get_result::<i64>(conn)
                    .map(drop)
                    .map_err(store_error)
            })
            .await
    }
}
