//! Pages of events.

use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{EventFilter, EventPage, StoreError};
use earmark_domain::Sku;

use super::columns::{EventRow, EventTypes, event_columns};
use super::error::store_error;
use super::load::rows_wanted;
use super::statement::statement;

/// A page of events, ascending, each as `read` has it. Each filter has a statement of its own, so that each goes by the
/// index it needs.
pub(super) fn event_page<E>(
    conn: &mut SqliteConnection,
    filter: &EventFilter,
    after: u64,
    limit: usize,
    read: impl Fn(EventRow) -> Result<E, StoreError>,
) -> Result<EventPage<E>, StoreError> {
    const ALL: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sequence > ? ORDER BY sequence LIMIT +?"
    );
    const OF_TYPES: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sequence > ? AND type IN (SELECT value FROM json_each(?)) ORDER BY sequence LIMIT +?"
    );
    // A product's versions rise with the sequence, and its events are filed by version. A cursor is mostly one of
    // the product's own events, whose version is looked up; from another cursor the product's events are walked. Those
    // that may not be filed yet are looked for among the newest, which come after all of these.
    const OF_PRODUCT: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM (SELECT * FROM (SELECT events.* FROM events_of_products AS filed ",
        "CROSS JOIN events ON events.sequence = filed.sequence ",
        "WHERE filed.sku = ? AND filed.sequence > ? AND filed.sequence <= (SELECT until FROM deferred_index) ",
        "AND filed.version > coalesce((SELECT version FROM events WHERE sequence = ? AND sku = ?), 0) ",
        "AND events.sku = filed.sku AND (? OR type IN (SELECT value FROM json_each(?))) ",
        "ORDER BY filed.version LIMIT +?) ",
        "UNION ALL SELECT * FROM events WHERE sequence > max(?, (SELECT until FROM deferred_index)) AND sku = ? ",
        "AND (? OR type IN (SELECT value FROM json_each(?)))) ORDER BY sequence LIMIT +?"
    );
    // Those that name the order, and those that its lines name.
    const OF_ORDER: &str = concat!(
        "WITH named AS MATERIALIZED (SELECT sequence FROM events INDEXED BY events_order WHERE order_id = ? ",
        "UNION SELECT placed_sequence FROM lines WHERE order_id = ? AND placed_sequence IS NOT NULL) SELECT ",
        event_columns!(),
        " FROM named CROSS JOIN events USING (sequence) WHERE sequence > ? ",
        "AND (? OR type IN (SELECT value FROM json_each(?))) AND (? OR sku = ?) ORDER BY sequence LIMIT +?"
    );
    // A cursor past all numbers has read everything.
    let from = i64::try_from(after).unwrap_or(i64::MAX);
    let every_type = i64::from(filter.types.is_empty());
    let page = match (&filter.order, &filter.sku) {
        (Some(order), sku) => statement::<EventTypes>(OF_ORDER)
            .text(order.as_str())
            .text(order.as_str())
            .integer(from)
            .integer(every_type)
            .list(&filter.types)
            .integer(i64::from(sku.is_none()))
            .text(sku.as_ref().map_or("", Sku::as_str)),
        (None, Some(sku)) => statement(OF_PRODUCT)
            .text(sku.as_str())
            .integer(from)
            .integer(from)
            .text(sku.as_str())
            .integer(every_type)
            .list(&filter.types)
            .integer(rows_wanted(limit))
            .integer(from)
            .text(sku.as_str())
            .integer(every_type)
            .list(&filter.types),
        (None, None) if filter.types.is_empty() => statement(ALL).integer(from),
        (None, None) => statement(OF_TYPES).integer(from).list(&filter.types),
    };
    // The head is read before the page. Numbers follow the order of commits, so whatever stands at or before the head is
    // there for the page to find: a page that is not full reaches the head at least.
    let head: i64 = statement::<BigInt>("SELECT coalesce(max(sequence), 0) FROM events")
        .get_result(conn)
        .map_err(store_error)?;
    let rows: Vec<EventRow> = page.integer(rows_wanted(limit)).load(conn).map_err(store_error)?;
    let last = match rows.last() {
        Some((sequence, ..)) if rows.len() >= limit => *sequence,
        Some((sequence, ..)) => head.max(*sequence),
        None => head,
    };
    let last =
        u64::try_from(last).map_err(|_| StoreError::Corrupt(format!("events {last}: the sequence is negative")))?;
    Ok(EventPage {
        events: rows.into_iter().map(read).collect::<Result<_, _>>()?,
        next: last.max(after),
    })
}
