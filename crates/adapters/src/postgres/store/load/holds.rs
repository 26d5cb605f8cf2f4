//! When the next hold on a product ends.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Nullable, Text, Timestamptz};
use earmark_application::StoreError;
use earmark_domain::{NextHold, Scope, Sku};

use super::orders::order_ids;
use crate::postgres::error::store_error;
use crate::postgres::rows::values::deadline;
use crate::postgres::session::Session;
use crate::postgres::statement::statement;

/// When the next hold ends on each product for which the scope asks, without the holds of the scope's orders.
pub(super) async fn next(conn: &Session, scope: &Scope) -> Result<Vec<NextHold>, StoreError> {
    // By hand: the first line of each product, in a LATERAL.
    const NEXT: &str = "SELECT product.sku, hold.hold_until FROM unnest(?) AS asked (asked_sku) \
         CROSS JOIN LATERAL (SELECT sku FROM products WHERE sku = asked_sku LIMIT 1) AS product \
         LEFT JOIN LATERAL (SELECT hold_until FROM lines WHERE lines.sku = asked_sku AND hold_until IS NOT NULL \
         AND order_id <> ALL (?) ORDER BY hold_until LIMIT 1) AS hold ON true";
    if scope.holds.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, Option<PgTimestamp>)> = statement::<(Text, Nullable<Timestamptz>)>(NEXT)
        .array::<Text, _>(scope.holds.iter().map(Sku::as_str).collect())
        .array::<Text, _>(order_ids(scope))
        .rows(conn)
        .await
        .map_err(store_error)?;
    let mut found = Vec::with_capacity(rows.len());
    for (sku, at) in rows {
        // Each SKU is one that was asked for.
        if let Some(asked) = scope.holds.get(sku.as_str()) {
            let at = at.map(|at| deadline(&sku, at)).transpose()?;
            found.push(NextHold { sku: asked.clone(), at });
        }
    }
    Ok(found)
}
