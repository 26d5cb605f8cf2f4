//! The audit: lines with whether the events know of them, and all that was ever stored of a product.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use earmark_application::{Audit, LineEventCheck, StoreError};
use earmark_domain::{AllocationRecord, LineKey, LineRecord, OrderId, ProductHistory, Reference, SequencedEvent, Sku};

use super::super::builder::{first_rows, json_text, one_of};
use super::super::cursors::lines_after;
use super::super::error::store_error;
use super::super::rows::{self, AllocationRow, BatchRow, DispatchRow, EventRow, LineRow, PlacedLineRow, ProductRow};
use super::super::schema::{
    batches, dispatches, events, events_of_products, further_allocations, lines, lines_in_batches, products,
};
use super::super::sqlite_store::SqliteStore;
use super::super::store::indexed_until;
use crate::sql::decode::counter;

#[async_trait]
impl Audit for SqliteStore {
    async fn line_event_checks(
        &self,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineEventCheck>, StoreError> {
        let after = after.cloned();
        self.readers
            .long
            .query(move |conn| line_event_checks(conn, after.as_ref(), limit))
            .await
    }

    async fn order_events(
        &self,
        after: Option<(&OrderId, u64)>,
        limit: usize,
    ) -> Result<Vec<SequencedEvent>, StoreError> {
        let after = after.map(|(order, sequence)| (order.clone(), counter(sequence)));
        let read = move |conn: &mut SqliteConnection| order_events(conn, after, limit);
        self.readers.long.query_snapshot(read).await
    }

    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
        let sku = sku.clone();
        self.readers.long.query_snapshot(move |conn| history(conn, &sku)).await
    }
}

fn line_event_checks(
    conn: &mut SqliteConnection,
    after: Option<&LineKey>,
    limit: usize,
) -> Result<Vec<LineEventCheck>, StoreError> {
    // By the event that the line names, if that event is about the line. Else by its order, which has a few events.
    let placing = events::table
        .filter(lines::placed_sequence.eq(events::sequence.nullable()))
        .filter(events::sku.eq(lines::sku.nullable()))
        .filter(json_text(events::data, "order_id").eq(lines::order_id.nullable()))
        .filter(json_text(events::data, "line_id").eq(lines::line_id.nullable()));
    let of_order = events::table
        .filter(events::order_id.eq(lines::order_id.nullable()))
        .filter(events::sku.eq(lines::sku.nullable()));
    let page = lines::table
        .filter(lines_after(after))
        .order((lines::order_id, lines::line_id))
        .select((LineRow::as_select(), exists(placing).or(exists(of_order))));
    let page: Vec<(LineRow, bool)> = first_rows(page.load_iter(conn), limit)?;
    let check = |(line, has_event): &(LineRow, bool)| {
        Ok(LineEventCheck {
            record: rows::line(line)?,
            has_event: *has_event,
        })
    };
    page.iter().map(check).collect()
}

/// The rest of the order that the page before ended in, then the orders after it.
fn order_events(
    conn: &mut SqliteConnection,
    after: Option<(OrderId, i64)>,
    limit: usize,
) -> Result<Vec<SequencedEvent>, StoreError> {
    let mut page: Vec<EventRow> = Vec::new();
    // No order id is empty, so each comes after the empty text.
    let mut last = String::new();
    if let Some((order, sequence)) = after {
        let rest = events::table
            .filter(events::order_id.eq(order.as_str()))
            .filter(events::sequence.gt(sequence))
            .filter(events::sku.is_null())
            .order(events::sequence)
            .select(EventRow::as_select());
        page = first_rows(rest.load_iter(conn), limit)?;
        order.as_str().clone_into(&mut last);
    }
    if page.len() < limit {
        let others = events::table
            .filter(events::order_id.gt(last))
            .filter(events::sku.is_null())
            .order((events::order_id, events::sequence))
            .select(EventRow::as_select());
        page.extend(first_rows::<EventRow>(others.load_iter(conn), limit - page.len())?);
    }
    page.into_iter().map(rows::event).collect()
}

/// All that was ever stored of a product, in one snapshot.
fn history(conn: &mut SqliteConnection, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
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
    let events = events_of_product(conn, sku)?;
    // The orders that the product's events concern, and those that hold units of its batches: an allocation of a line
    // of one product in a batch of another is seen from both sides.
    let mut orders: BTreeSet<OrderId> = events.iter().filter_map(|event| event.event.order().cloned()).collect();
    let mut allocations = allocations_in_batches_of(conn, sku)?;
    orders.extend(allocations.keys().map(|(key, _)| key.order.clone()));
    let (lines, placed_with) = lines_of_product(conn, sku, &orders)?;
    allocations.extend(placed_with.into_iter().map(by_place));
    allocations.extend(further_allocations_of_lines(conn, sku, &orders)?);
    // Dispatches are found from the side of the lines alone: one that is missed is missing from its batch's sum.
    let dispatches: Vec<DispatchRow> = dispatches::table
        .inner_join(
            lines::table.on(lines::order_id
                .eq(dispatches::order_id)
                .and(lines::line_id.eq(dispatches::line_id))),
        )
        .filter(one_of(dispatches::order_id, orders.iter().map(OrderId::as_str)))
        .filter(lines::sku.eq(sku.as_str()))
        .order((dispatches::order_id, dispatches::line_id, dispatches::batch))
        .select(DispatchRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    Ok(Some(ProductHistory {
        product: rows::product(product)?,
        batches: batches.into_iter().map(rows::batch).collect::<Result<_, _>>()?,
        lines,
        allocations: allocations.into_values().collect(),
        dispatches: dispatches.iter().map(rows::dispatch).collect::<Result<_, _>>()?,
        events,
    }))
}

/// An allocation by its line and its batch: it is listed once, whichever side it is found from.
type AllocationsByPlace = BTreeMap<(LineKey, Reference), AllocationRecord>;

fn by_place(allocation: AllocationRecord) -> ((LineKey, Reference), AllocationRecord) {
    ((allocation.key.clone(), allocation.batch.clone()), allocation)
}

/// The events of a product: those that the deferred index has, and those among the newest that it may not have.
fn events_of_product(conn: &mut SqliteConnection, sku: &Sku) -> Result<Vec<SequencedEvent>, StoreError> {
    let until = indexed_until(conn).map_err(store_error)?;
    let mut found: Vec<EventRow> = events_of_products::table
        .inner_join(events::table.on(events::sequence.eq(events_of_products::sequence)))
        .filter(events_of_products::sku.eq(sku.as_str()))
        .filter(events_of_products::sequence.le(until))
        .filter(events::sku.eq(sku.as_str()))
        .select(EventRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    let newest: Vec<EventRow> = events::table
        .filter(events::sequence.gt(until))
        .filter(events::sku.eq(sku.as_str()))
        .select(EventRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    found.extend(newest);
    found.sort_by_key(|event| event.sequence);
    // The order of an event that is found by its line is in its data, and so in the decoded fact.
    found.into_iter().map(rows::event).collect()
}

/// What lines hold in the product's batches, whatever product the lines are of.
fn allocations_in_batches_of(conn: &mut SqliteConnection, sku: &Sku) -> Result<AllocationsByPlace, StoreError> {
    let further: Vec<AllocationRow> = batches::table
        .inner_join(further_allocations::table.on(further_allocations::batch.eq(batches::reference)))
        .filter(batches::sku.eq(sku.as_str()))
        .select(AllocationRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    let placed_with: Vec<PlacedLineRow> = batches::table
        .inner_join(lines_in_batches::table.on(lines_in_batches::batch.eq(batches::reference)))
        .inner_join(
            lines::table.on(lines::order_id
                .eq(lines_in_batches::order_id)
                .and(lines::line_id.eq(lines_in_batches::line_id))),
        )
        .filter(batches::sku.eq(sku.as_str()))
        .select(PlacedLineRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    let mut held = AllocationsByPlace::new();
    for row in further {
        held.extend([by_place(rows::allocation(&row)?)]);
    }
    for row in placed_with {
        let (_, allocation) = rows::placed_line(&row)?;
        held.extend(allocation.map(by_place));
    }
    Ok(held)
}

/// The product's lines in these orders, with what they hold of what they were placed with.
fn lines_of_product(
    conn: &mut SqliteConnection,
    sku: &Sku,
    orders: &BTreeSet<OrderId>,
) -> Result<(Vec<LineRecord>, Vec<AllocationRecord>), StoreError> {
    let found: Vec<PlacedLineRow> = lines::table
        .filter(one_of(lines::order_id, orders.iter().map(OrderId::as_str)))
        .filter(lines::sku.eq(sku.as_str()))
        .order((lines::order_id, lines::line_id))
        .select(PlacedLineRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    let (mut lines, mut placed_with) = (Vec::with_capacity(found.len()), Vec::new());
    for row in found {
        let (line, allocation) = rows::placed_line(&row)?;
        lines.push(line);
        placed_with.extend(allocation);
    }
    Ok((lines, placed_with))
}

/// The further allocations of the product's lines in these orders, in whatever batch.
fn further_allocations_of_lines(
    conn: &mut SqliteConnection,
    sku: &Sku,
    orders: &BTreeSet<OrderId>,
) -> Result<AllocationsByPlace, StoreError> {
    let found: Vec<AllocationRow> = further_allocations::table
        .inner_join(
            lines::table.on(lines::order_id
                .eq(further_allocations::order_id)
                .and(lines::line_id.eq(further_allocations::line_id))),
        )
        .filter(one_of(
            further_allocations::order_id,
            orders.iter().map(OrderId::as_str),
        ))
        .filter(lines::sku.eq(sku.as_str()))
        .select(AllocationRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    let found = found.into_iter().map(|row| rows::allocation(&row).map(by_place));
    found.collect()
}
