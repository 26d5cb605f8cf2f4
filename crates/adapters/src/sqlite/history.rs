//! All that was ever stored of one product.

use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use earmark_domain::{ProductHistory, Sku};

use super::columns::{
    AllocationRow, AllocationTypes, BatchRow, BatchTypes, DispatchRow, DispatchTypes, EventRow, EventTypes, LineRow,
    LineTypes, ProductRow, ProductTypes, allocation_columns, batch_columns, dispatch_columns, event_columns,
    first_units_columns, line_columns, product_columns,
};
use super::error::store_error;
use super::row;
use super::statement::statement;

/// The events of a product, twice named: those that are filed, and those among the newest that may not be.
macro_rules! events_of_product {
    () => {
        "SELECT events.* FROM events_of_products AS filed CROSS JOIN events ON events.sequence = filed.sequence \
         WHERE filed.sku = ? AND filed.sequence <= (SELECT until FROM deferred_index) AND events.sku = filed.sku UNION ALL \
         SELECT * FROM events WHERE sequence > (SELECT until FROM deferred_index) AND sku = ?"
    };
}
/// The orders that the events of a product concern, which is twice named.
macro_rules! orders_of_product {
    () => {
        concat!(
            "SELECT coalesce(order_id, data ->> 'order_id') AS order_id FROM (",
            events_of_product!(),
            ") WHERE coalesce(order_id, data ->> 'order_id') IS NOT NULL "
        )
    };
}

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
        " FROM lines WHERE order_id IN (",
        orders_of_product!(),
        "UNION SELECT held.order_id FROM batches CROSS JOIN further_allocations AS held ",
        "ON held.batch = batches.reference WHERE batches.sku = ? ",
        "UNION SELECT filed.order_id FROM batches CROSS JOIN lines_in_batches AS filed ",
        "ON filed.batch = batches.reference WHERE batches.sku = ?) AND +sku = ? ORDER BY order_id, line_id"
    );
    // The same from the side of the units. UNION takes away what both sides say.
    const ALLOCATIONS: &str = concat!(
        "WITH concerned AS MATERIALIZED (SELECT DISTINCT order_id FROM (",
        orders_of_product!(),
        ")) SELECT ",
        allocation_columns!(),
        " FROM batches CROSS JOIN further_allocations AS held ON held.batch = batches.reference ",
        "WHERE batches.sku = ? UNION SELECT ",
        first_units_columns!(),
        " FROM batches CROSS JOIN lines_in_batches AS filed ON filed.batch = batches.reference ",
        "CROSS JOIN lines USING (order_id, line_id) WHERE batches.sku = ? AND lines.batch IS NOT NULL UNION SELECT ",
        allocation_columns!(),
        " FROM concerned CROSS JOIN lines USING (order_id) ",
        "CROSS JOIN further_allocations AS held USING (order_id, line_id) WHERE +lines.sku = ? UNION SELECT ",
        first_units_columns!(),
        " FROM concerned CROSS JOIN lines USING (order_id) WHERE +lines.sku = ? AND lines.batch IS NOT NULL ",
        "ORDER BY 1, 2, 3"
    );
    // What has left is found from the side of the lines alone: what it leaves uncounted is missing from its batch's sum.
    const DISPATCHES: &str = concat!(
        "SELECT ",
        dispatch_columns!(),
        " FROM (SELECT DISTINCT order_id FROM (",
        orders_of_product!(),
        ")) CROSS JOIN lines USING (order_id) CROSS JOIN dispatches USING (order_id, line_id) ",
        "WHERE +lines.sku = ? ORDER BY 1, 2, 3"
    );
    const EVENTS: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM (",
        events_of_product!(),
        ") ORDER BY sequence"
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
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    let events: Vec<EventRow> = statement::<EventTypes>(EVENTS)
        .text(key)
        .text(key)
        .load(connection)
        .map_err(store_error)?;
    Ok(Some(ProductHistory {
        product: row::product(product)?,
        batches: batches.into_iter().map(row::batch).collect::<Result<_, _>>()?,
        lines: lines.into_iter().map(row::line).collect::<Result<_, _>>()?,
        allocations: allocations.into_iter().map(row::allocation).collect::<Result<_, _>>()?,
        dispatches: dispatches.into_iter().map(row::dispatch).collect::<Result<_, _>>()?,
        events: events.into_iter().map(row::event).collect::<Result<_, _>>()?,
    }))
}
