//! Order headers, and what the lines of orders have dispatched.

use std::collections::{BTreeMap, BTreeSet};

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Nullable, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::StoreError;
use earmark_domain::{DispatchRecord, JoinedOrder, LineKey, OrderId, Scope};

use crate::postgres::error::store_error;
use crate::postgres::rows::{DispatchRow, OrderRow, joined_line, records};
use crate::postgres::schema::orders;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, load, statement};

/// The ids of the scope's orders.
pub(super) fn order_ids(scope: &Scope) -> Vec<&str> {
    scope.orders.iter().map(OrderId::as_str).collect()
}

/// The headers of the scope's orders, and of those that lines are added to.
pub(super) async fn headers(conn: &Session, scope: &Scope) -> Result<Vec<OrderRow>, StoreError> {
    if scope.orders.is_empty() && scope.joined.is_empty() {
        return Ok(Vec::new());
    }
    let ids = scope.orders.iter().chain(&scope.joined).map(OrderId::as_str);
    let headers = orders::table
        .filter(orders::order_id.eq_any(ids.collect::<Vec<&str>>()))
        .select(OrderRow::as_select());
    load(headers, conn).await.map_err(store_error)
}

/// The states of the lines of orders that lines are added to.
pub(super) async fn joined(conn: &Session, scope: &Scope) -> Result<Vec<JoinedOrder>, StoreError> {
    // By hand: LATERAL.
    const JOINED: &str = "SELECT DISTINCT named.one, line.state, line.hold_until FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT state, hold_until FROM lines WHERE order_id = one OFFSET 0) AS line";
    if scope.joined.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<(String, String, Option<PgTimestamp>)> = statement::<(Text, Text, Nullable<Timestamptz>)>(JOINED)
        .array::<Text, _>(scope.joined.iter().map(OrderId::as_str).collect())
        .rows(conn)
        .await
        .map_err(store_error)?;
    let mut lines: BTreeMap<OrderId, BTreeSet<_>> = BTreeMap::new();
    for (order, state, hold_until) in &found {
        let (order, line) = joined_line(order, state, *hold_until)?;
        lines.entry(order).or_default().insert(line);
    }
    let orders = lines.into_iter().map(|(id, lines)| JoinedOrder { id, lines });
    Ok(orders.collect())
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
