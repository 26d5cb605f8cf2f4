//! Lists: orders and batches in the order of their keys, selected while they are walked.
//!
//! A walk looks at a bounded number of rows. SQLite reads them one by one, so those that are not wanted cost little.

use std::collections::BTreeMap;

use diesel::prelude::*;
use earmark_application::{BatchRead, BatchSelection, MAX_LIST_ROWS, OrderRead, OrderSelection, Page, StoreError};
use earmark_domain::{BatchRecord, LineState, OrderId, ProductRecord, Reference, Sku};

use super::super::error::store_error;
use super::super::rows::{self, BatchRow, OrderRow, PlacedLineRow, ProductRow};
use super::super::schema::{batches, further_allocations, lines, orders, products};
use super::line_reads::{
    FurtherPart, LineReads, PlacedIn, further_batches, line_read_columns, lines_with_allocations, read_dispatches,
};
use super::stock::{EndedHolds, without};
use crate::sql::decode::RowContext;

/// A line with one of its allocations, as in a [`LineReadRow`](super::line_reads::LineReadRow), and the header of its order.
type OrderLineRow = (PlacedLineRow, Option<PlacedIn>, Option<FurtherPart>, Option<OrderRow>);

/// One order with its lines, and what has left of them. For a snapshot: two statements may read it.
pub(super) fn order_with_dispatches(conn: &mut SqliteConnection, id: OrderId) -> Result<Option<OrderRead>, StoreError> {
    let mut found = order(conn, id)?;
    if let Some(order) = &mut found {
        read_dispatches(conn, &mut order.lines)?;
    }
    Ok(found)
}

/// One order with its lines, as yet without what has left of them.
pub(super) fn order(conn: &mut SqliteConnection, id: OrderId) -> Result<Option<OrderRead>, StoreError> {
    // The header comes with each row, if there is one.
    let rows: Vec<OrderLineRow> = lines_with_allocations!()
        .left_join(orders::table.on(orders::order_id.eq(lines::order_id)))
        .filter(lines::order_id.eq(id.as_str()))
        .order(lines::line_id)
        .select(line_read_columns!(Option::<OrderRow>::as_select()))
        .load(conn)
        .map_err(store_error)?;
    let (mut reads, mut header) = (LineReads::default(), None);
    for (line, placed_in, further, order) in rows {
        reads.add((line, placed_in, further))?;
        header = order;
    }
    let lines = reads.end();
    let header = header.map(rows::order).transpose()?;
    Ok((!lines.is_empty()).then_some(OrderRead { id, header, lines }))
}

/// Orders by id, each with its lines. For a snapshot.
pub(super) fn list_orders(
    conn: &mut SqliteConnection,
    selection: &OrderSelection,
    after: Option<&OrderId>,
    limit: usize,
) -> Result<Page<OrderRead, OrderId>, StoreError> {
    let (ids, next) = selected_orders(conn, selection, after, limit)?;
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.extend(order_with_dispatches(conn, order_id(&id)?)?);
    }
    let next = next.map(|id| order_id(&id)).transpose()?;
    Ok(Page { items, next })
}

fn order_id(id: &str) -> Result<OrderId, StoreError> {
    RowContext {
        table: "lines",
        key: &id,
    }
    .read("order_id", OrderId::new(id))
}

/// The ids of the orders on a page, and where the next one begins.
fn selected_orders(
    conn: &mut SqliteConnection,
    OrderSelection { sku, waiting }: &OrderSelection,
    after: Option<&OrderId>,
    limit: usize,
) -> Result<(Vec<String>, Option<String>), StoreError> {
    // No id is empty, so each comes after the empty text.
    let walk = lines::table
        .filter(lines::order_id.gt(after.map_or("", OrderId::as_str)))
        .order((lines::order_id, lines::line_id))
        .select((lines::order_id, lines::sku, lines::state));
    let walk = walk.load_iter(conn).map_err(store_error)?;
    let (mut ids, mut last): (Vec<String>, Option<String>) = (Vec::new(), None);
    for (looked_at, row) in walk.enumerate() {
        let (order, line_sku, state): (String, String, String) = row.map_err(store_error)?;
        let is_new = last.as_ref() != Some(&order);
        if is_new && ids.len() >= limit {
            return Ok((ids, last));
        }
        if looked_at == MAX_LIST_ROWS {
            // Its other lines may be wanted.
            if !is_new && ids.last() != Some(&order) {
                ids.push(order);
            }
            return Ok((ids, last));
        }
        let is_wanted = sku.as_ref().is_none_or(|sku| line_sku == sku.as_str())
            && (!waiting || state == LineState::Backordered.as_str());
        if is_wanted && ids.last() != Some(&order) {
            ids.push(order.clone());
        }
        if is_new {
            last = Some(order);
        }
    }
    Ok((ids, None))
}

/// Batches by reference.
pub(super) fn list_batches(
    conn: &mut SqliteConnection,
    selection: &BatchSelection,
    after: Option<&Reference>,
    limit: usize,
    ended: &mut EndedHolds,
) -> Result<Page<BatchRead, Reference>, StoreError> {
    let walk = || {
        batches::table
            .inner_join(products::table)
            .filter(batches::reference.gt(after.map_or("", Reference::as_str)))
            .order(batches::reference)
            .select((BatchRow::as_select(), ProductRow::as_select()))
    };
    let (found, next) = match &selection.sku {
        None => selected_batches(walk().load_iter(conn), selection, limit)?,
        Some(sku) => {
            let of_product = walk().filter(batches::sku.eq(sku.as_str()));
            selected_batches(of_product.load_iter(conn), selection, limit)?
        }
    };
    let products: BTreeMap<&Sku, &ProductRecord> = found.iter().map(|(_, product)| (&product.sku, product)).collect();
    let ended = ended.of(conn, products.into_values())?;
    let items = found.into_iter().map(|(mut record, product)| {
        without(&ended, &mut record);
        let version = product.version;
        BatchRead { record, version }
    });
    let items = items.collect();
    Ok(Page { items, next })
}

type FoundBatches = (Vec<(BatchRecord, ProductRecord)>, Option<Reference>);

/// The batches on a page, each with its product, and where the next page begins.
fn selected_batches(
    walk: QueryResult<impl Iterator<Item = QueryResult<(BatchRow, ProductRow)>>>,
    BatchSelection { location, .. }: &BatchSelection,
    limit: usize,
) -> Result<FoundBatches, StoreError> {
    let (mut found, mut last): (Vec<_>, Option<Reference>) = (Vec::new(), None);
    for (looked_at, row) in walk.map_err(store_error)?.enumerate() {
        if found.len() >= limit || looked_at == MAX_LIST_ROWS {
            return Ok((found, last));
        }
        let (batch, product) = row.map_err(store_error)?;
        let batch = rows::batch(batch)?;
        last = Some(batch.reference.clone());
        if location.as_ref().is_none_or(|location| batch.location == *location) {
            found.push((batch, rows::product(product)?));
        }
    }
    Ok((found, None))
}
