//! The event feed: the outbox, read with a cursor.

use async_trait::async_trait;
use diesel::dsl::max;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::{EncodedEvent, EventFeed, EventFilter, EventPage, StoreError};
use earmark_domain::Sku;
use futures::try_join;

use crate::postgres::error::StatementResult;
use crate::postgres::error::store_error;
use crate::postgres::rows::{EventRow, records};
use crate::postgres::schema::{books, epochs, events};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, load, row_limit, statement};
use crate::postgres::store::PostgresStore;
use crate::sql::books::books as decode_books;
use crate::sql::decode::counter;

#[async_trait]
impl EventFeed for PostgresStore {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        self.event_page(filter, after, limit).await
    }

    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        self.event_page(filter, after, limit).await
    }
}

impl PostgresStore {
    /// A page of events, ascending.
    async fn event_page<Event>(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<Event>, StoreError>
    where
        Event: TryFrom<EventRow, Error = StoreError> + Send,
    {
        let connection = self.questions().get().await?;
        // The head is read before the page. Numbers follow the order of commits, so the page finds all that stands at
        // or before the head: a page that is not full reaches at least to the head. The epochs are read between the two:
        // those that began after the head was read have only events behind it.
        let head = events::table.select(max(events::sequence));
        let epochs = epochs::table.order(epochs::number);
        let (heads, ids, epochs, (mut rows, looked_at)) = try_join!(
            load::<_, Option<i64>>(head, &connection),
            load::<_, String>(books::table.select(books::id), &connection),
            load::<_, (i64, i64)>(epochs.select((epochs::number, epochs::after_sequence)), &connection),
            rows(&connection, filter, after, limit),
        )
        .map_err(store_error)?;
        drop(connection);
        let head = heads.into_iter().flatten().next().unwrap_or_default();
        // What was stored meanwhile is for the next page: it may be of an epoch that is not known here.
        rows.retain(|row| row.sequence <= head);
        let looked_at = looked_at.map_or(head, |looked_at| looked_at.min(head));
        let is_full = rows.len() >= limit;
        let last = match rows.last() {
            Some(last) if is_full => last.sequence,
            Some(last) => looked_at.max(last.sequence),
            None => looked_at,
        };
        Ok(EventPage {
            events: records(rows)?,
            next: sequence(last)?.max(after),
            complete: !is_full && looked_at >= head,
            newest: sequence(head)?,
            books: decode_books(&ids, &epochs)?,
        })
    }
}

fn sequence(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|_| StoreError::Corrupt(format!("events {stored}: the sequence is negative")))
}

/// How many events a page with a filter by type looks at: reading them takes some ten milliseconds.
const MOST_LOOKED_AT: i64 = 10_000;

/// The rows of a page, and up to which number it looked at events; `None`: at all of them. Each filter has a query of its
/// own, so that each uses the index it needs.
async fn rows(
    conn: &Session,
    filter: &EventFilter,
    after: u64,
    limit: usize,
) -> StatementResult<(Vec<EventRow>, Option<i64>)> {
    let (after, limit) = (counter(after), row_limit(limit));
    let types = || filter.types.iter().map(String::as_str).collect::<Vec<&str>>();
    match (&filter.order, &filter.sku) {
        (Some(order), sku) => {
            let rows = of_order(conn, order.as_str(), sku.as_ref(), types(), after, limit).await?;
            Ok((rows, None))
        }
        (None, Some(sku)) => of_product(conn, sku.as_str(), types(), after, limit).await,
        (None, None) => {
            let all = events::table
                .filter(events::sequence.gt(after))
                .order(events::sequence)
                .limit(limit)
                .select(EventRow::as_select());
            if filter.types.is_empty() {
                return Ok((load(all, conn).await?, None));
            }
            let end = after.saturating_add(MOST_LOOKED_AT);
            let some = all
                .filter(events::sequence.le(end))
                .filter(events::event_type.eq_any(types()));
            Ok((load(some, conn).await?, Some(end)))
        }
    }
}

/// The events of a product. Its versions rise with the sequence without a gap, and its events are indexed by version: so
/// the version after which a page begins is searched for.
async fn of_product(
    conn: &Session,
    sku: &str,
    types: Vec<&str>,
    after: i64,
    limit: i64,
) -> StatementResult<(Vec<EventRow>, Option<i64>)> {
    // By hand: a binary search, some twenty look-ups for a million events. All versions up to `low` are at or before the
    // cursor, all above `high` after it.
    const SEARCH: &str = "WITH RECURSIVE search (low, high) AS (\
         SELECT 0::bigint, coalesce((SELECT max(version) FROM events WHERE sku = ?), 0) \
         UNION ALL \
         SELECT CASE WHEN event.sequence <= ? THEN middle ELSE low END, \
         CASE WHEN event.sequence <= ? THEN high ELSE middle - 1 END \
         FROM search CROSS JOIN LATERAL (SELECT (low + high + 1) / 2 AS middle) AS half \
         CROSS JOIN LATERAL (SELECT sequence FROM events WHERE sku = ? AND version <= middle \
         ORDER BY version DESC LIMIT 1) AS event WHERE low < high) \
         SELECT max(low), max(high) FROM search";
    let found = statement::<(Nullable<BigInt>, Nullable<BigInt>)>(SEARCH)
        .bind::<Text, _>(sku)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(after)
        .bind::<Text, _>(sku)
        .rows::<(Option<i64>, Option<i64>)>(conn)
        .await?;
    let (before, last) = found.into_iter().next().unwrap_or_default();
    let (before, last) = (before.unwrap_or_default(), last.unwrap_or_default());
    let of_product = events::table
        .filter(events::sku.eq(sku))
        .filter(events::version.gt(before))
        .filter(events::sequence.gt(after))
        .order(events::version)
        .limit(limit)
        .select(EventRow::as_select());
    if types.is_empty() {
        return Ok((load(of_product, conn).await?, None));
    }
    let end = before.saturating_add(MOST_LOOKED_AT);
    let some = of_product
        .filter(events::version.le(end))
        .filter(events::event_type.eq_any(types));
    if end >= last {
        return Ok((load(some, conn).await?, None));
    }
    let looked_at = events::table
        .filter(events::sku.eq(sku))
        .filter(events::version.eq(end))
        .select(events::sequence);
    let (rows, looked_at) = try_join!(load(some, conn), load::<_, i64>(looked_at, conn))?;
    Ok((rows, looked_at.into_iter().next()))
}

/// The events of an order: those that have its id, and those that are found through its lines.
async fn of_order(
    conn: &Session,
    order: &str,
    sku: Option<&Sku>,
    types: Vec<&str>,
    after: i64,
    limit: i64,
) -> StatementResult<Vec<EventRow>> {
    // By hand: a union, and LATERAL.
    const OF_ORDER: &str = "SELECT {} FROM (SELECT * FROM events WHERE order_id = ? UNION ALL \
         SELECT event.* FROM lines CROSS JOIN LATERAL (SELECT * FROM events \
         WHERE events.sku = lines.sku AND events.version = coalesce(lines.first_placed_version, lines.placed_version) \
         AND events.order_id IS NULL LIMIT 1) \
         AS event WHERE lines.order_id = ?) AS events \
         WHERE sequence > ? AND (cardinality(?) = 0 OR type = ANY (?)) AND (? OR sku = ?) ORDER BY sequence LIMIT ?";
    statement::<TypesOf<EventRow>>(OF_ORDER)
        .columns::<EventRow>()
        .bind::<Text, _>(order)
        .bind::<Text, _>(order)
        .bind::<BigInt, _>(after)
        .array::<Text, _>(types.clone())
        .array::<Text, _>(types)
        .bind::<Bool, _>(sku.is_none())
        .bind::<Text, _>(sku.map_or("", Sku::as_str))
        .bind::<BigInt, _>(limit)
        .rows(conn)
        .await
}
