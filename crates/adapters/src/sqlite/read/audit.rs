//! The audit: products with their batches, and all that is stored of orders.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::prelude::*;
use earmark_application::{Audit, StoreError};
use earmark_domain::{AuditedOrder, AuditedProduct, LineKey, OrderId, Sku};

use super::super::builder::{first_rows, pair_one_of};
use super::super::error::store_error;
use super::super::rows::{self, AllocationRow, BatchRow, DispatchRow, EventRow, OrderRow, PlacedLineRow, ProductRow};
use super::super::schema::{batches, dispatches, events, further_allocations, lines, orders, products};
use super::super::sqlite_store::SqliteStore;
use super::super::store::newest_event;
use crate::sql::audited_orders::{AuditedOrders, OrderRange};

#[async_trait]
impl Audit for SqliteStore {
    async fn last_event(&self) -> Result<u64, StoreError> {
        let last = self
            .readers
            .long
            .query(|conn| newest_event(conn).map_err(store_error))
            .await?;
        u64::try_from(last).map_err(|_| StoreError::Corrupt(format!("events {last}: the sequence is negative")))
    }

    async fn audited_product(&self, sku: &Sku) -> Result<Option<AuditedProduct>, StoreError> {
        let sku = sku.clone();
        let read = move |conn: &mut SqliteConnection| audited_product(conn, &sku);
        self.readers.long.query_snapshot(read).await
    }

    async fn audited_orders(&self, after: Option<&OrderId>, rows: usize) -> Result<Vec<AuditedOrder>, StoreError> {
        // No order id is empty, so each comes after the empty text.
        let after = after.map_or_else(String::new, ToString::to_string);
        let read = move |conn: &mut SqliteConnection| match next_orders(conn, &after, rows)? {
            Some(range) => orders_in(conn, &range),
            None => Ok(Vec::new()),
        };
        self.readers.long.query_snapshot(read).await
    }

    async fn missing_lines(&self, keys: &[LineKey]) -> Result<Vec<LineKey>, StoreError> {
        let keys = keys.to_vec();
        self.readers.long.query(move |conn| missing_lines(conn, keys)).await
    }
}

fn audited_product(conn: &mut SqliteConnection, sku: &Sku) -> Result<Option<AuditedProduct>, StoreError> {
    let product = products::table
        .filter(products::sku.eq(sku.as_str()))
        .select(ProductRow::as_select())
        .get_result(conn)
        .optional()
        .map_err(store_error)?;
    let Some(product) = product else {
        return Ok(None);
    };
    let batches: Vec<BatchRow> = batches::table
        .filter(batches::sku.eq(sku.as_str()))
        .order(batches::ordinal)
        .select(BatchRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    let deadlines = lines::table
        .filter(lines::sku.eq(sku.as_str()))
        .filter(lines::hold_until.is_not_null())
        .order(lines::hold_until)
        .select(lines::hold_until.assume_not_null());
    let first_deadline = first_rows::<i64>(deadlines.load_iter(conn), 1)?.pop();
    Ok(Some(AuditedProduct {
        product: rows::product(product)?,
        batches: batches.into_iter().map(rows::batch).collect::<Result<_, _>>()?,
        first_deadline: first_deadline.map(|first| rows::deadline(sku, first)).transpose()?,
    }))
}

/// The order ids of the page after an order id.
fn next_orders(conn: &mut SqliteConnection, after: &str, rows: usize) -> Result<Option<OrderRange>, StoreError> {
    macro_rules! ids {
        ($table:ident, $id:expr) => {{
            let ids = $table::table
                .filter($table::order_id.gt(after))
                .order($table::order_id)
                .select($id);
            first_rows::<String>(ids.load_iter(conn), rows.saturating_add(1))?
        }};
    }
    let kinds = [
        ids!(orders, orders::order_id),
        ids!(lines, lines::order_id),
        ids!(further_allocations, further_allocations::order_id),
        ids!(dispatches, dispatches::order_id),
        ids!(events, events::order_id.assume_not_null()),
    ];
    Ok(OrderRange::next(&kinds, rows))
}

/// All that is stored under these order ids.
fn orders_in(conn: &mut SqliteConnection, range: &OrderRange) -> Result<Vec<AuditedOrder>, StoreError> {
    macro_rules! within {
        ($table:ident) => {
            $table::table
                .filter($table::order_id.ge(&range.first))
                .filter($table::order_id.lt(&range.end))
        };
    }
    macro_rules! load {
        ($query:expr) => {
            $query.load(conn).map_err(store_error)?
        };
    }
    let mut found = AuditedOrders::default();
    let headers: Vec<OrderRow> = load!(within!(orders).select(OrderRow::as_select()));
    for header in headers {
        found.header(rows::order(header)?);
    }
    let lines: Vec<PlacedLineRow> = load!(within!(lines).select(PlacedLineRow::as_select()));
    for row in &lines {
        let (line, allocation) = rows::placed_line(row)?;
        found.line(line);
        allocation
            .into_iter()
            .for_each(|allocation| found.allocation(allocation));
    }
    let further: Vec<AllocationRow> = load!(within!(further_allocations).select(AllocationRow::as_select()));
    for allocation in &further {
        found.allocation(rows::allocation(allocation)?);
    }
    let dispatched: Vec<DispatchRow> = load!(within!(dispatches).select(DispatchRow::as_select()));
    for dispatch in &dispatched {
        found.dispatch(rows::dispatch(dispatch)?);
    }
    let naming = within!(events).select((events::order_id.assume_not_null(), EventRow::as_select()));
    let naming: Vec<(String, EventRow)> = load!(naming);
    // An event that placed a line and has no order id is named by the line.
    let named = within!(lines)
        .inner_join(events::table.on(lines::placed_sequence.eq(events::sequence.nullable())))
        .filter(events::order_id.is_null())
        .select((lines::order_id, EventRow::as_select()));
    let named: Vec<(String, EventRow)> = load!(named);
    for (order, event) in naming.into_iter().chain(named) {
        found.event(&order, rows::event(event)?)?;
    }
    Ok(found.finish())
}

fn missing_lines(conn: &mut SqliteConnection, keys: Vec<LineKey>) -> Result<Vec<LineKey>, StoreError> {
    let pairs = keys.iter().map(|key| [key.order.as_str(), key.line.as_str()]);
    let stored: Vec<(String, String)> = lines::table
        .filter(pair_one_of((lines::order_id, lines::line_id), pairs))
        .select((lines::order_id, lines::line_id))
        .load(conn)
        .map_err(store_error)?;
    let stored: BTreeSet<(&str, &str)> = stored.iter().map(|(order, line)| (&**order, &**line)).collect();
    let is_missing = |key: &LineKey| !stored.contains(&(key.order.as_str(), key.line.as_str()));
    Ok(keys.into_iter().filter(is_missing).collect())
}
