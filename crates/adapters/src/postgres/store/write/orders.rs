//! Order headers.

use diesel::data_types::PgDate;
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text, Timestamptz};
use earmark_domain::OrderRecord;

use crate::postgres::rows::values::{pg_date, pg_instant};
use crate::postgres::statement::{Statement, column, statement};
use crate::sql::decode::counter;

/// Inserts new order headers.
pub(super) fn insert<'a>(orders: &[&'a OrderRecord]) -> Statement<'a> {
    let statement = statement(
        "INSERT INTO orders (order_id, placed_at, asked, priority, required_by, hold_until, expired_from, expired_to) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) AS new (order_id) ORDER BY new.order_id COLLATE \"C\"",
    );
    bind_expiry_steps(bind_order_terms(bind_orders(statement, orders), orders), orders)
}

/// Updates order headers.
pub(super) fn update<'a>(orders: &[&'a OrderRecord]) -> Statement<'a> {
    let statement = statement(
        "UPDATE orders SET placed_at = new.placed_at, asked = new.asked, priority = new.priority, \
         required_by = new.required_by, hold_until = new.hold_until, expired_from = new.expired_from, \
         expired_to = new.expired_to FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) \
         AS new (order_id, placed_at, asked, priority, required_by, hold_until, expired_from, expired_to) \
         WHERE orders.order_id = new.order_id AND orders.order_id = ANY (?)",
    );
    let bound = bind_expiry_steps(bind_order_terms(bind_orders(statement, orders), orders), orders);
    bound.array::<Text, _>(column(orders, |order| order.id.as_str()))
}

/// Binds the columns that every order has.
pub(in crate::postgres::store) fn bind_orders<'a>(
    statement: Statement<'a>,
    orders: &[&'a OrderRecord],
) -> Statement<'a> {
    statement
        .array_or_null::<Text, _>(column(orders, |order| order.id.as_str()))
        .array_or_null::<Timestamptz, _>(column(orders, |order| pg_instant(order.placed_at)))
        .array_or_null::<Nullable<Text>, Option<String>>(column(orders, |order| {
            order.asked.map(|asked| asked.to_string())
        }))
}

/// Binds the columns in which only some orders differ from the usual.
pub(in crate::postgres::store) fn bind_order_terms<'a>(
    statement: Statement<'a>,
    orders: &[&'a OrderRecord],
) -> Statement<'a> {
    statement
        .array_or_null::<Integer, _>(column(orders, |order| order.precedence.priority().get()))
        .array_or_null::<Nullable<Date>, _>(
            column(orders, |order| order.precedence.required_by().map(pg_date)) as Vec<Option<PgDate>>
        )
        .array_or_null::<Nullable<Timestamptz>, _>(column(orders, |order| order.hold_until.map(pg_instant)))
}

/// Binds the versions before and after the holds of the orders ended.
fn bind_expiry_steps<'a>(statement: Statement<'a>, orders: &[&'a OrderRecord]) -> Statement<'a> {
    statement
        .array::<Nullable<BigInt>, _>(column(orders, |order| {
            order.expiry_step.map(|step| counter(step.before))
        }))
        .array::<Nullable<BigInt>, _>(column(orders, |order| {
            order.expiry_step.map(|step| counter(step.after))
        }))
}
