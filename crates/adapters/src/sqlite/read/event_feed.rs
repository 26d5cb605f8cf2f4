//! The event feed: pages of events, ascending.
//!
//! Each filter has queries of its own, so that each uses the index it needs. What a page costs does not depend on the
//! events before the cursor, nor on how many events a filter by type passes over: a page looks at a bounded number.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use earmark_application::{EncodedEvent, EventFeed, EventFilter, EventPage, StoreError};
use earmark_domain::{OrderId, Sku};

use super::super::builder::{first_rows, one_of};
use super::super::epochs::read_books;
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
            .long
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
            .long
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
    let (rows, looked_at) = match (&filter.order, &filter.sku) {
        (Some(order), sku) => (of_order(conn, order, sku.as_ref(), &filter.types, from, limit)?, newest),
        (None, Some(sku)) => {
            let (rows, looked_at) = of_product(conn, sku, &filter.types, from, limit)?;
            (rows, looked_at.unwrap_or(newest))
        }
        (None, None) => of_all(conn, &filter.types, from, limit, newest)?,
    };
    let is_full = rows.len() >= limit;
    let last = match rows.last() {
        Some(last) if is_full => last.sequence,
        Some(last) => looked_at.max(last.sequence),
        None => looked_at,
    };
    Ok(EventPage {
        events: rows.into_iter().map(decode).collect::<Result<_, _>>()?,
        next: sequence(last)?.max(after),
        complete: !is_full && looked_at >= newest,
        newest: sequence(newest)?,
        books: read_books(conn)?,
    })
}

fn sequence(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|_| StoreError::Corrupt(format!("events {stored}: the sequence is negative")))
}

/// How many events a page with a filter by type looks at: reading them takes some ten milliseconds.
pub(in crate::sqlite) const MOST_LOOKED_AT: i64 = 10_000;

/// Whether an event has one of the types; all have where none is named.
macro_rules! has_type {
    ($types:expr) => {
        ($types.is_empty().into_sql::<Bool>()).or(one_of(events::event_type, $types.iter().map(AsRef::as_ref)))
    };
}

/// All events, and up to which one was looked.
fn of_all<T: AsRef<str>>(
    conn: &mut SqliteConnection,
    types: &[T],
    from: i64,
    limit: usize,
    newest: i64,
) -> Result<(Vec<EventRow>, i64), StoreError> {
    let all = events::table
        .filter(events::sequence.gt(from))
        .order(events::sequence)
        .select(EventRow::as_select());
    if types.is_empty() {
        return Ok((first_rows(all.load_iter(conn), limit)?, newest));
    }
    let end = from.saturating_add(MOST_LOOKED_AT);
    let some = all.filter(events::sequence.le(end)).filter(has_type!(types));
    Ok((first_rows(some.load_iter(conn), limit)?, newest.min(end)))
}

/// The events of a product: those that the deferred index has, and then those among the newest that it may not have. And
/// up to which event was looked, unless it was the newest.
///
/// A product's versions rise with the sequence without a gap, and its entries are in the order of versions. So the
/// version that a page begins with is searched for, and a page that looks at a number of events looks at a number of
/// versions.
fn of_product<T: AsRef<str>>(
    conn: &mut SqliteConnection,
    sku: &Sku,
    types: &[T],
    from: i64,
    limit: usize,
) -> Result<(Vec<EventRow>, Option<i64>), StoreError> {
    let until = indexed_until(conn).map_err(store_error)?;
    let mut page = Vec::new();
    if let Some(first) = first_version_after(conn, sku, from)? {
        let end = if types.is_empty() {
            i64::MAX
        } else {
            first.saturating_add(MOST_LOOKED_AT)
        };
        let indexed = events_of_products::table
            .inner_join(events::table.on(events::sequence.eq(events_of_products::sequence)))
            .filter(events_of_products::sku.eq(sku.as_str()))
            .filter(events_of_products::version.ge(first))
            .filter(events_of_products::version.lt(end))
            .filter(events_of_products::sequence.gt(from))
            .filter(events_of_products::sequence.le(until))
            .filter(events::sku.eq(sku.as_str()))
            .filter(has_type!(types))
            .order(events_of_products::version)
            .select(EventRow::as_select());
        page = first_rows::<EventRow>(indexed.load_iter(conn), limit)?;
        if page.len() < limit
            && let Some((version, sequence)) = entry_from(conn, sku, end - 1)?
            && sequence <= until
        {
            let looked_at = if version < end { sequence } else { sequence - 1 };
            return Ok((page, Some(looked_at)));
        }
    }
    if page.len() < limit {
        let newest = events::table
            .filter(events::sequence.gt(from.max(until)))
            .filter(events::sku.eq(sku.as_str()))
            .filter(has_type!(types))
            .order(events::sequence)
            .select(EventRow::as_select());
        page.extend(first_rows::<EventRow>(newest.load_iter(conn), limit - page.len())?);
    }
    Ok((page, None))
}

/// The first version of a product whose event is after a cursor, among those with an entry; `None`: there is none.
///
/// A binary search: some twenty look-ups for a million events.
fn first_version_after(conn: &mut SqliteConnection, sku: &Sku, from: i64) -> Result<Option<i64>, StoreError> {
    let last = events_of_products::table
        .filter(events_of_products::sku.eq(sku.as_str()))
        .order(events_of_products::version.desc())
        .select((events_of_products::version, events_of_products::sequence));
    let last: Option<(i64, i64)> = first_rows(last.load_iter(conn), 1)?.pop();
    let Some((last, _)) = last.filter(|(_, sequence)| *sequence > from) else {
        return Ok(None);
    };
    // The version is not below `first`, and not above `last`.
    let (mut first, mut last) = (1, last);
    while first < last {
        let middle = first + (last - first) / 2;
        match entry_from(conn, sku, middle)? {
            Some((version, sequence)) if sequence <= from => first = version.saturating_add(1),
            _ => last = middle,
        }
    }
    Ok(Some(first))
}

/// The entry of a product with this version, or the first after it.
fn entry_from(conn: &mut SqliteConnection, sku: &Sku, version: i64) -> Result<Option<(i64, i64)>, StoreError> {
    let entry = events_of_products::table
        .filter(events_of_products::sku.eq(sku.as_str()))
        .filter(events_of_products::version.ge(version))
        .order(events_of_products::version)
        .select((events_of_products::version, events_of_products::sequence));
    Ok(first_rows(entry.load_iter(conn), 1)?.pop())
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
