//! Events.

use diesel::data_types::{PgDate, PgTimestamp};
use diesel::sql_types::{BigInt, Date, Nullable, Text, Timestamptz};
use earmark_domain::Event;

use crate::postgres::rows::values::{pg_date, pg_instant};
use crate::postgres::statement::{Statement, statement};
use crate::sql::decode::counter;
use crate::sql::new_lines::NewLines;
use crate::wire;

/// Inserts events, numbered in their order.
pub(super) fn insert<'a>(new_lines: &NewLines<'a>, events: &'a [Event]) -> Statement<'a> {
    bind_events(
        statement(
            "INSERT INTO events \
             (sequence, sku, version, order_id, type, occurred_at, decided_on, actor, correlation_id, data) \
             SELECT nextval('events_sequence'), sku, version, order_id, type, occurred_at, decided_on, actor, \
             correlation_id, data::json FROM (SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY \
             AS given (sku, version, order_id, type, occurred_at, decided_on, actor, correlation_id, data, ordinality) \
             ORDER BY ordinality) AS new",
        ),
        new_lines,
        events,
    )
}

/// Binds the columns of events without their numbers. An event that is found through its line has no order id.
pub(in crate::postgres::store) fn bind_events<'a>(
    statement: Statement<'a>,
    new_lines: &NewLines<'a>,
    events: &'a [Event],
) -> Statement<'a> {
    let product = |event: &Event| event.product().map(|(_, version)| counter(version));
    statement
        .array_or_null::<Nullable<Text>, _>(
            events
                .iter()
                .map(|event| event.product().map(|(sku, _)| sku.as_str()))
                .collect(),
        )
        .array_or_null::<Nullable<BigInt>, _>(events.iter().map(product).collect())
        .array_or_null::<Nullable<Text>, _>(
            new_lines
                .events(events)
                .map(|(event, by_line)| event.order().filter(|_| !by_line).map(|id| id.as_str()))
                .collect(),
        )
        .array_or_null::<Text, _>(events.iter().map(|event| event.fact.name()).collect())
        .array_or_null::<Timestamptz, PgTimestamp>(events.iter().map(|event| pg_instant(event.occurred_at)).collect())
        .array_or_null::<Date, PgDate>(events.iter().map(|event| pg_date(event.decided_on)).collect())
        .array_or_null::<Text, _>(events.iter().map(|event| &*event.actor).collect::<Vec<&str>>())
        .array_or_null::<Text, _>(events.iter().map(|event| &*event.correlation_id).collect::<Vec<&str>>())
        .array_or_null::<Text, String>(events.iter().map(|event| wire::fact_to_json(&event.fact)).collect())
}
