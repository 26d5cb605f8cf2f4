//! All that was ever stored of one product.

use diesel::sql_types::Text;
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::StoreError;
use earmark_domain::{ProductHistory, Sku};
use futures::try_join;

use crate::postgres::error::store_error;
use crate::postgres::rows::{AllocationRow, BatchRow, DispatchRow, EventRow, LineRow, ProductRow, records};
use crate::postgres::schema::{batches, events, products};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, load, statement};

/// Reads it, in the open transaction: one snapshot.
pub(super) async fn history(connection: &Session, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
    // By hand: LATERAL. The product's orders are those that its events concern, and those that hold units of its
    // batches. So an allocation of one product in a batch of another is found from both sides. OFFSET keeps each step
    // to the index that it is written for.
    const LINES: &str = "SELECT line.* FROM (\
         SELECT order_id FROM (SELECT order_id FROM events WHERE sku = ? OFFSET 0) AS event \
         WHERE order_id IS NOT NULL UNION SELECT held.order_id FROM batches CROSS JOIN LATERAL (\
         SELECT order_id FROM allocations WHERE batch = batches.reference OFFSET 0) AS held WHERE batches.sku = ?\
         ) AS concerned CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE order_id = concerned.order_id OFFSET 0) AS line WHERE line.sku = ? \
         ORDER BY line.order_id, line.line_id";
    // The same from the side of the units. UNION removes what both sides find.
    const ALLOCATIONS: &str = "SELECT held.* FROM batches CROSS JOIN LATERAL \
         (SELECT {} FROM allocations WHERE batch = batches.reference OFFSET 0) AS held WHERE batches.sku = ? \
         UNION SELECT held.* FROM (SELECT DISTINCT order_id \
         FROM (SELECT order_id FROM events WHERE sku = ? OFFSET 0) AS event WHERE order_id IS NOT NULL) AS concerned \
         CROSS JOIN LATERAL (SELECT order_id, line_id, sku FROM lines \
         WHERE order_id = concerned.order_id OFFSET 0) AS line CROSS JOIN LATERAL \
         (SELECT {} FROM allocations WHERE order_id = line.order_id AND line_id = line.line_id OFFSET 0) AS held \
         WHERE line.sku = ?";
    // Dispatches are found from the side of the lines alone: one that is not found is missing in the sum of its batch.
    const DISPATCHES: &str = "SELECT dispatch.* FROM (SELECT DISTINCT order_id \
         FROM (SELECT order_id FROM events WHERE sku = ? OFFSET 0) AS event WHERE order_id IS NOT NULL) AS concerned \
         CROSS JOIN LATERAL (SELECT order_id, line_id, sku FROM lines \
         WHERE order_id = concerned.order_id OFFSET 0) AS line CROSS JOIN LATERAL \
         (SELECT {} FROM dispatches WHERE order_id = line.order_id AND line_id = line.line_id OFFSET 0) AS dispatch \
         WHERE line.sku = ?";
    let key = sku.as_str();
    let product = products::table
        .filter(products::sku.eq(key))
        .select(ProductRow::as_select());
    let batches = batches::table
        .filter(batches::sku.eq(key))
        .order(batches::ordinal)
        .select(BatchRow::as_select());
    let events = events::table
        .filter(events::sku.eq(key))
        .order(events::sequence)
        .select(EventRow::as_select());
    let (product, batches, lines, allocations, dispatches, events) = try_join!(
        load(product, connection),
        load(batches, connection),
        statement::<TypesOf<LineRow>>(LINES)
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .columns::<LineRow>()
            .bind::<Text, _>(key)
            .rows::<LineRow>(connection),
        statement::<TypesOf<AllocationRow>>(ALLOCATIONS)
            .columns::<AllocationRow>()
            .bind::<Text, _>(key)
            .bind::<Text, _>(key)
            .columns::<AllocationRow>()
            .bind::<Text, _>(key)
            .rows::<AllocationRow>(connection),
        statement::<TypesOf<DispatchRow>>(DISPATCHES)
            .bind::<Text, _>(key)
            .columns::<DispatchRow>()
            .bind::<Text, _>(key)
            .rows::<DispatchRow>(connection),
        load(events, connection),
    )
    .map_err(store_error)?;
    let Some(product) = product.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(ProductHistory {
        product: product.try_into()?,
        batches: records(batches)?,
        lines: records(lines)?,
        allocations: records(allocations)?,
        dispatches: records(dispatches)?,
        events: records(events)?,
    }))
}
