//! Order headers, and what the lines of orders have dispatched.

use diesel::sql_types::Text;
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::StoreError;
use earmark_domain::{DispatchRecord, LineKey, OrderId, Scope};

use crate::postgres::error::store_error;
use crate::postgres::rows::{DispatchRow, OrderRow, records};
use crate::postgres::schema::orders;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, load, statement};

/// The ids of the scope's orders.
pub(super) fn order_ids(scope: &Scope) -> Vec<&str> {
    scope.orders.iter().map(OrderId::as_str).collect()
}

/// The headers of the scope's orders.
pub(super) async fn headers(conn: &Session, scope: &Scope) -> Result<Vec<OrderRow>, StoreError> {
    if scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    let headers = orders::table
        .filter(orders::order_id.eq_any(order_ids(scope)))
        .select(OrderRow::as_select());
    load(headers, conn).await.map_err(store_error)
}

/// What lines have dispatched.
pub(in crate::postgres) async fn dispatches_of(
    conn: &Session,
    lines: &[&LineKey],
) -> Result<Vec<DispatchRecord>, StoreError> {
    // By hand: the keys are pairs, and each is looked up in a LATERAL.
    const DISPATCHES: &str = "SELECT dispatch.* FROM unnest(?, ?) AS named (named_order, named_line) \
         CROSS JOIN LATERAL (SELECT {} FROM dispatches WHERE order_id = named_order AND line_id = named_line OFFSET 0) \
         AS dispatch";
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<DispatchRow> = statement::<TypesOf<DispatchRow>>(DISPATCHES)
        .array::<Text, _>(lines.iter().map(|key| key.order.as_str()).collect())
        .array::<Text, _>(lines.iter().map(|key| key.line.as_str()).collect())
        .columns::<DispatchRow>()
        .rows(conn)
        .await
        .map_err(store_error)?;
    records(rows)
}
