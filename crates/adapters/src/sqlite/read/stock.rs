//! A product's stock: its batches, and the sums over them and over its backlog.
//!
//! A query for an instant is answered without the units of holds that have ended by then. Only where a product has such
//! a hold are they looked for, in a second try.

use std::collections::HashMap;

use diesel::dsl::not;
use diesel::prelude::*;
use diesel::sql_types::Text;
use earmark_application::{BatchRead, ProductRead, ProductSummary, StoreError};
use earmark_domain::{BatchRecord, ProductRecord, Reference, Sku, Units};
use jiff::Timestamp;
use jiff::civil::Date;

use super::super::builder::{Backordered, contains_in_any_case, first_rows, one_of, scalar, total};
use super::super::connection::Readers;
use super::super::error::store_error;
use super::super::ngrams;
use super::super::rows::{self, BatchRow, ProductRow};
use super::super::schema::{batches, lines, products};
use super::super::sqlite_store::SqliteStore;
use super::super::statement::statement;
use super::holds::Ended;
use crate::sql::decode;

/// How a query deals with holds that have ended.
pub(super) enum EndedHolds {
    /// As if there were none; it notes whether there may be one.
    Note { now: Timestamp, due: bool },
    /// It looks for them.
    LookUp { now: Timestamp },
}

impl EndedHolds {
    pub(super) const fn now(&self) -> Timestamp {
        let (Self::Note { now, .. } | Self::LookUp { now }) = self;
        *now
    }

    /// What has to be subtracted for these products.
    pub(super) fn of<'a>(
        &mut self,
        conn: &mut SqliteConnection,
        products: impl Iterator<Item = &'a ProductRecord>,
    ) -> Result<Ended, StoreError> {
        match self {
            Self::Note { now, due } => {
                let mut deadlines = products.filter_map(|product| product.next_expiry);
                *due |= deadlines.any(|deadline| deadline <= *now);
                Ok(Ended::default())
            }
            Self::LookUp { now } => {
                let due = products.filter(|product| product.next_expiry.is_some_and(|deadline| deadline <= *now));
                Ended::of(conn, due.map(|product| &product.sku), *now)
            }
        }
    }
}

impl SqliteStore {
    /// Runs a query of one statement for an instant: once, if no hold on what it is about has ended by then.
    pub(super) async fn query_at<T, Q>(&self, now: Timestamp, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: Fn(&mut SqliteConnection, &mut EndedHolds) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, query) = self
            .readers
            .by_key
            .query(move |conn| first_try(conn, now, query))
            .await?;
        second_try(&self.readers.by_key, now, answer, query).await
    }

    /// The same for a long query of several statements.
    pub(super) async fn query_snapshot_at<T, Q>(&self, now: Timestamp, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: Fn(&mut SqliteConnection, &mut EndedHolds) -> Result<T, StoreError> + Send + 'static,
    {
        let long = &self.readers.long;
        let (answer, query) = long.query_snapshot(move |conn| first_try(conn, now, query)).await?;
        second_try(long, now, answer, query).await
    }
}

async fn second_try<T, Q>(readers: &Readers, now: Timestamp, answer: T, query: Option<Q>) -> Result<T, StoreError>
where
    T: Send + 'static,
    Q: Fn(&mut SqliteConnection, &mut EndedHolds) -> Result<T, StoreError> + Send + 'static,
{
    let Some(query) = query else { return Ok(answer) };
    readers
        .query_snapshot(move |conn| query(conn, &mut EndedHolds::LookUp { now }))
        .await
}

/// The answer of a query, and the query again if a hold may have ended.
fn first_try<T, Q>(conn: &mut SqliteConnection, now: Timestamp, query: Q) -> Result<(T, Option<Q>), StoreError>
where
    Q: Fn(&mut SqliteConnection, &mut EndedHolds) -> Result<T, StoreError>,
{
    let mut ended = EndedHolds::Note { now, due: false };
    let answer = query(conn, &mut ended)?;
    let again = matches!(ended, EndedHolds::Note { due: true, .. });
    Ok((answer, again.then_some(query)))
}

/// A batch without the units of holds that have ended.
pub(super) fn without(ended: &Ended, batch: &mut BatchRecord) {
    batch.allocated = batch.allocated.saturating_sub(ended.in_batch(&batch.reference));
}

/// One batch, with its product.
pub(super) fn batch(
    conn: &mut SqliteConnection,
    reference: &Reference,
    ended: &mut EndedHolds,
) -> Result<Option<BatchRead>, StoreError> {
    let found: Option<(BatchRow, ProductRow)> = batches::table
        .inner_join(products::table)
        .filter(batches::reference.eq(reference.as_str()))
        .select((BatchRow::as_select(), ProductRow::as_select()))
        .get_result(conn)
        .optional()
        .map_err(store_error)?;
    let Some((batch, product)) = found else {
        return Ok(None);
    };
    let (mut record, product) = (rows::batch(batch)?, rows::product(product)?);
    let ended = ended.of(conn, std::iter::once(&product))?;
    without(&ended, &mut record);
    let version = product.version;
    Ok(Some(BatchRead { record, version }))
}

/// The units that a product's lines wait for at an instant. A macro, because the query's type is too long to write down.
macro_rules! backlog_units {
    ($now:expr) => {
        scalar(
            lines::table
                .filter(lines::sku.eq(products::sku))
                .filter(lines::state.eq(Backordered))
                .filter(
                    lines::hold_until
                        .is_null()
                        .or(lines::hold_until.gt($now.as_microsecond())),
                )
                .select(total(lines::quantity)),
        )
    };
}

/// One product with its batches, in preference order.
pub(super) fn product(
    conn: &mut SqliteConnection,
    sku: &Sku,
    ended: &mut EndedHolds,
) -> Result<Option<ProductRead>, StoreError> {
    // A product without batches comes once. No ETA goes first: NULL is the smallest value.
    let found: Vec<(ProductRow, Option<i64>, Option<BatchRow>)> = products::table
        .left_join(batches::table)
        .filter(products::sku.eq(sku.as_str()))
        .order((batches::eta, batches::ordinal))
        .select((
            ProductRow::as_select(),
            backlog_units!(ended.now()),
            Option::<BatchRow>::as_select(),
        ))
        .load(conn)
        .map_err(store_error)?;
    let Some((product, backordered, _)) = found.first().cloned() else {
        return Ok(None);
    };
    let product = rows::product(product)?;
    let backordered = decode::units(sku, "backordered", backordered.unwrap_or_default())?;
    let batches = found.into_iter().filter_map(|(_, _, batch)| batch);
    let mut batches: Vec<BatchRecord> = batches.map(rows::batch).collect::<Result<_, _>>()?;
    let ended = ended.of(conn, std::iter::once(&product))?;
    batches.iter_mut().for_each(|batch| without(&ended, batch));
    Ok(Some(ProductRead {
        summary: ProductSummary::of(product, batches.iter(), backordered),
        batches,
    }))
}

/// A product's sums over its batches: in the warehouse, on their way, allocated, dispatched, free. NULL is no
/// units.
#[derive(Debug, Default, Queryable)]
struct StockSums {
    on_hand: Option<i64>,
    inbound: Option<i64>,
    allocated: Option<i64>,
    dispatched: Option<i64>,
    free: Option<i64>,
}

/// Products by SKU, with their sums. `folded`: those whose SKU or name contains it, in any case.
pub(super) fn summaries(
    conn: &mut SqliteConnection,
    folded: Option<&str>,
    after: Option<&Sku>,
    limit: usize,
    ended: &mut EndedHolds,
) -> Result<Vec<ProductSummary>, StoreError> {
    // No SKU is empty, so each comes after the empty text.
    let all = || {
        products::table
            .filter(products::sku.gt(after.map_or("", Sku::as_str)))
            .order(products::sku)
            .select((ProductRow::as_select(), backlog_units!(ended.now())))
    };
    // LIKE knows the cases of ASCII alone. A macro, because the type is too long to write down.
    macro_rules! contain {
        ($folded:expr) => {{
            let in_name = contains_in_any_case(products::name.assume_not_null(), $folded);
            contains_in_any_case(products::sku, $folded).or(products::name.is_not_null().and(in_name))
        }};
    }
    let mut page: Vec<(ProductRow, Option<i64>)> = Vec::new();
    match folded.map(|folded| (folded, candidates(conn, folded, after))) {
        None => page = first_rows(all().load_iter(conn), limit)?,
        Some((folded, Ok(Some(candidates)))) => {
            for some in candidates.chunks(CHUNK) {
                let found = products::table
                    .filter(one_of(products::sku, some.iter().map(String::as_str)))
                    .filter(contain!(folded))
                    .select((ProductRow::as_select(), backlog_units!(ended.now())));
                page.extend(found.load::<(ProductRow, Option<i64>)>(conn).map_err(store_error)?);
                if page.len() >= limit {
                    break;
                }
            }
            page.sort_by(|(a, _), (b, _)| a.sku.cmp(&b.sku));
            page.truncate(limit);
        }
        // So many contain it that a page of them is found soon.
        Some((folded, Ok(None))) => page = first_rows(all().filter(contain!(folded)).load_iter(conn), limit)?,
        Some((_, Err(why))) => return Err(why),
    }
    let page = page
        .into_iter()
        .map(|(product, backordered)| Ok((rows::product(product)?, backordered)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let skus: Vec<&str> = page.iter().map(|(product, _)| product.sku.as_str()).collect();
    let mut sums = stock_sums(conn, &skus, folded.is_none())?;
    let mut overdue = overdue_units(conn, &skus)?;
    let ended = ended.of(conn, page.iter().map(|(product, _)| product))?;
    page.into_iter()
        .map(|(product, backordered)| {
            let sums = sums.remove(product.sku.as_str()).unwrap_or_default();
            let overdue = overdue.remove(product.sku.as_str()).unwrap_or_default();
            summary(product, &sums, overdue, backordered, &ended)
        })
        .collect()
}

/// How many candidates of a search are sorted by SKU: reading them takes a few milliseconds. Where there are more, the
/// products are walked in order instead.
const MOST_CANDIDATES: usize = 4_096;

/// How many candidates are compared with the search at once: a page, mostly.
const CHUNK: usize = 512;

/// The SKUs after one that may contain a search, in order; `None`: there are too many.
fn candidates(
    conn: &mut SqliteConnection,
    folded: &str,
    after: Option<&Sku>,
) -> Result<Option<Vec<String>>, StoreError> {
    // By hand: the builder knows no virtual table.
    const FOUND: &str = "SELECT sku FROM product_ngrams CROSS JOIN searchable_products \
         ON searchable_products.id = product_ngrams.rowid WHERE product_ngrams MATCH ?";
    let found = statement::<Text>(FOUND).owned_text(ngrams::query(folded));
    let mut skus: Vec<String> = first_rows(found.load_iter(conn), MOST_CANDIDATES + 1)?;
    if skus.len() > MOST_CANDIDATES {
        return Ok(None);
    }
    skus.retain(|sku| after.is_none_or(|after| sku.as_str() > after.as_str()));
    skus.sort_unstable();
    Ok(Some(skus))
}

/// The sums of these products, which come in order. `all`: no product between them is left out.
fn stock_sums(conn: &mut SqliteConnection, skus: &[&str], all: bool) -> Result<HashMap<String, StockSums>, StoreError> {
    let (Some(first), Some(last)) = (skus.first(), skus.last()) else {
        return Ok(HashMap::new());
    };
    let present = || total(batches::quantity - batches::dispatched);
    let sums = batches::table.group_by(batches::sku).select((
        batches::sku,
        (
            present().aggregate_filter(batches::eta.is_null()),
            present().aggregate_filter(batches::eta.is_not_null()),
            total(batches::allocated),
            total(batches::dispatched),
            total(batches::quantity - batches::allocated - batches::dispatched),
        ),
    ));
    let sums = if all {
        sums.filter(batches::sku.between(*first, *last))
            .load::<(String, StockSums)>(conn)
    } else {
        sums.filter(one_of(batches::sku, skus.iter().copied())).load(conn)
    };
    Ok(sums.map_err(store_error)?.into_iter().collect())
}

/// The units that are available in the overdue batches of these products, with the ETA of each batch.
fn overdue_units(
    conn: &mut SqliteConnection,
    skus: &[&str],
) -> Result<HashMap<String, Vec<(Date, Units)>>, StoreError> {
    let mut units: HashMap<String, Vec<(Date, Units)>> = HashMap::new();
    let found = batches::table
        .filter(one_of(batches::sku, skus.iter().copied()))
        .filter(batches::eta.is_not_null())
        .filter(not(batches::closed))
        .filter(batches::overdue)
        .select(BatchRow::as_select())
        .load(conn)
        .map_err(store_error)?;
    for row in found {
        let batch = rows::batch(row)?;
        let overdue = batch.eta.map(|eta| (eta, batch.available()));
        units.entry(batch.sku.to_string()).or_default().extend(overdue);
    }
    Ok(units)
}

fn summary(
    product: ProductRecord,
    sums: &StockSums,
    overdue: Vec<(Date, Units)>,
    backordered: Option<i64>,
    ended: &Ended,
) -> Result<ProductSummary, StoreError> {
    let ProductRecord {
        sku,
        name,
        version,
        safety_stock,
        pending,
        ..
    } = product;
    let units = |column, sum: Option<i64>| decode::units(&sku, column, sum.unwrap_or_default());
    let ended = ended.of_product(&sku);
    Ok(ProductSummary {
        on_hand: units("on_hand", sums.on_hand)?,
        inbound: units("inbound", sums.inbound)?,
        allocated: units("allocated", sums.allocated)?.saturating_sub(ended),
        dispatched: units("dispatched", sums.dispatched)?,
        free: [units("free", sums.free)?, ended].into_iter().sum(),
        overdue,
        backordered: units("backordered", backordered)?,
        is_pending: pending.is_some(),
        safety_stock,
        name,
        version,
        sku,
    })
}
