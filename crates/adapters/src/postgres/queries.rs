//! Questions to the books: pages by key, read from the tables as they stand.

use async_trait::async_trait;
use diesel::data_types::{PgDate, PgTimestamp};
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::pg::Pg;
use diesel::query_dsl::CompatibleType;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SqlType, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::{
    EventFilter, EventPage, LineFilter, LineProof, LineRead, OrderRead, ProductRead, ProductSummary, Queries,
    StoreError, WrittenEvent,
};
use earmark_domain::{
    BatchRecord, LineKey, OrderId, OrderRecord, ProductHistory, ProductRecord, Reference, Sku, Turn, Units,
};

use super::error::store_error;
use super::events::event_page;
use super::history::history;
use super::load::rows_wanted;
use super::row::{
    self, BatchRow, BatchTypes, LineRow, LineTypes, OrderRow, OrderTypes, ProductRow, ProductTypes, batch_columns,
    line_columns, pg_instant, product_columns,
};
use super::statement::{Statement, statement};
use super::{BEGIN_TO_READ, PostgresStore, roll_back};

/// A line with one of its allocations; without allocations it comes once.
type LineReadTypes = (LineTypes, (Nullable<Text>, Nullable<Integer>, Nullable<Date>));
type LineReadRow = (LineRow, (Option<String>, Option<i32>, Option<PgDate>));

/// Joins each line of `page` with its allocations, in preference order, in the order of the lines given.
macro_rules! line_reads {
    ($page:expr, $order:expr) => {
        concat!(
            "SELECT line.*, held.batch, held.quantity, held.eta FROM (SELECT ",
            line_columns!(),
            " FROM lines WHERE ",
            $page,
            ") AS line LEFT JOIN LATERAL (SELECT allocations.batch, allocations.quantity, place.eta, place.ordinal ",
            "FROM allocations CROSS JOIN LATERAL (SELECT eta, ordinal FROM batches ",
            "WHERE reference = allocations.batch LIMIT 1) AS place ",
            "WHERE allocations.order_id = line.order_id AND allocations.line_id = line.line_id OFFSET 0) AS held ",
            "ON true ORDER BY ",
            $order,
            ", held.eta NULLS FIRST, held.ordinal"
        )
    };
}

/// A product's sums over its batches: in the warehouse, on their way, allocated, dispatched; and over its backlog.
macro_rules! summaries {
    ($page:expr) => {
        concat!(
            "SELECT product.sku, product.name, product.version, ",
            "coalesce(stock.on_hand, 0)::bigint, coalesce(stock.inbound, 0)::bigint, ",
            "coalesce(stock.allocated, 0)::bigint, coalesce(stock.dispatched, 0)::bigint, ",
            "coalesce(stock.available, 0)::bigint, coalesce(backlog.units, 0)::bigint ",
            "FROM (SELECT sku, name, version FROM products WHERE ",
            $page,
            ") AS product CROSS JOIN LATERAL (SELECT ",
            "sum(quantity - dispatched) FILTER (WHERE eta IS NULL) AS on_hand, ",
            "sum(quantity - dispatched) FILTER (WHERE eta IS NOT NULL) AS inbound, ",
            "sum(allocated) AS allocated, sum(dispatched) AS dispatched, ",
            "sum(quantity - allocated - dispatched) AS available ",
            "FROM batches WHERE batches.sku = product.sku) AS stock ",
            "CROSS JOIN LATERAL (SELECT sum(quantity) AS units FROM lines ",
            "WHERE lines.sku = product.sku AND state = 'backordered') AS backlog ",
            "ORDER BY product.sku"
        )
    };
}

/// A product with what waits for it, joined with its batches, in preference order; without batches it comes once.
const PRODUCT_READ: &str = concat!(
    "SELECT product.name, product.version, ",
    "coalesce((SELECT sum(quantity) FROM lines WHERE lines.sku = product.sku AND state = 'backordered'), 0)::bigint, ",
    "product.sku, batch.reference, batch.location, batch.ordinal, batch.created_quantity, batch.quantity, ",
    "batch.allocated, batch.dispatched, batch.eta ",
    "FROM (SELECT sku, name, version FROM products WHERE sku = ?) AS product LEFT JOIN LATERAL ",
    "(SELECT * FROM batches WHERE batches.sku = product.sku OFFSET 0) AS batch ON true ",
    "ORDER BY batch.eta NULLS FIRST, batch.ordinal"
);

type ProductReadTypes = (
    (Nullable<Text>, BigInt, BigInt, Text),
    Nullable<(Text, Text, Integer, Integer, Integer, BigInt, BigInt, Nullable<Date>)>,
);
type ProductReadRow = (
    (Option<String>, i64, i64, String),
    Option<(String, String, i32, i32, i32, i64, i64, Option<PgDate>)>,
);

fn product_read(rows: Vec<ProductReadRow>) -> Result<Option<ProductRead>, StoreError> {
    let Some(((name, version, backordered, sku), _)) = rows.first().cloned() else {
        return Ok(None);
    };
    let place = |(reference, location, ordinal, created_quantity, quantity, allocated, dispatched, eta)| {
        let sku = sku.clone();
        row::batch((
            reference,
            sku,
            location,
            ordinal,
            created_quantity,
            quantity,
            allocated,
            dispatched,
            eta,
        ))
    };
    let batches = rows.into_iter().filter_map(|(_, batch)| batch);
    let batches: Vec<BatchRecord> = batches.map(place).collect::<Result<_, _>>()?;
    // The name and version are read as those of any product row are.
    let ProductRecord { sku, name, version, .. } = row::product((sku.clone(), name, version, 0, None, None, None))?;
    let backordered = row::units(&sku, "backordered", backordered)?;
    Ok(Some(ProductRead {
        summary: ProductSummary::of(sku, name, version, batches.iter(), backordered),
        batches,
    }))
}

type SummaryTypes = (
    Text,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
);
type SummaryRow = (String, Option<String>, i64, i64, i64, i64, i64, i64, i64);

fn summary(row: SummaryRow) -> Result<ProductSummary, StoreError> {
    let (sku, name, version, on_hand, inbound, allocated, dispatched, available, backordered) = row;
    // The name and version are read as those of any product row are.
    let ProductRecord { sku, name, version, .. } = row::product((sku, name, version, 0, None, None, None))?;
    let units = |column, sum| -> Result<Units, StoreError> { row::units(&sku, column, sum) };
    Ok(ProductSummary {
        on_hand: units("on_hand", on_hand)?,
        inbound: units("inbound", inbound)?,
        allocated: units("allocated", allocated)?,
        dispatched: units("dispatched", dispatched)?,
        available: units("available", available)?,
        backordered: units("backordered", backordered)?,
        name,
        version,
        sku,
    })
}

/// Gathers the rows of each line, which stand together.
fn line_reads(rows: Vec<LineReadRow>) -> Result<Vec<LineRead>, StoreError> {
    let mut reads: Vec<LineRead> = Vec::new();
    for (line, (batch, quantity, eta)) in rows {
        let record = row::line(line)?;
        if reads.last().is_none_or(|read| read.record.key != record.key) {
            reads.push(LineRead {
                record,
                allocations: Vec::new(),
            });
        }
        if let (Some(read), Some(batch), Some(quantity)) = (reads.last_mut(), batch, quantity) {
            let part = row::part(&read.record.key, &batch, quantity, eta)?;
            read.allocations.push(part);
        }
    }
    Ok(reads)
}

/// A search as a LIKE pattern: what stands for other text in a pattern stands for itself.
fn containing(search: &str) -> String {
    let mut pattern = String::with_capacity(search.len() + 2);
    pattern.push('%');
    for character in search.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[async_trait]
impl Queries for PostgresStore {
    async fn batch(&self, reference: &Reference) -> Result<Option<BatchRecord>, StoreError> {
        const ONE: &str = concat!("SELECT ", batch_columns!(), " FROM batches WHERE reference = ?");
        let rows: Vec<BatchRow> = self
            .look_up(|| statement::<BatchTypes>(ONE).bind::<Text, _>(reference.as_str()))
            .await?;
        rows.into_iter().next().map(row::batch).transpose()
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        const OF_ORDER: &str = line_reads!("order_id = ?", "line.line_id");
        let rows: Vec<LineReadRow> = self
            .look_up(|| statement::<LineReadTypes>(OF_ORDER).bind::<Text, _>(id.as_str()))
            .await?;
        let lines = line_reads(rows)?;
        Ok((!lines.is_empty()).then(|| OrderRead { id: id.clone(), lines }))
    }

    async fn product(&self, sku: &Sku) -> Result<Option<ProductRead>, StoreError> {
        let rows: Vec<ProductReadRow> = self
            .look_up(|| statement::<ProductReadTypes>(PRODUCT_READ).bind::<Text, _>(sku.as_str()))
            .await?;
        product_read(rows)
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        const PAGE: &str = summaries!("sku > ? ORDER BY sku LIMIT ?");
        // The order is that of bytes; which letters are the same in capitals is asked of a collation that knows.
        const FOUND: &str = summaries!(
            "sku > ? AND (sku COLLATE \"und-x-icu\" ILIKE ? OR name COLLATE \"und-x-icu\" ILIKE ?) ORDER BY sku LIMIT ?"
        );
        let pattern = search.filter(|search| !search.is_empty()).map(containing);
        let connection = self.connection().await?;
        // No SKU is empty, so each comes after the empty text.
        let after = after.map_or("", Sku::as_str);
        let page = match &pattern {
            None => statement::<SummaryTypes>(PAGE).bind::<Text, _>(after),
            Some(pattern) => statement(FOUND)
                .bind::<Text, _>(after)
                .bind::<Text, _>(pattern)
                .bind::<Text, _>(pattern),
        };
        let rows: Vec<SummaryRow> = page
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(summary).collect()
    }

    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&Turn>,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        const PAGE: &str = line_reads!(
            "state = 'backordered' AND sku = ? AND (placed_at, order_id, line_id) > (?, ?, ?) \
             ORDER BY placed_at, order_id, line_id LIMIT ?",
            "line.placed_at, line.order_id, line.line_id"
        );
        let connection = self.connection().await?;
        let (placed_at, order, line) = after.map_or((PgTimestamp(i64::MIN), "", ""), |turn| {
            (
                pg_instant(turn.placed_at),
                turn.key.order.as_str(),
                turn.key.line.as_str(),
            )
        });
        let rows: Vec<LineReadRow> = statement::<LineReadTypes>(PAGE)
            .bind::<Text, _>(sku.as_str())
            .bind::<Timestamptz, _>(placed_at)
            .bind::<Text, _>(order)
            .bind::<Text, _>(line)
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        let lines = line_reads(rows)?;
        // A line that waits proves its product. Products are never taken away, so the second look needs no snapshot.
        let known = !lines.is_empty() || product_exists(&connection, sku).await?;
        Ok(known.then_some(lines))
    }

    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        event_page(self, filter, after, limit, row::event).await
    }

    async fn written_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<WrittenEvent>, StoreError> {
        event_page(self, filter, after, limit, row::written_event).await
    }

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
        let connection = self.connection().await?;
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
        let rows: Vec<LineReadRow> = page
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        line_reads(rows)
    }

    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT ",
            batch_columns!(),
            " FROM batches WHERE reference > ? ORDER BY reference LIMIT ?"
        );
        let connection = self.connection().await?;
        let rows: Vec<BatchRow> = statement::<BatchTypes>(PAGE)
            .bind::<Text, _>(after.map_or("", Reference::as_str))
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(row::batch).collect()
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        const PAGE: &str = "SELECT order_id, placed_at FROM orders WHERE order_id > ? ORDER BY order_id LIMIT ?";
        let connection = self.connection().await?;
        let rows: Vec<OrderRow> = statement::<OrderTypes>(PAGE)
            .bind::<Text, _>(after.map_or("", OrderId::as_str))
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(row::order).collect()
    }

    async fn unserved(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
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

    async fn line_proofs(&self, after: Option<&LineKey>, limit: usize) -> Result<Vec<LineProof>, StoreError> {
        // An order has a few events, a product may have any number. Only by the order can they be found here: no index
        // serves a comparison that NULL may pass.
        const PAGE: &str = concat!(
            "SELECT line.*, event.told IS NOT NULL FROM (SELECT ",
            line_columns!(),
            " FROM lines WHERE (order_id, line_id) > (?, ?) ORDER BY order_id, line_id LIMIT ?) AS line ",
            "LEFT JOIN LATERAL (SELECT true AS told FROM events WHERE events.order_id = line.order_id ",
            "AND events.sku IS NOT DISTINCT FROM line.sku LIMIT 1) AS event ON true ",
            "ORDER BY line.order_id, line.line_id"
        );
        let connection = self.connection().await?;
        let (order, line) = after.map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
        let rows: Vec<(LineRow, bool)> = statement::<(LineTypes, Bool)>(PAGE)
            .bind::<Text, _>(order)
            .bind::<Text, _>(line)
            .bind::<BigInt, _>(rows_wanted(limit))
            .rows(&connection)
            .await
            .map_err(store_error)?;
        let proof = |(line, told)| {
            Ok(LineProof {
                record: row::line(line)?,
                told,
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

    async fn ready(&self) -> Result<(), StoreError> {
        // A transaction, because its beginning is where a dead connection is replaced.
        let connection = self.begin(BEGIN_TO_READ).await?;
        roll_back(connection).await;
        Ok(())
    }
}

impl PostgresStore {
    /// Asks a question of one statement that finds what it looks for by a key.
    async fn look_up<'a, Row, U>(&self, question: impl Fn() -> Statement<'a, Row> + Send) -> Result<Vec<U>, StoreError>
    where
        Row: SqlType + CompatibleType<U, Pg> + Send + 'static,
        Pg: QueryMetadata<Row>,
        U: FromSqlRow<<Row as CompatibleType<U, Pg>>::SqlType, Pg> + Send + 'static,
        <Row as CompatibleType<U, Pg>>::SqlType: 'static,
    {
        if self.lookups.is_empty() {
            let connection = self.connection().await?;
            return question().rows(&connection).await.map_err(store_error);
        }
        self.lookups.rows(question).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_other_text_in_a_pattern_stands_for_itself() {
        assert_eq!(containing(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
