//! Lines: those that the scope names, those of its orders, pages of backlogs; and the allocations of lines.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Text};
use earmark_application::StoreError;
use earmark_domain::{
    BACKLOG_PAGE, BacklogNeed, BacklogRead, LineKey, LineRecord, ProductRecord, Scope, ServicePosition, Sku,
};

use super::orders::order_ids;
use crate::postgres::error::store_error;
use crate::postgres::rows::{AllocationRow, LineRow};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, row_limit, statement};
use crate::sql::decode::counter;
use crate::sql::rank;

/// The lines that the scope names.
pub(super) async fn by_key(conn: &Session, scope: &Scope) -> Result<Vec<LineRow>, StoreError> {
    // By hand: the keys are pairs, and each is looked up in a LATERAL.
    const NAMED: &str = "SELECT line.* FROM unnest(?, ?) AS named (named_order, named_line) CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE order_id = named_order AND line_id = named_line LIMIT 1) AS line";
    if scope.lines.is_empty() {
        return Ok(Vec::new());
    }
    statement::<TypesOf<LineRow>>(NAMED)
        .array::<Text, _>(scope.lines.iter().map(|key| key.order.as_str()).collect())
        .array::<Text, _>(scope.lines.iter().map(|key| key.line.as_str()).collect())
        .columns::<LineRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The lines of the scope's orders.
pub(super) async fn by_order(conn: &Session, scope: &Scope) -> Result<Vec<LineRow>, StoreError> {
    // By hand: LATERAL.
    const OF_ORDERS: &str = "SELECT line.* FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT {} FROM lines WHERE order_id = one OFFSET 0) AS line";
    if scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    statement::<TypesOf<LineRow>>(OF_ORDERS)
        .array::<Text, _>(order_ids(scope))
        .columns::<LineRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}

/// A product whose backlog is read, and the position after which the page begins; `None`: the start.
pub(super) type BacklogRequest<'a> = (&'a str, Option<&'a ServicePosition>);

/// A page of each backlog, and one more line if there are more.
pub(super) async fn backlog(conn: &Session, requests: Vec<BacklogRequest<'_>>) -> Result<Vec<LineRow>, StoreError> {
    // By hand: a page of each product, in a LATERAL, and a comparison of rows.
    const PAGES: &str = "SELECT line.* FROM unnest(?, ?, ?, ?, ?) \
         AS asked (asked_sku, since_rank, since_version, since_order, since_line) CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE state = 'backordered' AND sku = asked_sku \
         AND (rank, placed_version, order_id, line_id) > (since_rank, since_version, since_order, since_line) \
         ORDER BY rank, placed_version, order_id, line_id LIMIT ?) AS line";
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let after: Vec<_> = requests
        .iter()
        .map(|(_, position)| {
            position.map_or((i64::MIN, i64::MIN, "", ""), |position| {
                (
                    rank::rank(position.precedence),
                    counter(position.placed_version),
                    position.key.order.as_str(),
                    position.key.line.as_str(),
                )
            })
        })
        .collect();
    statement::<TypesOf<LineRow>>(PAGES)
        .array::<Text, _>(requests.iter().map(|(sku, _)| *sku).collect())
        .array::<BigInt, _>(after.iter().map(|(rank, ..)| *rank).collect())
        .array::<BigInt, _>(after.iter().map(|(_, version, ..)| *version).collect())
        .array::<Text, _>(after.iter().map(|(_, _, order, _)| *order).collect())
        .array::<Text, _>(after.iter().map(|(_, _, _, line)| *line).collect())
        .columns::<LineRow>()
        .bind::<BigInt, _>(row_limit(BACKLOG_PAGE + 1))
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The allocations of lines.
pub(super) async fn allocations(conn: &Session, lines: &Lines) -> Result<Vec<AllocationRow>, StoreError> {
    // By hand: the keys are pairs, and each is looked up in a LATERAL.
    const HELD: &str = "SELECT held.* FROM unnest(?, ?) AS named (named_order, named_line) CROSS JOIN LATERAL \
         (SELECT {} FROM allocations WHERE order_id = named_order AND line_id = named_line OFFSET 0) AS held";
    statement::<TypesOf<AllocationRow>>(HELD)
        .array::<Text, _>(lines.order_ids())
        .array::<Text, _>(lines.line_ids())
        .columns::<AllocationRow>()
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The lines read so far, each once.
#[derive(Default)]
pub(super) struct Lines(BTreeMap<LineKey, LineRecord>);

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &LineRecord> {
        self.0.values()
    }

    pub(super) fn order_ids(&self) -> Vec<&str> {
        self.0.keys().map(|key| key.order.as_str()).collect()
    }

    pub(super) fn line_ids(&self) -> Vec<&str> {
        self.0.keys().map(|key| key.line.as_str()).collect()
    }

    pub(super) fn into_records(self) -> Vec<LineRecord> {
        self.0.into_values().collect()
    }

    pub(super) fn add(&mut self, rows: Vec<LineRow>) -> Result<(), StoreError> {
        for row in rows {
            self.insert(row.try_into()?);
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, line: LineRecord) {
        self.0.insert(line.terms.key.clone(), line);
    }

    /// Adds each product's page of the backlog. Returns how far the pages reach.
    pub(super) fn add_backlog(
        &mut self,
        need: BacklogNeed,
        products: &[ProductRecord],
        rows: Vec<LineRow>,
    ) -> Result<Vec<BacklogRead>, StoreError> {
        if need == BacklogNeed::None {
            return Ok(Vec::new());
        }
        let mut pages: BTreeMap<Sku, Vec<LineRecord>> = BTreeMap::new();
        for row in rows {
            let line = LineRecord::try_from(row)?;
            pages.entry(line.sku.clone()).or_default().push(line);
        }
        let mut reads = Vec::with_capacity(products.len());
        for product in products {
            let mut page = pages.remove(&product.sku).unwrap_or_default();
            let has_more = page.len() > BACKLOG_PAGE;
            page.truncate(BACKLOG_PAGE);
            reads.push(BacklogRead {
                sku: product.sku.clone(),
                until: page.last().filter(|_| has_more).map(LineRecord::service_position),
            });
            page.into_iter().for_each(|line| self.insert(line));
        }
        Ok(reads)
    }
}
