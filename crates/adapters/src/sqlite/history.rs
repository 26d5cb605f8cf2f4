//! All that was ever stored of one product.

use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use earmark_domain::{ProductHistory, Sku};

use super::error::store_error;
use super::row::{
    self, AllocationRow, AllocationTypes, BatchRow, BatchTypes, DispatchRow, DispatchTypes, EventRow, EventTypes,
    LineRow, LineTypes, ProductRow, ProductTypes, allocation_columns, batch_columns, dispatch_columns, event_columns,
    first_units_columns, line_columns, product_columns,
};
use super::statement::statement;

/// Reads it, in the transaction that is open: one snapshot.
pub(super) fn history(connection: &mut SqliteConnection, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
    const PRODUCT: &str = concat!("SELECT ", product_columns!(), " FROM products WHERE sku = ?");
    const BATCHES: &str = concat!(
        "SELECT ",
        batch_columns!(),
        " FROM batches WHERE sku = ? ORDER BY ordinal"
    );
    // The orders that the product's events concern, and those that hold units of its batches: whoever wrote an
    // allocation of one product into a batch of another is seen from both sides.
    const LINES: &str = concat!(
        "SELECT ",
        line_columns!(),
        " FROM lines WHERE order_id IN (SELECT order_id FROM events WHERE sku = ? AND order_id IS NOT NULL ",
        "UNION SELECT held.order_id FROM batches CROSS JOIN further_allocations AS held ",
        "ON held.batch = batches.reference WHERE batches.sku = ? ",
        "UNION SELECT placed.order_id FROM batches CROSS JOIN lines AS placed INDEXED BY lines_release ",
        "ON placed.batch = batches.reference WHERE batches.sku = ?) AND +sku = ? ORDER BY order_id, line_id"
    );
    // The same from the side of the units. UNION takes away what both sides say.
    const ALLOCATIONS: &str = concat!(
        "SELECT ",
        allocation_columns!(),
        " FROM batches CROSS JOIN further_allocations AS held ON held.batch = batches.reference ",
        "WHERE batches.sku = ? UNION SELECT ",
        first_units_columns!(),
        " FROM batches CROSS JOIN lines INDEXED BY lines_release ON lines.batch = batches.reference ",
        "WHERE batches.sku = ? UNION SELECT ",
        allocation_columns!(),
        " FROM (SELECT DISTINCT order_id FROM events WHERE sku = ? AND order_id IS NOT NULL) ",
        "CROSS JOIN lines USING (order_id) CROSS JOIN further_allocations AS held USING (order_id, line_id) ",
        "WHERE +lines.sku = ? UNION SELECT ",
        first_units_columns!(),
        " FROM (SELECT DISTINCT order_id FROM events WHERE sku = ? AND order_id IS NOT NULL) ",
        "CROSS JOIN lines USING (order_id) WHERE +lines.sku = ? AND lines.batch IS NOT NULL ORDER BY 1, 2, 3"
    );
    // What has left is found from the side of the lines alone: what it leaves uncounted is missing from its batch's sum.
    const DISPATCHES: &str = concat!(
        "SELECT ",
        dispatch_columns!(),
        " FROM (SELECT DISTINCT order_id FROM events WHERE sku = ? AND order_id IS NOT NULL) ",
        "CROSS JOIN lines USING (order_id) CROSS JOIN dispatches USING (order_id, line_id) ",
        "WHERE +lines.sku = ? ORDER BY 1, 2, 3"
    );
    const EVENTS: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sku = ? ORDER BY version"
    );
    let key = sku.as_str();
    let products: Vec<ProductRow> = statement::<ProductTypes>(PRODUCT)
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    let Some(product) = products.into_iter().next() else {
        return Ok(None);
    };
    let batches: Vec<BatchRow> = statement::<BatchTypes>(BATCHES)
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    let lines: Vec<LineRow> = statement::<LineTypes>(LINES)
        .text(key)
        .text(key)
        .text(key)
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    let allocations: Vec<AllocationRow> = statement::<AllocationTypes>(ALLOCATIONS)
        .text(key)
        .text(key)
        .text(key)
        .text(key)
        .text(key)
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    let dispatches: Vec<DispatchRow> = statement::<DispatchTypes>(DISPATCHES)
        .text(key)
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    let events: Vec<EventRow> = statement::<EventTypes>(EVENTS)
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    let mut events = events.into_iter().map(row::event).collect::<Result<Vec<_>, _>>()?;
    // The index has them by version. The two orders are the same unless the book is broken, and then it is the
    // sequence that was promised.
    events.sort_by_key(|event| event.sequence);
    Ok(Some(ProductHistory {
        product: row::product(product)?,
        batches: batches.into_iter().map(row::batch).collect::<Result<_, _>>()?,
        lines: lines.into_iter().map(row::line).collect::<Result<_, _>>()?,
        allocations: allocations.into_iter().map(row::allocation).collect::<Result<_, _>>()?,
        dispatches: dispatches.into_iter().map(row::dispatch).collect::<Result<_, _>>()?,
        events,
    }))
}
