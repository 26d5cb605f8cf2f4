//! Lists: orders and batches in the order of their keys, selected while they are walked.
//!
//! A page first finds its keys, in a bounded number of rows, and then looks them up.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Nullable, Text};
use earmark_application::{BatchRead, BatchSelection, MAX_LIST_ROWS, OrderRead, OrderSelection, Page, StoreError};
use earmark_domain::{BatchRecord, LineState, Location, OrderId, ProductRecord, Reference, Sku};
use jiff::Timestamp;

use super::expired_holds::{ExpiredHolds, is_due};
use super::page::{finish, page};
use super::views::read_dispatches;
use crate::postgres::lookups::batch::BatchByReference;
use crate::postgres::lookups::lookup::look_up_all;
use crate::postgres::lookups::order::OrderById;
use crate::postgres::statement::{Statement, row_limit, statement};
use crate::postgres::store::{PostgresStore, roll_back};
use crate::sql::decode::RowContext;
use crate::sql::dispatches::leaving;

/// How many rows were looked at, the key of the last of them, and the keys of those that were selected.
type Looked = (BigInt, Nullable<Text>, Array<Text>);

/// The keys on a page, and the key that the next page begins after.
struct Keys {
    selected: Vec<String>,
    next: Option<String>,
}

impl PostgresStore {
    pub(super) async fn orders_of(
        &self,
        selection: &OrderSelection,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError> {
        let keys = if *selection == OrderSelection::default() {
            self.all_orders(after, limit).await?
        } else {
            self.keys(selected_orders(selection, after, limit), limit, MAX_LIST_ROWS)
                .await?
        };
        let connection = self.questions().get().await?;
        let ids = keys.selected.iter().map(String::as_str).collect();
        let mut items = look_up_all::<OrderById>(ids, &connection).await?;
        drop(connection);
        if !leaving(items.iter().flat_map(|order| &order.lines)).is_empty() {
            items = self.orders_with_dispatches(&keys.selected).await?;
        }
        let next = keys.next.map(|id| key("lines", "order_id", &id, |id| OrderId::new(id)));
        let next = next.transpose()?;
        Ok(Page { items, next })
    }

    /// Orders with their lines and what has left of them.
    async fn orders_with_dispatches(&self, ids: &[String]) -> Result<Vec<OrderRead>, StoreError> {
        let conn = self.snapshot().await?;
        let read = async {
            let ids = ids.iter().map(String::as_str).collect();
            let mut orders = look_up_all::<OrderById>(ids, &conn).await?;
            let lines = orders.iter_mut().flat_map(|order| &mut order.lines);
            read_dispatches(&conn, lines.collect()).await?;
            Ok::<_, StoreError>(orders)
        };
        let read = read.await;
        roll_back(conn).await;
        read
    }

    /// The next orders.
    async fn all_orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Keys, StoreError> {
        // By hand: each id is found from the one before, however many lines that order has.
        const NEXT: &str = "WITH RECURSIVE ids (id) AS (\
             (SELECT order_id FROM lines WHERE order_id > ? ORDER BY order_id LIMIT 1) UNION ALL \
             SELECT (SELECT order_id FROM lines WHERE order_id > ids.id ORDER BY order_id LIMIT 1) FROM ids \
             WHERE ids.id IS NOT NULL) SELECT id FROM ids WHERE id IS NOT NULL LIMIT ?";
        let next = statement::<Text>(NEXT)
            .bind::<Text, _>(after.map_or("", OrderId::as_str))
            .bind::<BigInt, _>(row_limit(limit.saturating_add(1)));
        let connection = self.questions().get().await?;
        let found = page(&connection, next.rows::<String>(&connection)).await;
        let mut selected = finish(connection, found).await?;
        let more = selected.len() > limit;
        selected.truncate(limit);
        let next = selected.last().filter(|_| more).cloned();
        Ok(Keys { selected, next })
    }

    /// The keys of a page of at most `limit`, of which the statement selects one more if there is one, and which looks at
    /// `most` rows.
    async fn keys(&self, looked: Statement<'_, Looked>, limit: usize, most: usize) -> Result<Keys, StoreError> {
        let connection = self.questions().get().await?;
        let rows = looked.rows::<(i64, Option<String>, Vec<String>)>(&connection);
        let rows = page(&connection, rows).await;
        let mut rows = finish(connection, rows).await?;
        let (looked_at, last, mut selected) = rows.pop().unwrap_or_default();
        let next = if selected.len() > limit {
            selected.truncate(limit);
            selected.last().cloned()
        } else {
            last.filter(|_| looked_at >= row_limit(most))
        };
        Ok(Keys { selected, next })
    }

    pub(super) async fn batches_of(
        &self,
        selection: &BatchSelection,
        after: Option<&Reference>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError> {
        // Without a location every row that is looked at is selected.
        let most = match selection.location {
            None => limit.saturating_add(1),
            Some(_) => MAX_LIST_ROWS,
        };
        let looked = selected_batches(selection, after, limit, most);
        let keys = self.keys(looked, limit, most).await?;
        let references = || keys.selected.iter().map(String::as_str).collect();
        let connection = self.questions().get().await?;
        let mut found = look_up_all::<BatchByReference>(references(), &connection).await?;
        drop(connection);
        if found.iter().any(|(_, product)| is_due(product, now)) {
            let conn = self.snapshot().await?;
            let again = async {
                let mut found = look_up_all::<BatchByReference>(references(), &conn).await?;
                let products = products(&found).into_values();
                let expired = ExpiredHolds::of(&conn, products, now).await?;
                found.iter_mut().for_each(|(batch, _)| expired.subtract_from(batch));
                Ok::<_, StoreError>(found)
            };
            let again = again.await;
            roll_back(conn).await;
            found = again?;
        }
        let items = found.into_iter().map(|(record, product)| BatchRead {
            record,
            version: product.version,
        });
        let items = items.collect();
        let next = keys.next.map(|reference| {
            key("batches", "reference", &reference, |reference| {
                Reference::new(reference)
            })
        });
        let next = next.transpose()?;
        Ok(Page { items, next })
    }
}

/// Each product once.
fn products(found: &[(BatchRecord, ProductRecord)]) -> BTreeMap<&Sku, &ProductRecord> {
    found.iter().map(|(_, product)| (&product.sku, product)).collect()
}

/// A key that was read.
fn key<K, E: std::fmt::Display>(
    table: &'static str,
    column: &'static str,
    text: &str,
    new: impl FnOnce(&str) -> Result<K, E>,
) -> Result<K, StoreError> {
    RowContext { table, key: &text }.read(column, new(text))
}

fn selected_orders<'a>(
    OrderSelection { sku, waiting }: &'a OrderSelection,
    after: Option<&'a OrderId>,
    limit: usize,
) -> Statement<'a, Looked> {
    // By hand: CTEs. The last order may have lines beyond those looked at: whether it is wanted is decided on all.
    const SELECTED: &str = "WITH looked AS MATERIALIZED (SELECT order_id, sku, state FROM lines \
         WHERE order_id > ? ORDER BY order_id, line_id LIMIT ?), \
         last AS (SELECT count(*) AS lines, max(order_id) AS id FROM looked) \
         SELECT last.lines, last.id, ARRAY(SELECT DISTINCT order_id FROM looked \
         WHERE (sku = coalesce(?, sku) AND state = coalesce(?, state)) OR (last.lines >= ? AND order_id = last.id) \
         ORDER BY order_id LIMIT ?) FROM last";
    let state = waiting.then_some(LineState::Backordered.as_str());
    statement(SELECTED)
        .bind::<Text, _>(after.map_or("", OrderId::as_str))
        .bind::<BigInt, _>(row_limit(MAX_LIST_ROWS))
        .bind::<Nullable<Text>, _>(sku.as_ref().map(Sku::as_str))
        .bind::<Nullable<Text>, _>(state)
        .bind::<BigInt, _>(row_limit(MAX_LIST_ROWS))
        .bind::<BigInt, _>(row_limit(limit.saturating_add(1)))
}

fn selected_batches<'a>(
    BatchSelection { sku, location }: &'a BatchSelection,
    after: Option<&'a Reference>,
    limit: usize,
    most: usize,
) -> Statement<'a, Looked> {
    // By hand: CTEs.
    macro_rules! selected {
        ($of:expr) => {
            concat!(
                "WITH looked AS MATERIALIZED (SELECT reference, location FROM batches WHERE ",
                $of,
                "reference > ? ORDER BY reference LIMIT ?) SELECT (SELECT count(*) FROM looked), ",
                "(SELECT max(reference) FROM looked), ARRAY(SELECT reference FROM looked ",
                "WHERE location = coalesce(?, location) ORDER BY reference LIMIT ?)"
            )
        };
    }
    let selected = match sku {
        None => statement(selected!("")),
        Some(sku) => statement(selected!("sku = ? AND ")).bind::<Text, _>(sku.as_str()),
    };
    selected
        .bind::<Text, _>(after.map_or("", Reference::as_str))
        .bind::<BigInt, _>(row_limit(most))
        .bind::<Nullable<Text>, _>(location.as_ref().map(Location::as_str))
        .bind::<BigInt, _>(row_limit(limit.saturating_add(1)))
}
