//! The audit: products with their batches, and all that is stored of orders.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::dsl::{max, min};
use diesel::sql_types::Text;
use diesel::{ExpressionMethods, NullableExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::{Audit, StoreError};
use earmark_domain::{AuditedOrder, AuditedProduct, LineKey, OrderId, Sku};
use futures::try_join;

use crate::postgres::connections::{PooledSession, be_patient};
use crate::postgres::error::{StatementResult, store_error};
use crate::postgres::rows::values::deadline;
use crate::postgres::rows::{AllocationRow, BatchRow, DispatchRow, EventRow, LineRow, OrderRow, ProductRow, records};
use crate::postgres::schema::{allocations, batches, dispatches, events, further_allocations, lines, orders, products};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, column, load, row_limit, statement};
use crate::postgres::store::{PostgresStore, roll_back};
use crate::sql::audited_orders::{AuditedOrders, OrderRange};

#[async_trait]
impl Audit for PostgresStore {
    async fn last_event(&self) -> Result<u64, StoreError> {
        let session = self.export_session().await?;
        let last = events::table.select(max(events::sequence));
        let last: Vec<Option<i64>> = load(last, &session).await.map_err(store_error)?;
        let last = last.into_iter().flatten().next().unwrap_or_default();
        u64::try_from(last).map_err(|_| StoreError::Corrupt(format!("events {last}: the sequence is negative")))
    }

    async fn audited_product(&self, sku: &Sku) -> Result<Option<AuditedProduct>, StoreError> {
        let session = self.audit_snapshot().await?;
        let read = audited_product(&session, sku).await;
        roll_back(session).await;
        read
    }

    async fn audited_orders(&self, after: Option<&OrderId>, rows: usize) -> Result<Vec<AuditedOrder>, StoreError> {
        let session = self.audit_snapshot().await?;
        // No order id is empty, so each comes after the empty text.
        let read = audited_orders(&session, after.map_or("", OrderId::as_str), rows).await;
        roll_back(session).await;
        read
    }

    async fn missing_lines(&self, keys: &[LineKey]) -> Result<Vec<LineKey>, StoreError> {
        // By hand: a pair of arrays, and LATERAL, whose LIMIT keeps it a look-up.
        const STORED: &str = "SELECT named_order, named_line FROM unnest(?, ?) AS named (named_order, named_line) \
             CROSS JOIN LATERAL (SELECT FROM lines WHERE order_id = named_order AND line_id = named_line LIMIT 1) AS line";
        let named: Vec<&LineKey> = keys.iter().collect();
        let session = self.export_session().await?;
        let stored = statement::<(Text, Text)>(STORED)
            .array::<Text, _>(column(&named, |key| key.order.as_str()))
            .array::<Text, _>(column(&named, |key| key.line.as_str()))
            .rows::<(String, String)>(&session)
            .await
            .map_err(store_error)?;
        let stored: BTreeSet<(&str, &str)> = stored.iter().map(|(order, line)| (&**order, &**line)).collect();
        let is_missing = |key: &&LineKey| !stored.contains(&(key.order.as_str(), key.line.as_str()));
        Ok(keys.iter().filter(is_missing).cloned().collect())
    }
}

impl PostgresStore {
    /// A snapshot whose statements may take long. No plan in it gathers a large part of a table through a bitmap (see
    /// [`page`](super::page::page)).
    async fn audit_snapshot(&self) -> Result<PooledSession, StoreError> {
        let session = self.snapshot().await?;
        be_patient(&session);
        let set = statement::<()>("SET LOCAL enable_bitmapscan = off")
            .execute(&session)
            .await;
        if let Err(error) = set {
            roll_back(session).await;
            return Err(store_error(error));
        }
        Ok(session)
    }
}

async fn audited_product(session: &Session, sku: &Sku) -> Result<Option<AuditedProduct>, StoreError> {
    let key = sku.as_str();
    let product = products::table
        .filter(products::sku.eq(key))
        .select(ProductRow::as_select());
    let batches = batches::table
        .filter(batches::sku.eq(key))
        .order(batches::ordinal)
        .select(BatchRow::as_select());
    let first_deadline = lines::table
        .filter(lines::sku.eq(key))
        .filter(lines::hold_until.is_not_null())
        .select(min(lines::hold_until));
    let (product, batches, first_deadline) = try_join!(
        load(product, session),
        load(batches, session),
        load::<_, Option<PgTimestamp>>(first_deadline, session),
    )
    .map_err(store_error)?;
    let Some(product) = product.into_iter().next() else {
        return Ok(None);
    };
    let first_deadline = first_deadline.into_iter().flatten().next();
    Ok(Some(AuditedProduct {
        product: product.try_into()?,
        batches: records(batches)?,
        first_deadline: first_deadline.map(|first| deadline(key, first)).transpose()?,
    }))
}

/// The page of orders after an order id. Runs in a snapshot.
async fn audited_orders(session: &Session, after: &str, rows: usize) -> Result<Vec<AuditedOrder>, StoreError> {
    match next_orders(session, after, rows).await.map_err(store_error)? {
        Some(range) => orders_in(session, &range).await,
        None => Ok(Vec::new()),
    }
}

/// The order ids of the page after an order id.
async fn next_orders(session: &Session, after: &str, rows: usize) -> StatementResult<Option<OrderRange>> {
    macro_rules! ids {
        ($table:ident, $id:expr) => {
            $table::table
                .filter($table::order_id.gt(after))
                .order($table::order_id)
                .limit(row_limit(rows.saturating_add(1)))
                .select($id)
        };
    }
    let (headers, lines, further, dispatched, events) = try_join!(
        load(ids!(orders, orders::order_id), session),
        load(ids!(lines, lines::order_id), session),
        load(ids!(further_allocations, further_allocations::order_id), session),
        load(ids!(dispatches, dispatches::order_id), session),
        load(ids!(events, events::order_id.assume_not_null()), session),
    )?;
    Ok(OrderRange::next(&[headers, lines, further, dispatched, events], rows))
}

/// All that is stored under these order ids.
async fn orders_in(session: &Session, range: &OrderRange) -> Result<Vec<AuditedOrder>, StoreError> {
    // By hand: LATERAL. An event that placed a line and has no order id is found through the line.
    const NAMED: &str = "SELECT lines.order_id, {} FROM lines CROSS JOIN LATERAL (SELECT * FROM events \
         WHERE events.sku = lines.sku AND events.version = coalesce(lines.first_placed_version, lines.placed_version) \
         AND events.order_id IS NULL LIMIT 1) AS events WHERE lines.order_id >= ? AND lines.order_id < ?";
    macro_rules! within {
        ($table:ident) => {
            $table::table
                .filter($table::order_id.ge(&range.first))
                .filter($table::order_id.lt(&range.end))
        };
    }
    let naming = within!(events).select((events::order_id.assume_not_null(), EventRow::as_select()));
    let (headers, lines, allocated, dispatched, naming, named) = try_join!(
        load(within!(orders).select(OrderRow::as_select()), session),
        load(within!(lines).select(LineRow::as_select()), session),
        load(within!(allocations).select(AllocationRow::as_select()), session),
        load(within!(dispatches).select(DispatchRow::as_select()), session),
        load::<_, (String, EventRow)>(naming, session),
        statement::<(Text, TypesOf<EventRow>)>(NAMED)
            .columns::<EventRow>()
            .bind::<Text, _>(range.first.as_str())
            .bind::<Text, _>(range.end.as_str())
            .rows::<(String, EventRow)>(session),
    )
    .map_err(store_error)?;
    let mut found = AuditedOrders::default();
    records(headers)?.into_iter().for_each(|header| found.header(header));
    records(lines)?.into_iter().for_each(|line| found.line(line));
    records(allocated)?
        .into_iter()
        .for_each(|allocation| found.allocation(allocation));
    records(dispatched)?
        .into_iter()
        .for_each(|dispatch| found.dispatch(dispatch));
    for (order, event) in naming.into_iter().chain(named) {
        found.event(&order, event.try_into()?)?;
    }
    Ok(found.finish())
}
