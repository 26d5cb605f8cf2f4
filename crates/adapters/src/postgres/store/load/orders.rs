//! Order headers, and what the lines of orders have dispatched.

use diesel::sql_types::Text;
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::StoreError;
use earmark_domain::{OrderId, Scope};

use crate::postgres::error::store_error;
use crate::postgres::rows::{DispatchRow, OrderRow};
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

/// What the lines of the scope's orders have dispatched, if the scope asks for it.
pub(super) async fn dispatches(conn: &Session, scope: &Scope) -> Result<Vec<DispatchRow>, StoreError> {
    // By hand: LATERAL.
    const DISPATCHES: &str = "SELECT dispatch.* FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT {} FROM dispatches WHERE order_id = one OFFSET 0) AS dispatch";
    if !scope.dispatches || scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    statement::<TypesOf<DispatchRow>>(DISPATCHES)
        .array::<Text, _>(order_ids(scope))
        .columns::<DispatchRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}
