//! The event feed: pages of events, ascending.
//!
//! Each filter has queries of its own, so that each uses the index it needs.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use earmark_application::{EncodedEvent, EventFeed, EventFilter, EventPage, StoreError};
use earmark_domain::{OrderId, Sku};

use super::super::builder::{first_rows, one_of};
use super::super::error::store_error;
use super::super::rows::{EventRow, encoded_event, event};
use super::super::schema::{events, events_of_products, lines};
use super::super::sqlite_store::SqliteStore;
use super::super::store::{indexed_until, newest_event};

#[async_trait]
impl EventFeed for SqliteStore {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let filter = filter.clone();
        self.readers
            .query_snapshot(move |conn| event_page(conn, &filter, after, limit, event))
            .await
    }

    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        let filter = filter.clone();
        self.readers
            .query_snapshot(move |conn| event_page(conn, &filter, after, limit, encoded_event))
            .await
    }
}

/// A page of events, ascending, each as `decode` has it. Runs in a snapshot.
fn event_page<E>(
    conn: &mut SqliteConnection,
    filter: &EventFilter,
    after: u64,
    limit: usize,
    decode: impl Fn(EventRow) -> Result<E, StoreError>,
) -> Result<EventPage<E>, StoreError> {
    // A page has several statements. All must see one state: an event that is committed between two of them would be
    // skipped for ever by a cursor that has passed it.
    let newest = newest_event(conn).map_err(store_error)?;
    // A cursor past all numbers has read everything.
    let from = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = match (&filter.order, &filter.sku) {
        (Some(order), sku) => of_order(conn, order, sku.as_ref(), &filter.types, from, limit),
        (None, Some(sku)) => of_product(conn, sku, &filter.types, from, limit),
        (None, None) => of_all(conn, &filter.types, from, limit),
    }?;
    let last = match rows.last() {
        Some(last) if rows.len() >= limit => last.sequence,
        Some(last) => newest.max(last.sequence),
        None => newest,
    };
    let last =
        u64::try_from(last).map_err(|_| StoreError::Corrupt(format!("events {last}: the sequence is negative")))?;
    Ok(EventPage {
        events: rows.into_iter().map(decode).collect::<Result<_, _>>()?,
        next: last.max(after),
    })
}

/// Whether an event has one of the types; all have where none is named.
macro_rules! has_type {
    ($types:expr) => {
        ($types.is_empty().into_sql::<Bool>()).or(one_of(events::event_type, $types.iter().map(AsRef::as_ref)))
    };
}

fn of_all<T: AsRef<str>>(
    conn: &mut SqliteConnection,
    types: &[T],
    from: i64,
    limit: usize,
) -> Result<Vec<EventRow>, StoreError> {
    let all = events::table
        .filter(events::sequence.gt(from))
        .order(events::sequence)
        .select(EventRow::as_select());
    if types.is_empty() {
        return first_rows(all.load_iter(conn), limit);
    }
    first_rows(all.filter(has_type!(types)).load_iter(conn), limit)
}

/// The events of a product: those that the deferred index has, and then those among the newest that it may not have.
///
/// A product's versions rise with the sequence, and its entries are in the order of versions. A cursor is mostly one of
/// the product's own events, whose version is looked up; from another cursor the product's events are walked.
fn of_product<T: AsRef<str>>(
    conn: &mut SqliteConnection,
    sku: &Sku,
    types: &[T],
    from: i64,
    limit: usize,
) -> Result<Vec<EventRow>, StoreError> {
    let until = indexed_until(conn).map_err(store_error)?;
    let cursor = events::table
        .filter(events::sequence.eq(from))
        .filter(events::sku.eq(sku.as_str()))
        .select(events::version.assume_not_null());
    let version = cursor.get_result::<i64>(conn).optional().map_err(store_error)?;
    let indexed = events_of_products::table
        .inner_join(events::table.on(events::sequence.eq(events_of_products::sequence)))
        .filter(events_of_products::sku.eq(sku.as_str()))
        .filter(events_of_products::version.gt(version.unwrap_or_default()))
        .filter(events_of_products::sequence.gt(from))
        .filter(events_of_products::sequence.le(until))
        .filter(events::sku.eq(sku.as_str()))
        .filter(has_type!(types))
        .order(events_of_products::version)
        .select(EventRow::as_select());
    let mut page = first_rows::<EventRow>(indexed.load_iter(conn), limit)?;
    if page.len() < limit {
        let newest = events::table
            .filter(events::sequence.gt(from.max(until)))
            .filter(events::sku.eq(sku.as_str()))
            .filter(has_type!(types))
            .order(events::sequence)
            .select(EventRow::as_select());
        page.extend(first_rows::<EventRow>(newest.load_iter(conn), limit - page.len())?);
    }
    Ok(page)
}

/// The events of an order, perhaps of one product only: those that name it, and those that its lines name.
fn of_order<T: AsRef<str>>(
    conn: &mut SqliteConnection,
    order: &OrderId,
    sku: Option<&Sku>,
    types: &[T],
    from: i64,
    limit: usize,
) -> Result<Vec<EventRow>, StoreError> {
    let of_product = || {
        let every_product = sku.is_none().into_sql::<Bool>();
        every_product.or(events::sku.eq(sku.map_or("", Sku::as_str)).assume_not_null())
    };
    let naming = events::table
        .filter(events::order_id.eq(order.as_str()))
        .filter(events::sequence.gt(from))
        .filter(has_type!(types))
        .filter(of_product())
        .order(events::sequence)
        .select(EventRow::as_select());
    let mut page = first_rows::<EventRow>(naming.load_iter(conn), limit)?;
    let named = lines::table
        .inner_join(events::table.on(lines::placed_sequence.eq(events::sequence.nullable())))
        .filter(lines::order_id.eq(order.as_str()))
        .filter(events::sequence.gt(from))
        .filter(has_type!(types))
        .filter(of_product())
        .select(EventRow::as_select());
    page.extend(named.load::<EventRow>(conn).map_err(store_error)?);
    page.sort_by_key(|event| event.sequence);
    page.dedup_by_key(|event| event.sequence);
    page.truncate(limit);
    Ok(page)
}
