//! All that was ever stored of one product.

use diesel::sql_types::Text;
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{ProductHistory, Sku};
use futures::try_join;

use super::error::store_error;
use super::row::{
    self, AllocationRow, AllocationTypes, BatchRow, BatchTypes, EventRow, EventTypes, LineRow, LineTypes, ProductRow,
    ProductTypes, batch_columns, event_columns, line_columns, product_columns,
};
use super::statement::statement;

/// Reads it, in the transaction that is open: one snapshot.
pub(super) async fn history(connection: &AsyncPgConnection, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
    const PRODUCT: &str = concat!("SELECT ", product_columns!(), " FROM products WHERE sku = ?");
    const BATCHES: &str = concat!(
        "SELECT ",
        batch_columns!(),
        " FROM batches WHERE sku = ? ORDER BY ordinal"
    );
    const LINES: &str = concat!(
        "SELECT ",
        line_columns!(),
        " FROM lines WHERE sku = ? ORDER BY order_id, line_id"
    );
    // By its batches and by its lines: whoever wrote an allocation of one product into a batch of another is seen
    // from both sides. UNION takes away what both sides say.
    const ALLOCATIONS: &str = "SELECT held.* FROM batches CROSS JOIN LATERAL (\
         SELECT order_id, line_id, batch, quantity, allocated_at FROM allocations \
         WHERE batch = batches.reference OFFSET 0) AS held WHERE batches.sku = ? \
         UNION SELECT held.* FROM lines CROSS JOIN LATERAL (\
         SELECT order_id, line_id, batch, quantity, allocated_at FROM allocations \
         WHERE order_id = lines.order_id AND line_id = lines.line_id OFFSET 0) AS held WHERE lines.sku = ?";
    const EVENTS: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sku = ? ORDER BY sequence"
    );
    let key = sku.as_str();
    let (products, batches, lines, allocations, events) = try_join!(
        statement::<ProductTypes>(PRODUCT)
            .bind::<Text, _>(key)
            .rows::<ProductRow>(connection),
        statement::<BatchTypes>(BATCHES)
            .bind::<Text, _>(key)
            .rows::<BatchRow>(connection),
        statement::<LineTypes>(LINES)
            .bind::<Text, _>(key)
            .rows::<LineRow>(connection),
        statement::<AllocationTypes>(ALLOCATIONS)
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .rows::<AllocationRow>(connection),
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
        events: events.into_iter().map(row::event).collect::<Result<_, _>>()?,
    }))
}
