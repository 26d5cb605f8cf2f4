//! Pages of events.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::AsyncPgConnection;
use earmark_application::{EventFilter, EventPage, StoreError};
use earmark_domain::Sku;
use futures::try_join;

use super::PostgresStore;
use super::columns::{EventRow, EventTypes, event_columns};
use super::error::store_error;
use super::load::rows_wanted;
use super::row::counter;
use super::statement::statement;

/// A page of events, ascending, each as `read` has it.
pub(super) async fn event_page<E>(
    store: &PostgresStore,
    filter: &EventFilter,
    after: u64,
    limit: usize,
    read: impl Fn(EventRow) -> Result<E, StoreError> + Send,
) -> Result<EventPage<E>, StoreError> {
    let connection = store.connection().await?;
    // The head is read before the page. Numbers follow the order of commits, so whatever stands at or before the
    // head is there for the page to find: a page that is not full reaches the head at least.
    let (heads, rows) = try_join!(
        statement::<Nullable<BigInt>>("SELECT max(sequence) FROM events").rows::<Option<i64>>(&connection),
        event_rows(&connection, filter, after, limit),
    )
    .map_err(store_error)?;
    drop(connection);
    let head = heads.into_iter().flatten().next().unwrap_or_default();
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

/// A page of events, ascending. Each filter has a statement of its own, so that each goes by the index it needs.
async fn event_rows(
    connection: &AsyncPgConnection,
    filter: &EventFilter,
    after: u64,
    limit: usize,
) -> diesel::QueryResult<Vec<EventRow>> {
    const ALL: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?"
    );
    const OF_TYPES: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sequence > ? AND type = ANY (?) ORDER BY sequence LIMIT ?"
    );
    // A product's versions rise with the sequence, and its events are indexed by version.
    const OF_PRODUCT: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM events WHERE sku = ? AND sequence > ? AND (cardinality(?) = 0 OR type = ANY (?)) ",
        "ORDER BY version LIMIT ?"
    );
    // Those that name the order, and those that its lines name.
    const OF_ORDER: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM (SELECT * FROM events WHERE order_id = ? UNION ALL ",
        "SELECT event.* FROM lines CROSS JOIN LATERAL (SELECT * FROM events ",
        "WHERE events.sku = lines.sku AND events.version = lines.placed_version AND events.order_id IS NULL LIMIT 1) AS event ",
        "WHERE lines.order_id = ?) AS event ",
        "WHERE sequence > ? AND (cardinality(?) = 0 OR type = ANY (?)) AND (? OR sku = ?) ORDER BY sequence LIMIT ?"
    );
    let after = counter(after);
    let types = || filter.types.iter().map(String::as_str).collect::<Vec<&str>>();
    let page = match (&filter.order, &filter.sku) {
        (Some(order), sku) => statement::<EventTypes>(OF_ORDER)
            .bind::<Text, _>(order.as_str())
            .bind::<Text, _>(order.as_str())
            .bind::<BigInt, _>(after)
            .array::<Text, _>(types())
            .array::<Text, _>(types())
            .bind::<Bool, _>(sku.is_none())
            .bind::<Text, _>(sku.as_ref().map_or("", Sku::as_str)),
        (None, Some(sku)) => statement(OF_PRODUCT)
            .bind::<Text, _>(sku.as_str())
            .bind::<BigInt, _>(after)
            .array::<Text, _>(types())
            .array::<Text, _>(types()),
        (None, None) if filter.types.is_empty() => statement(ALL).bind::<BigInt, _>(after),
        (None, None) => statement(OF_TYPES).bind::<BigInt, _>(after).array::<Text, _>(types()),
    };
    page.bind::<BigInt, _>(rows_wanted(limit)).rows(connection).await
}
