//! The event feed: the outbox, read with a cursor.

use async_trait::async_trait;
use diesel::dsl::max;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::{EncodedEvent, EventFeed, EventFilter, EventPage, StoreError};
use earmark_domain::Sku;
use futures::try_join;

use crate::postgres::error::StatementResult;
use crate::postgres::error::store_error;
use crate::postgres::rows::{EventRow, records};
use crate::postgres::schema::events;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, load, row_limit, statement};
use crate::postgres::store::PostgresStore;
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
        // or before the head: a page that is not full reaches at least to the head.
        let head = events::table.select(max(events::sequence));
        let (heads, rows) = try_join!(
            load::<_, Option<i64>>(head, &connection),
            rows(&connection, filter, after, limit),
        )
        .map_err(store_error)?;
        drop(connection);
        let head = heads.into_iter().flatten().next().unwrap_or_default();
        let last = match rows.last() {
            Some(last) if rows.len() >= limit => last.sequence,
            Some(last) => head.max(last.sequence),
            None => head,
        };
        let last =
            u64::try_from(last).map_err(|_| StoreError::Corrupt(format!("events {last}: the sequence is negative")))?;
        Ok(EventPage {
            events: records(rows)?,
            next: last.max(after),
        })
    }
}

/// The rows of a page. Each filter has a query of its own, so that each uses the index it needs.
async fn rows(conn: &Session, filter: &EventFilter, after: u64, limit: usize) -> StatementResult<Vec<EventRow>> {
    let (after, limit) = (counter(after), row_limit(limit));
    let types = || filter.types.iter().map(String::as_str).collect::<Vec<&str>>();
    match (&filter.order, &filter.sku) {
        (Some(order), sku) => of_order(conn, order.as_str(), sku.as_ref(), types(), after, limit).await,
        (None, Some(sku)) => {
            // A product's versions rise with the sequence, and its events are indexed by version.
            let of_product = events::table
                .filter(events::sku.eq(sku.as_str()))
                .filter(events::sequence.gt(after))
                .order(events::version)
                .limit(limit)
                .select(EventRow::as_select());
            if filter.types.is_empty() {
                load(of_product, conn).await
            } else {
                load(of_product.filter(events::event_type.eq_any(types())), conn).await
            }
        }
        (None, None) => {
            let all = events::table
                .filter(events::sequence.gt(after))
                .order(events::sequence)
                .limit(limit)
                .select(EventRow::as_select());
            if filter.types.is_empty() {
                load(all, conn).await
            } else {
                load(all.filter(events::event_type.eq_any(types())), conn).await
            }
        }
    }
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
