//! Reads what a scope names, and no more.
//!
//! Every look-up goes by the leading columns of an index: lists of keys are the outer side of a join whose order is
//! fixed (`CROSS JOIN`), so the cost follows the scope and not the tables.

use std::collections::{BTreeMap, BTreeSet};

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, BACKLOG_PAGE, BATCH_PAGE, BacklogNeed, BacklogRead, BatchPageEnd, BatchRecord, DispatchRecord,
    LineKey, LineRecord, Loaded, NextHold, OrderId, OrderRecord, ProductRecord, Quantity, Reference, ReleaseLines,
    ReleaseScope, Scope, ServicePosition, Sku, Units,
};

use super::columns::{
    AllocationRow, AllocationTypes, BatchRow, BatchTypes, DispatchRow, DispatchTypes, LineRow, LineTypes, OrderRow,
    OrderTypes, ProductRow, ProductTypes, allocation_columns, batch_columns, dispatch_columns, first_units_columns,
    line_columns, order_columns, product_columns,
};
use super::deadlines::next_hold;
use super::error::store_error;
use super::row;
use super::statement::{Statement, statement};
use crate::sql::rank;

/// Reads the scope's part of the books, in the transaction that is open.
pub(super) fn load(connection: &mut SqliteConnection, scope: &Scope) -> Result<Loaded, StoreError> {
    let mut reader = Reader {
        connection,
        skus: scope.skus.clone(),
        batches: BTreeMap::new(),
        lines: BTreeMap::new(),
    };
    reader.named_batches(scope.batches.iter())?;
    reader.lines_of_orders(&scope.orders)?;
    reader.named_lines(&scope.lines)?;
    let products = reader.products()?;
    let mut batch_pages_cut = Vec::new();
    for product in &products {
        let whole = scope.all_batches_of.contains(&product.sku);
        batch_pages_cut.extend(reader.open_batches(&product.sku, whole)?);
    }
    let mut backlog = Vec::new();
    if scope.backlog != BacklogNeed::None {
        for product in &products {
            backlog.push(reader.backlog(product, scope.backlog)?);
        }
    }
    if let Some(need) = &scope.release {
        reader.lines_to_release(need)?;
    }
    let mut next_holds = Vec::new();
    for product in products.iter().filter(|product| scope.holds.contains(&product.sku)) {
        next_holds.push(NextHold {
            at: next_hold(reader.connection, &product.sku, &scope.orders)?,
            sku: product.sku.clone(),
        });
    }
    let allocations = reader.allocations()?;
    let dispatches = reader.dispatches(scope)?;
    let held = allocations.iter().map(|allocation| &allocation.batch);
    reader.batches_of(held.chain(dispatches.iter().map(|dispatch| &dispatch.batch)))?;
    let orders = reader.orders(&scope.orders)?;
    Ok(Loaded {
        products,
        batches: reader.batches.into_values().collect(),
        batch_pages_cut,
        orders,
        lines: reader.lines.into_values().collect(),
        allocations,
        dispatches,
        next_holds,
        backlog,
        processed: BTreeSet::new(),
    })
}

/// Whether none of the lines and orders that the scope names exist.
pub(super) fn are_new(connection: &mut SqliteConnection, scope: &Scope) -> Result<bool, StoreError> {
    const LINE: &str = "SELECT EXISTS (SELECT 1 FROM json_each(?) AS named CROSS JOIN lines \
         ON lines.order_id = named.value ->> 0 AND lines.line_id = named.value ->> 1)";
    // A line that was allocated alone has no header.
    const ORDER: &str = "SELECT EXISTS (SELECT 1 FROM json_each(?) AS named \
         WHERE EXISTS (SELECT 1 FROM orders WHERE orders.order_id = named.value) \
         OR EXISTS (SELECT 1 FROM lines WHERE lines.order_id = named.value))";
    let lines = (!scope.lines.is_empty()).then(|| statement(LINE).list(scope.lines.iter().map(pair)));
    let orders = (!scope.orders.is_empty()).then(|| statement(ORDER).list(scope.orders.iter().map(OrderId::as_str)));
    for named in [lines, orders].into_iter().flatten() {
        let found: i64 = Statement::<BigInt>::get_result(named, connection).map_err(store_error)?;
        if found != 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What has been read so far: each thing once, whatever ways lead to it, and in the order of its key.
struct Reader<'c> {
    connection: &'c mut SqliteConnection,
    skus: BTreeSet<Sku>,
    batches: BTreeMap<Reference, BatchRecord>,
    lines: BTreeMap<LineKey, LineRecord>,
}

impl Reader<'_> {
    fn add_batches(&mut self, statement: Statement<'_, BatchTypes>) -> Result<(), StoreError> {
        let rows: Vec<BatchRow> = statement.load(self.connection).map_err(store_error)?;
        for row in rows {
            let batch = row::batch(row)?;
            self.batches.insert(batch.reference.clone(), batch);
        }
        Ok(())
    }

    fn add_lines(&mut self, statement: Statement<'_, LineTypes>) -> Result<(), StoreError> {
        let rows: Vec<LineRow> = statement.load(self.connection).map_err(store_error)?;
        for row in rows {
            let line = row::line(row)?;
            self.lines.insert(line.terms.key.clone(), line);
        }
        Ok(())
    }

    /// Batches by reference, with their products.
    fn named_batches<'a>(
        &mut self,
        references: impl ExactSizeIterator<Item = &'a Reference>,
    ) -> Result<(), StoreError> {
        const NAMED: &str = concat!(
            "SELECT ",
            batch_columns!(),
            " FROM json_each(?) AS named CROSS JOIN batches ON batches.reference = named.value"
        );
        if references.len() == 0 {
            return Ok(());
        }
        self.add_batches(statement(NAMED).list(references.map(Reference::as_str)))?;
        self.skus.extend(self.batches.values().map(|batch| batch.sku.clone()));
        Ok(())
    }

    /// All lines of orders, with their products.
    fn lines_of_orders(&mut self, orders: &BTreeSet<OrderId>) -> Result<(), StoreError> {
        const OF_ORDERS: &str = concat!(
            "SELECT ",
            line_columns!(),
            " FROM json_each(?) AS named CROSS JOIN lines ON lines.order_id = named.value"
        );
        if orders.is_empty() {
            return Ok(());
        }
        self.add_lines(statement(OF_ORDERS).list(orders.iter().map(OrderId::as_str)))?;
        self.skus.extend(self.lines.values().map(|line| line.sku.clone()));
        Ok(())
    }

    /// Lines by their identity. Their products are not read for it: a line is only of interest with the product the
    /// scope names, or to say that its identity is taken.
    fn named_lines(&mut self, keys: &BTreeSet<LineKey>) -> Result<(), StoreError> {
        const NAMED: &str = concat!(
            "SELECT ",
            line_columns!(),
            " FROM json_each(?) AS named CROSS JOIN lines ",
            "ON lines.order_id = named.value ->> 0 AND lines.line_id = named.value ->> 1"
        );
        if keys.is_empty() {
            return Ok(());
        }
        self.add_lines(statement(NAMED).list(keys.iter().map(pair)))
    }

    fn products(&mut self) -> Result<Vec<ProductRecord>, StoreError> {
        const NAMED: &str = concat!(
            "SELECT ",
            product_columns!(),
            " FROM json_each(?) AS named CROSS JOIN products ON products.sku = named.value ORDER BY products.sku"
        );
        let rows: Vec<ProductRow> = statement::<ProductTypes>(NAMED)
            .list(self.skus.iter().map(Sku::as_str))
            .load(self.connection)
            .map_err(store_error)?;
        rows.into_iter().map(row::product).collect()
    }

    /// The first batches of a product that have something available, in preference order, or all of them. Says where
    /// it stopped, if there are more.
    fn open_batches(&mut self, sku: &Sku, whole: bool) -> Result<Option<BatchPageEnd>, StoreError> {
        // The planner must be told the index: it has no figures that say how few of the batches are open.
        const OPEN: &str = concat!(
            "SELECT ",
            batch_columns!(),
            " FROM batches INDEXED BY batches_open WHERE sku = ? AND open ORDER BY eta, ordinal"
        );
        let most = if whole { usize::MAX } else { BATCH_PAGE };
        // One more than is wanted tells whether there are more. Rows that nobody asks for are not made; SQLite would
        // plan a statement anew for each bound that is given to its LIMIT.
        let mut rows = statement::<BatchTypes>(OPEN)
            .text(sku.as_str())
            .load_iter::<BatchRow, _>(self.connection)
            .map_err(store_error)?
            .take(most.saturating_add(1))
            .collect::<QueryResult<Vec<_>>>()
            .map_err(store_error)?;
        let more = rows.len() > most;
        rows.truncate(most);
        let mut last = None;
        for row in rows {
            let batch = row::batch(row)?;
            last = Some(batch.preference());
            self.batches.insert(batch.reference.clone(), batch);
        }
        Ok(last.filter(|_| more).map(|after| BatchPageEnd {
            sku: sku.clone(),
            after,
        }))
    }

    /// A page of a product's backlog, in order of service.
    fn backlog(&mut self, product: &ProductRecord, need: BacklogNeed) -> Result<BacklogRead, StoreError> {
        const PAGE: &str = concat!(
            "SELECT ",
            line_columns!(),
            " FROM lines WHERE sku = ? AND state = 'backordered' AND (rank, placed_at, order_id, line_id) > (?, ?, ?, ?) ",
            "ORDER BY rank, placed_at, order_id, line_id"
        );
        let after = match need {
            BacklogNeed::Resume => product.resume_after.as_ref(),
            BacklogNeed::None | BacklogNeed::FromStart => None,
        };
        let (rank, placed_at, order, line) = turn_columns(after);
        // One more than is wanted tells whether more wait; read one by one, as open batches are.
        let mut rows = statement::<LineTypes>(PAGE)
            .text(product.sku.as_str())
            .integer(rank)
            .integer(placed_at)
            .text(order)
            .text(line)
            .load_iter::<LineRow, _>(self.connection)
            .map_err(store_error)?
            .take(BACKLOG_PAGE + 1)
            .collect::<QueryResult<Vec<_>>>()
            .map_err(store_error)?;
        let more = rows.len() > BACKLOG_PAGE;
        rows.truncate(BACKLOG_PAGE);
        let mut last = None;
        for row in rows {
            let line = row::line(row)?;
            last = Some(line.service_position());
            self.lines.insert(line.terms.key.clone(), line);
        }
        Ok(BacklogRead {
            sku: product.sku.clone(),
            until: last.filter(|_| more),
        })
    }

    /// The lines that would have to leave a batch, the weakest claim first: no more than cover what it lacks; or all that
    /// lie in it.
    fn lines_to_release(&mut self, need: &ReleaseScope) -> Result<(), StoreError> {
        const LEAVING: &str = concat!(
            "SELECT ",
            line_columns!(),
            ", held.quantity, held.release_rank AS strength, held.allocated_at AS since FROM further_allocations AS held ",
            "CROSS JOIN lines USING (order_id, line_id) WHERE held.batch = ? UNION ALL SELECT ",
            line_columns!(),
            ", lines.units, filed.release_rank, filed.since FROM lines_in_batches AS filed ",
            "CROSS JOIN lines USING (order_id, line_id) WHERE filed.batch = ? AND lines.batch = filed.batch ",
            "ORDER BY strength, since DESC, lines.rank DESC, lines.placed_at DESC, lines.order_id DESC, ",
            "lines.line_id DESC"
        );
        let Some(batch) = self.batches.get(&need.batch) else {
            return Ok(());
        };
        let committed = batch.allocated.checked_add(batch.dispatched);
        let committed = committed.ok_or_else(|| StoreError::Corrupt(format!("batches {:?}: sums wrap", need.batch)))?;
        let mut lacking = match need.lines {
            ReleaseLines::Beyond(quantity) => committed.saturating_sub(quantity.units()),
            ReleaseLines::All => Units::new(u64::MAX),
        };
        if lacking == Units::ZERO {
            return Ok(());
        }
        // Read one by one: rows that nobody asks for are not made.
        let mut rows = statement::<(LineTypes, (BigInt, BigInt, BigInt))>(LEAVING)
            .text(need.batch.as_str())
            .text(need.batch.as_str())
            .load_iter::<(LineRow, (i64, i64, i64)), _>(self.connection)
            .map_err(store_error)?;
        while lacking > Units::ZERO {
            let Some(row) = rows.next() else { break };
            let (line, (held, ..)) = row.map_err(store_error)?;
            let line = row::line(line)?;
            let held = Quantity::new(held).map_err(|why| {
                StoreError::Corrupt(format!("allocations {:?}: quantity {why}", line.terms.key.to_string()))
            })?;
            lacking = lacking.saturating_sub(held.units());
            self.lines.insert(line.terms.key.clone(), line);
        }
        Ok(())
    }

    /// What all lines that have been read hold.
    fn allocations(&mut self) -> Result<Vec<AllocationRecord>, StoreError> {
        const HELD: &str = concat!(
            "WITH named AS MATERIALIZED (SELECT key, value ->> 0 AS order_id, value ->> 1 AS line_id FROM json_each(?)) ",
            "SELECT ",
            allocation_columns!(),
            ", key FROM named CROSS JOIN further_allocations AS held USING (order_id, line_id) UNION ALL SELECT ",
            first_units_columns!(),
            ", key FROM named CROSS JOIN lines USING (order_id, line_id) WHERE lines.batch IS NOT NULL ",
            "ORDER BY key, 3"
        );
        if self.lines.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(AllocationRow, i64)> = statement::<(AllocationTypes, BigInt)>(HELD)
            .list(self.lines.keys().map(pair))
            .load(self.connection)
            .map_err(store_error)?;
        rows.into_iter().map(|(held, _)| row::allocation(held)).collect()
    }

    /// What the lines of the scope's orders have dispatched, where that is asked for.
    fn dispatches(&mut self, scope: &Scope) -> Result<Vec<DispatchRecord>, StoreError> {
        const GONE: &str = concat!(
            "SELECT ",
            dispatch_columns!(),
            " FROM json_each(?) AS named CROSS JOIN dispatches ON dispatches.order_id = named.value ",
            "ORDER BY dispatches.order_id, dispatches.line_id, dispatches.batch"
        );
        if !scope.dispatches || scope.orders.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<DispatchRow> = statement::<DispatchTypes>(GONE)
            .list(scope.orders.iter().map(OrderId::as_str))
            .load(self.connection)
            .map_err(store_error)?;
        rows.into_iter().map(row::dispatch).collect()
    }

    /// Those of these batches that have not been read yet.
    fn batches_of<'a>(&mut self, references: impl Iterator<Item = &'a Reference>) -> Result<(), StoreError> {
        const UNREAD: &str = concat!(
            "SELECT ",
            batch_columns!(),
            " FROM json_each(?) AS named CROSS JOIN batches ON batches.reference = named.value"
        );
        let unread: BTreeSet<&Reference> = references
            .filter(|reference| !self.batches.contains_key(*reference))
            .collect();
        if unread.is_empty() {
            return Ok(());
        }
        self.add_batches(statement(UNREAD).list(unread.into_iter().map(Reference::as_str)))
    }

    fn orders(&mut self, orders: &BTreeSet<OrderId>) -> Result<Vec<OrderRecord>, StoreError> {
        const NAMED: &str = concat!(
            "SELECT ",
            order_columns!(),
            " FROM json_each(?) AS named CROSS JOIN orders ON orders.order_id = named.value ORDER BY orders.order_id"
        );
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<OrderRow> = statement::<OrderTypes>(NAMED)
            .list(orders.iter().map(OrderId::as_str))
            .load(self.connection)
            .map_err(store_error)?;
        rows.into_iter().map(row::order).collect()
    }
}

/// A line's identity as the lists of keys have it.
pub(super) fn pair(key: &LineKey) -> [&str; 2] {
    [key.order.as_str(), key.line.as_str()]
}

/// A turn as it is compared to columns; what comes before all turns where there is none. No name is empty.
pub(super) fn turn_columns(turn: Option<&ServicePosition>) -> (i64, i64, &str, &str) {
    turn.map_or((i64::MIN, i64::MIN, "", ""), |turn| {
        (
            rank::rank(turn.precedence),
            turn.placed_at.as_microsecond(),
            turn.key.order.as_str(),
            turn.key.line.as_str(),
        )
    })
}

/// A bound on rows as a statement takes it.
pub(super) fn rows_wanted(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
