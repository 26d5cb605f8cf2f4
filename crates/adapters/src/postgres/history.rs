//! All that was ever stored of one product.

use diesel::sql_types::Text;
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{ProductHistory, Sku};
use futures::try_join;

use super::columns::{
    AllocationRow, AllocationTypes, BatchRow, BatchTypes, DispatchRow, DispatchTypes, EventRow, EventTypes, LineRow,
    LineTypes, ProductRow, ProductTypes, allocation_columns, batch_columns, dispatch_columns, event_columns,
    line_columns, product_columns,
};
use super::error::store_error;
use super::row;
use super::statement::statement;

/// Reads it, in the transaction that is open: one snapshot.
pub(super) async fn history(connection: &AsyncPgConnection, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
    const PRODUCT: &str = concat!("SELECT ", product_columns!(), " FROM products WHERE sku = ?");
    const BATCHES: &str = concat!(
        "SELECT ",
        batch_columns!(),
        " FROM batches WHERE sku = ? ORDER BY ordinal"
    );
    // Its orders: those that its events concern, and those that hold units of its batches. Whoever wrote an allocation of
    // one product into a batch of another is seen from both sides. OFFSET keeps each step to the index that it is
    // written for.
    const LINES: &str = concat!(
        "SELECT line.* FROM (SELECT order_id FROM (SELECT order_id FROM events WHERE sku = ? OFFSET 0) AS event ",
        "WHERE order_id IS NOT NULL UNION SELECT held.order_id FROM batches CROSS JOIN LATERAL (",
        "SELECT order_id FROM allocations WHERE batch = batches.reference OFFSET 0) AS held WHERE batches.sku = ?",
        ") AS concerned CROSS JOIN LATERAL (SELECT ",
        line_columns!(),
        " FROM lines WHERE order_id = concerned.order_id OFFSET 0) AS line WHERE line.sku = ? ",
        "ORDER BY line.order_id, line.line_id"
    );
    // The same from the side of the units. UNION takes away what both sides say.
    const ALLOCATIONS: &str = concat!(
        "SELECT held.* FROM batches CROSS JOIN LATERAL (SELECT ",
        allocation_columns!(),
        " FROM allocations WHERE batch = batches.reference OFFSET 0) AS held WHERE batches.sku = ? ",
        "UNION SELECT held.* FROM (SELECT DISTINCT order_id ",
        "FROM (SELECT order_id FROM events WHERE sku = ? OFFSET 0) AS event WHERE order_id IS NOT NULL) AS concerned ",
        "CROSS JOIN LATERAL (SELECT order_id, line_id, sku FROM lines ",
        "WHERE order_id = concerned.order_id OFFSET 0) AS line CROSS JOIN LATERAL (SELECT ",
        allocation_columns!(),
        " FROM allocations WHERE order_id = line.order_id AND line_id = line.line_id OFFSET 0) AS held ",
        "WHERE line.sku = ?"
    );
    // What has left is found from the side of the lines alone: what it leaves uncounted is missing from its batch's sum.
    const DISPATCHES: &str = concat!(
        "SELECT gone.* FROM (SELECT DISTINCT order_id ",
        "FROM (SELECT order_id FROM events WHERE sku = ? OFFSET 0) AS event WHERE order_id IS NOT NULL) AS concerned ",
        "CROSS JOIN LATERAL (SELECT order_id, line_id, sku FROM lines ",
        "WHERE order_id = concerned.order_id OFFSET 0) AS line CROSS JOIN LATERAL (SELECT ",
        dispatch_columns!(),
        " FROM dispatches WHERE order_id = line.order_id AND line_id = line.line_id OFFSET 0) AS gone ",
        "WHERE line.sku = ?"
    );
    const EVENTS: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sku = ? ORDER BY sequence"
    );
    let key = sku.as_str();
    let (products, batches, lines, allocations, dispatches, events) = try_join!(
        statement::<ProductTypes>(PRODUCT)
            .bind::<Text, _>(key)
            .rows::<ProductRow>(connection),
        statement::<BatchTypes>(BATCHES)
            .bind::<Text, _>(key)
            .rows::<BatchRow>(connection),
        statement::<LineTypes>(LINES)
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .rows::<LineRow>(connection),
        statement::<AllocationTypes>(ALLOCATIONS)
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .rows::<AllocationRow>(connection),
        statement::<DispatchTypes>(DISPATCHES)
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .rows::<DispatchRow>(connection),
        statement::<EventTypes>(EVENTS)
            .bind::<Text, _>(key)
            .rows::<EventRow>(connection),
    )
    .map_err(store_error)?;
    let Some(product) = products.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(ProductHistory {
        product: row::product(product)?,
        batches: batches.into_iter().map(row::batch).collect::<Result<_, _>>()?,
        lines: lines.into_iter().map(row::line).collect::<Result<_, _>>()?,
        allocations: allocations.into_iter().map(row::allocation).collect::<Result<_, _>>()?,
        dispatches: dispatches.into_iter().map(row::dispatch).collect::<Result<_, _>>()?,
        events: events.into_iter().map(row::event).collect::<Result<_, _>>()?,
    }))
}
