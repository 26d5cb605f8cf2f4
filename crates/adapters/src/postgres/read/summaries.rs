//! Summaries: pages of products with the sums over their batches and backlogs.

use diesel::data_types::PgDate;
use diesel::sql_types::{Array, BigInt, Date, Nullable, Text, Timestamptz};
use earmark_application::{ProductSummary, StoreError};
use earmark_domain::{ProductRecord, Reference, Sku, Units};
use jiff::{Timestamp, civil};

use super::expired_holds::{ExpiredHolds, is_due};
use crate::postgres::error::store_error;
use crate::postgres::rows::ProductRow;
use crate::postgres::rows::values::{Times, pg_bound};
use crate::postgres::session::Session;
use crate::postgres::statement::{Statement, TypesOf, row_limit, statement};
use crate::postgres::store::{PostgresStore, roll_back};
use crate::sql::decode::{RowContext, units};

/// SQL that reads a page of products with the sums over their batches (on hand, inbound, allocated, dispatched,
/// available), their overdue batches, and the sums over their backlogs at an instant. The `{}` in it stands for the columns of [`ProductRow`]. By hand:
/// LATERAL.
macro_rules! summaries {
    ($from:expr, $page:expr) => {
        concat!(
            "SELECT product.*, ",
            "coalesce(stock.on_hand, 0)::bigint, coalesce(stock.inbound, 0)::bigint, ",
            "coalesce(stock.allocated, 0)::bigint, coalesce(stock.dispatched, 0)::bigint, ",
            "coalesce(stock.available, 0)::bigint, coalesce(backlog.units, 0)::bigint, ",
            "stock.overdue_batches, stock.overdue_etas, stock.overdue_units ",
            "FROM (SELECT {} FROM ",
            $from,
            " WHERE ",
            $page,
            ") AS product CROSS JOIN LATERAL (SELECT ",
            "sum(quantity - dispatched) FILTER (WHERE eta IS NULL) AS on_hand, ",
            "sum(quantity - dispatched) FILTER (WHERE eta IS NOT NULL) AS inbound, ",
            "sum(allocated) AS allocated, sum(dispatched) AS dispatched, ",
            "sum(quantity - allocated - dispatched) AS available, ",
            "array_agg(reference) FILTER (WHERE overdue AND NOT closed) AS overdue_batches, ",
            "array_agg(eta) FILTER (WHERE overdue AND NOT closed) AS overdue_etas, ",
            "array_agg(quantity - allocated - dispatched) FILTER (WHERE overdue AND NOT closed) AS overdue_units ",
            "FROM batches WHERE batches.sku = product.sku) AS stock ",
            "CROSS JOIN LATERAL (SELECT sum(quantity) AS units FROM lines ",
            "WHERE lines.sku = product.sku AND state = 'backordered' ",
            "AND (hold_until IS NULL OR hold_until > ?)) AS backlog ",
            "ORDER BY product.sku"
        )
    };
}

type SummaryTypes = (
    TypesOf<ProductRow>,
    (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt),
    (Nullable<Array<Text>>, Nullable<Array<Date>>, Nullable<Array<BigInt>>),
);
type Sums = (i64, i64, i64, i64, i64, i64);
/// Of each overdue batch its reference, its ETA and the units available in it.
type Overdue = (Option<Vec<String>>, Option<Vec<PgDate>>, Option<Vec<i64>>);
type Summary = (ProductRecord, Sums, Overdue);

impl PostgresStore {
    /// Products by SKU, with their sums.
    pub(super) async fn summaries(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        let pattern = search.filter(|search| !search.is_empty()).map(containing);
        let pattern = pattern.as_deref();
        let conn = self.questions().get().await?;
        let mut way = Way::first(pattern.is_some(), self.has_search_index());
        let mut products = read(page(way, pattern, after, now, limit), &conn).await?;
        if matches!(way, Way::Near) && products.len() < limit {
            way = Way::Indexed;
            products = read(page(way, pattern, after, now, limit), &conn).await?;
        }
        drop(conn);
        let mut expired = ExpiredHolds::default();
        if products.iter().any(|(product, ..)| is_due(product, now)) {
            let conn = self.snapshot().await?;
            let again = async {
                let found = read(page(way, pattern, after, now, limit), &conn).await?;
                let expired = ExpiredHolds::of(&conn, found.iter().map(|(product, ..)| product), now).await?;
                Ok::<_, StoreError>((found, expired))
            };
            let again = again.await;
            roll_back(conn).await;
            (products, expired) = again?;
        }
        products.into_iter().map(|found| summary(found, &expired)).collect()
    }
}

/// The ways to find the products of a page.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Without a search: in the order of SKUs.
    All,
    /// Among the next products alone. What many products contain is found there, so the page is full.
    Near,
    /// By the index. What few products contain, or none, is found so, and a page that was not full nearby has few.
    Indexed,
    /// Through all products: where there is no index.
    Walk,
}

impl Way {
    const fn first(searches: bool, has_index: bool) -> Self {
        match (searches, has_index) {
            (false, _) => Self::All,
            (true, true) => Self::Near,
            (true, false) => Self::Walk,
        }
    }
}

/// SQL that says whether a product contains the pattern. The order of SKUs is that of bytes, but letter case is folded
/// by a collation that knows letters; the expressions are those of the index.
macro_rules! contains {
    () => {
        "(lower(sku COLLATE \"und-x-icu\") LIKE lower(? COLLATE \"und-x-icu\") \
          OR lower(name COLLATE \"und-x-icu\") LIKE lower(? COLLATE \"und-x-icu\"))"
    };
}

fn page<'a>(
    way: Way,
    pattern: Option<&'a str>,
    after: Option<&'a Sku>,
    now: Timestamp,
    limit: usize,
) -> Statement<'a, SummaryTypes> {
    const ALL: &str = summaries!("products", "sku > ? ORDER BY sku LIMIT ?");
    const NEAR: &str = summaries!(
        "(SELECT * FROM products WHERE sku > ? ORDER BY sku LIMIT 1000) AS products",
        concat!(contains!(), " ORDER BY sku LIMIT ?")
    );
    // ARRAY makes the list of SKUs first, from the index alone: the planner could walk in the order of SKUs otherwise, to
    // find what is not there.
    const INDEXED: &str = summaries!(
        "products",
        concat!(
            "sku > ? AND sku = ANY (ARRAY(SELECT sku FROM products WHERE ",
            contains!(),
            ")) ORDER BY sku LIMIT ?"
        )
    );
    const WALK: &str = summaries!(
        "products",
        concat!("sku > ? AND ", contains!(), " ORDER BY sku LIMIT ?")
    );
    // No SKU is empty, so each comes after the empty text.
    let after = after.map_or("", Sku::as_str);
    let text = match way {
        Way::All => ALL,
        Way::Near => NEAR,
        Way::Indexed => INDEXED,
        Way::Walk => WALK,
    };
    let mut page = statement(text).columns::<ProductRow>().bind::<Text, _>(after);
    if let Some(pattern) = pattern {
        page = page.bind::<Text, _>(pattern).bind::<Text, _>(pattern);
    }
    page.bind::<BigInt, _>(row_limit(limit))
        .bind::<Timestamptz, _>(pg_bound(now))
}

async fn read(page: Statement<'_, SummaryTypes>, conn: &Session) -> Result<Vec<Summary>, StoreError> {
    let rows: Vec<(ProductRow, Sums, Overdue)> = page.rows(conn).await.map_err(store_error)?;
    rows.into_iter()
        .map(|(product, sums, overdue)| Ok((product.try_into()?, sums, overdue)))
        .collect()
}

/// The units available in overdue batches, with the ETA of each, once expired holds have freed theirs.
fn overdue_units(overdue: Overdue, expired: &ExpiredHolds) -> Result<Vec<(civil::Date, Units)>, StoreError> {
    let (batches, etas, units) = overdue;
    let batches = batches.unwrap_or_default().into_iter();
    let batches = batches.zip(etas.unwrap_or_default()).zip(units.unwrap_or_default());
    batches
        .map(|((batch, eta), units)| {
            let at = RowContext {
                table: "batches",
                key: &batch,
            };
            let expired = expired.of_batch(&at.read("reference", Reference::new(&batch))?);
            let available = at.units("available", units)?;
            Ok((at.date("eta", eta)?, [available, expired].into_iter().sum()))
        })
        .collect()
}

fn summary((product, sums, overdue): Summary, expired: &ExpiredHolds) -> Result<ProductSummary, StoreError> {
    let (on_hand, inbound, allocated, dispatched, available, backordered) = sums;
    let ProductRecord {
        sku,
        name,
        version,
        safety_stock,
        pending,
        ..
    } = product;
    let units = |column, sum| units(&sku, column, sum);
    let overdue = overdue_units(overdue, expired)?;
    let expired = expired.of_product(&sku);
    Ok(ProductSummary {
        on_hand: units("on_hand", on_hand)?,
        inbound: units("inbound", inbound)?,
        allocated: units("allocated", allocated)?.saturating_sub(expired),
        dispatched: units("dispatched", dispatched)?,
        // Expired holds have freed their units.
        free: [units("available", available)?, expired].into_iter().sum(),
        overdue,
        is_pending: pending.is_some(),
        backordered: units("backordered", backordered)?,
        safety_stock,
        name,
        version,
        sku,
    })
}

/// A search as a LIKE pattern, in which wildcards stand for themselves.
fn containing(search: &str) -> String {
    let mut pattern = String::with_capacity(search.len() + 2);
    pattern.push('%');
    for character in search.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_stand_for_themselves() {
        assert_eq!(containing(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
