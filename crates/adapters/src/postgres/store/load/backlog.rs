//! Pages of backlogs.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Bool, Text};
use earmark_application::StoreError;
use earmark_domain::{BACKLOG_PAGE, BacklogScope, LineRecord, ProductRecord, Scope, ServiceRead, Sku};

use super::lines::Lines;
use super::position::After;
use crate::postgres::error::store_error;
use crate::postgres::rows::LineRow;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, row_limit, statement};

/// A product of which a page of the backlog is read.
pub(super) struct BacklogRequest<'a> {
    sku: &'a str,
    after: After<'a>,
    fitting: bool,
}

impl<'a> BacklogRequest<'a> {
    pub(super) fn of(sku: &'a Sku, page: &'a BacklogScope) -> Self {
        Self {
            sku: sku.as_str(),
            after: After::of(page.after.as_ref()),
            fitting: page.fitting,
        }
    }
}

/// A page of each backlog, and one more line if there are more.
pub(super) async fn pages(conn: &Session, requests: Vec<BacklogRequest<'_>>) -> Result<Vec<LineRow>, StoreError> {
    // By hand: a page of each product, in a LATERAL, and a comparison of rows. The page is put together from the index
    // alone, so that it costs little to pass over lines that can't be served.
    const PAGES: &str = "SELECT line.* FROM unnest(?, ?, ?, ?, ?, ?) \
         AS asked (asked_sku, only_fitting, since_rank, since_version, since_order, since_line) CROSS JOIN LATERAL \
         (SELECT CASE WHEN only_fitting THEN coalesce(max(quantity - allocated - dispatched), 0) END AS in_one, \
         CASE WHEN only_fitting THEN coalesce(sum(quantity - allocated - dispatched), 0) END AS in_all \
         FROM batches WHERE only_fitting AND open AND sku = asked_sku) AS available CROSS JOIN LATERAL \
         (SELECT order_id, line_id FROM lines WHERE state = 'backordered' AND sku = asked_sku \
         AND (rank, placed_version, order_id, line_id) > (since_rank, since_version, since_order, since_line) \
         AND (available.in_one IS NULL OR quantity <= available.in_one OR split AND quantity <= available.in_all) \
         ORDER BY rank, placed_version, order_id, line_id LIMIT ?) AS waiting CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE order_id = waiting.order_id AND line_id = waiting.line_id LIMIT 1) AS line";
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    statement::<TypesOf<LineRow>>(PAGES)
        .array::<Text, _>(requests.iter().map(|asked| asked.sku).collect())
        .array::<Bool, _>(requests.iter().map(|asked| asked.fitting).collect())
        .array::<BigInt, _>(requests.iter().map(|asked| asked.after.rank).collect())
        .array::<BigInt, _>(requests.iter().map(|asked| asked.after.placed_version).collect())
        .array::<Text, _>(requests.iter().map(|asked| asked.after.order).collect())
        .array::<Text, _>(requests.iter().map(|asked| asked.after.line).collect())
        .bind::<BigInt, _>(row_limit(BACKLOG_PAGE + 1))
        .columns::<LineRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}

/// Adds the pages to the lines. Returns how far each of the backlogs that were asked for was read.
pub(super) fn add(
    lines: &mut Lines,
    scope: &Scope,
    products: &[ProductRecord],
    rows: Vec<LineRow>,
) -> Result<Vec<ServiceRead>, StoreError> {
    let mut pages: BTreeMap<Sku, Vec<LineRecord>> = BTreeMap::new();
    for row in rows {
        let line = LineRecord::try_from(row)?;
        pages.entry(line.sku.clone()).or_default().push(line);
    }
    let asked = products.iter().filter(|product| scope.backlog_of(product).is_some());
    Ok(asked
        .map(|product| {
            let page = pages.remove(&product.sku).unwrap_or_default();
            lines.add_page(&product.sku, page, BACKLOG_PAGE)
        })
        .collect())
}
