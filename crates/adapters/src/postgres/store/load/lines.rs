//! Lines: those that the scope names, and those of its orders; and the allocations of lines.

use std::collections::BTreeMap;

use diesel::sql_types::Text;
use earmark_application::StoreError;
use earmark_domain::{LineKey, LineRecord, Scope, ServicePosition, ServiceRead, Sku};

use super::orders::order_ids;
use crate::postgres::error::store_error;
use crate::postgres::rows::{AllocationRow, LineRow};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, statement};

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

    /// Those of which something has left the building.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &LineRecord> {
        self.iter().filter(|line| !line.dispatched.is_zero())
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

    /// Adds a page of lines of a product, in order of service. `rows`: those of the page, and one more if there are more.
    pub(super) fn add_page(&mut self, sku: &Sku, rows: Vec<LineRecord>, page: usize) -> ServiceRead {
        let mut lines: Vec<(ServicePosition, LineRecord)> =
            rows.into_iter().map(|line| (line.service_position(), line)).collect();
        lines.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let has_more = lines.len() > page;
        lines.truncate(page);
        let until = lines.last().filter(|_| has_more).map(|(position, _)| position.clone());
        lines.into_iter().for_each(|(_, line)| self.insert(line));
        ServiceRead {
            sku: sku.clone(),
            until,
        }
    }
}
