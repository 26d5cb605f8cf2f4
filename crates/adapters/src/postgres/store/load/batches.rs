//! Batches: the offers of products, those that the scope names, and those that lines lie in.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{BigInt, Text};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::StoreError;
use earmark_domain::{BATCH_PAGE, BatchPageEnd, BatchRecord, Location, Reference, Scope, Sku};
use futures::try_join;

use super::lines::Lines;
use super::orders::order_ids;
use crate::postgres::error::store_error;
use crate::postgres::rows::BatchRow;
use crate::postgres::schema::batches;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, load, row_limit, statement};

/// The batches of products that have something available.
#[derive(Default)]
pub(super) struct Offers {
    /// The first of each product, and one more if there are more.
    pub(super) pages: Vec<BatchRow>,
    /// All of the products that the scope asks for wholly.
    pub(super) whole: Vec<BatchRow>,
}

impl Offers {
    pub(super) fn extend(&mut self, other: Self) {
        self.pages.extend(other.pages);
        self.whole.extend(other.whole);
    }
}

/// The offers of these products.
pub(super) async fn offers(conn: &Session, scope: &Scope, skus: Vec<&str>) -> Result<Offers, StoreError> {
    let (whole, paged) = skus.into_iter().partition(|sku| scope.all_batches_of.contains(*sku));
    let (pages, whole) = try_join!(offer_pages(conn, paged), whole_offers(conn, whole))?;
    Ok(Offers { pages, whole })
}

async fn offer_pages(conn: &Session, skus: Vec<&str>) -> Result<Vec<BatchRow>, StoreError> {
    // By hand: a page of each product, in a LATERAL.
    const PAGES: &str = "SELECT batch.* FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL \
         (SELECT {} FROM batches WHERE open AND sku = asked_sku ORDER BY eta NULLS FIRST, ordinal LIMIT ?) AS batch";
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    statement::<TypesOf<BatchRow>>(PAGES)
        .array::<Text, _>(skus)
        .columns::<BatchRow>()
        .bind::<BigInt, _>(row_limit(BATCH_PAGE + 1))
        .rows(conn)
        .await
        .map_err(store_error)
}

async fn whole_offers(conn: &Session, skus: Vec<&str>) -> Result<Vec<BatchRow>, StoreError> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let open = batches::table
        .filter(batches::open)
        .filter(batches::sku.eq_any(skus))
        .select(BatchRow::as_select());
    load(open, conn).await.map_err(store_error)
}

/// Batches by reference.
pub(super) async fn named(
    conn: &Session,
    references: impl IntoIterator<Item = &Reference>,
) -> Result<Vec<BatchRow>, StoreError> {
    // By hand: LATERAL.
    const NAMED: &str = "SELECT batch.* FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT {} FROM batches WHERE reference = one LIMIT 1) AS batch";
    let references: Vec<&str> = references.into_iter().map(Reference::as_str).collect();
    if references.is_empty() {
        return Ok(Vec::new());
    }
    statement::<TypesOf<BatchRow>>(NAMED)
        .array::<Text, _>(references)
        .columns::<BatchRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}

/// Those of the scope's locations at which a batch was ever created.
pub(super) async fn known_locations(conn: &Session, scope: &Scope) -> Result<BTreeSet<Location>, StoreError> {
    // By hand: LATERAL.
    const KNOWN: &str = "SELECT asked.one FROM unnest(?) AS asked (one) \
         CROSS JOIN LATERAL (SELECT FROM batches WHERE location = one LIMIT 1) AS batch";
    if scope.locations.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found: Vec<String> = statement::<Text>(KNOWN)
        .array::<Text, _>(scope.locations.iter().map(Location::as_str).collect())
        .rows(conn)
        .await
        .map_err(store_error)?;
    let is_found = |location: &&Location| found.iter().any(|name| name == location.as_str());
    Ok(scope.locations.iter().filter(is_found).cloned().collect())
}

/// The batches that lines lie in.
pub(super) async fn of_lines(conn: &Session, lines: &Lines) -> Result<Vec<BatchRow>, StoreError> {
    // By hand: LATERAL.
    const OF_LINES: &str = "SELECT batch.* FROM (SELECT DISTINCT held.batch \
         FROM unnest(?, ?) AS named (named_order, named_line) CROSS JOIN LATERAL (SELECT batch FROM allocations \
         WHERE order_id = named_order AND line_id = named_line OFFSET 0) AS held) AS lain_in \
         CROSS JOIN LATERAL (SELECT {} FROM batches WHERE reference = lain_in.batch LIMIT 1) AS batch";
    statement::<TypesOf<BatchRow>>(OF_LINES)
        .array::<Text, _>(lines.order_ids())
        .array::<Text, _>(lines.line_ids())
        .columns::<BatchRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The batches that the lines of the scope's orders were dispatched from, if the scope asks for it.
pub(super) async fn dispatched_from(conn: &Session, scope: &Scope) -> Result<Vec<BatchRow>, StoreError> {
    // By hand: LATERAL.
    const DISPATCHED_FROM: &str = "SELECT batch.* FROM (SELECT DISTINCT dispatch.batch \
         FROM unnest(?) AS named (one) CROSS JOIN LATERAL \
         (SELECT batch FROM dispatches WHERE order_id = one OFFSET 0) AS dispatch) AS lain_in \
         CROSS JOIN LATERAL (SELECT {} FROM batches WHERE reference = lain_in.batch LIMIT 1) AS batch";
    if !scope.dispatches || scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    statement::<TypesOf<BatchRow>>(DISPATCHED_FROM)
        .array::<Text, _>(order_ids(scope))
        .columns::<BatchRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The batches read so far, each once.
#[derive(Default)]
pub(super) struct Batches(BTreeMap<Reference, BatchRecord>);

impl Batches {
    pub(super) fn get(&self, reference: &Reference) -> Option<&BatchRecord> {
        self.0.get(reference)
    }

    pub(super) fn into_records(self) -> Vec<BatchRecord> {
        self.0.into_values().collect()
    }

    pub(super) fn add(&mut self, rows: Vec<BatchRow>) -> Result<(), StoreError> {
        for row in rows {
            self.insert(row.try_into()?);
        }
        Ok(())
    }

    /// Adds a page of each product's offer. Returns where the pages end that do not hold the whole offer.
    pub(super) fn add_pages(&mut self, rows: Vec<BatchRow>) -> Result<Vec<BatchPageEnd>, StoreError> {
        let mut pages: BTreeMap<Sku, Vec<BatchRecord>> = BTreeMap::new();
        for row in rows {
            let batch = BatchRecord::try_from(row)?;
            pages.entry(batch.sku.clone()).or_default().push(batch);
        }
        let mut ends = Vec::new();
        for (sku, mut page) in pages {
            page.sort_by_key(BatchRecord::preference);
            if page.len() > BATCH_PAGE {
                page.truncate(BATCH_PAGE);
                let after = page.last().map(BatchRecord::preference);
                ends.extend(after.map(|after| BatchPageEnd { sku, after }));
            }
            page.into_iter().for_each(|batch| self.insert(batch));
        }
        Ok(ends)
    }

    fn insert(&mut self, batch: BatchRecord) {
        self.0.insert(batch.reference.clone(), batch);
    }
}
