//! Orders by id.

use diesel::sql_types::{Nullable, Text};
use earmark_application::{OrderRead, StoreError};
use earmark_domain::OrderRecord;

use super::lookup::Lookup;
use crate::postgres::error::StatementResult;
use crate::postgres::rows::{LineReadRow, LineReadTypes, LineRow, OrderRow, line_reads, read_lines};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, statement};

/// Orders by id.
pub(in crate::postgres) enum OrderById {}

impl Lookup for OrderById {
    /// A line with an allocation, and the order header, if there is one.
    type Row = (LineReadRow, Option<OrderRow>);
    type Value = OrderRead;

    async fn rows(keys: Vec<&str>, conn: &Session) -> StatementResult<Vec<Self::Row>> {
        // By hand: each order is looked up in a LATERAL.
        const ORDERS: &str = line_reads!(
            "unnest(?) AS asked (one) CROSS JOIN LATERAL ",
            "order_id = one OFFSET 0",
            "line.order_id, line.line_id",
            ", header.*",
            "LEFT JOIN LATERAL (SELECT {} FROM orders WHERE orders.order_id = line.order_id LIMIT 1) AS header ON true "
        );
        statement::<(LineReadTypes, Nullable<TypesOf<OrderRow>>)>(ORDERS)
            .array::<Text, _>(keys)
            .columns::<LineRow>()
            .columns::<OrderRow>()
            .rows(conn)
            .await
    }

    fn key(((line, _), _): &Self::Row) -> &str {
        &line.order_id
    }

    fn value(rows: Vec<Self::Row>) -> Result<OrderRead, StoreError> {
        let (lines, headers): (Vec<LineReadRow>, Vec<Option<OrderRow>>) = rows.into_iter().unzip();
        let header = headers.into_iter().next().flatten();
        let lines = read_lines(lines)?;
        Ok(OrderRead {
            id: lines[0].record.terms.key.order.clone(),
            header: header.map(OrderRecord::try_from).transpose()?,
            lines,
        })
    }
}
