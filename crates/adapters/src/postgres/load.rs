//! Locks and reads what a scope names.
//!
//! Product rows are the locks: whatever changes a product's batches, lines or allocations holds its row. One statement
//! locks and reads them, in the order of their SKUs, so that two transactions never wait for each other. All else is
//! read by later statements, whose snapshots are taken when the locks are held. Statements that don't need each other's
//! answers are sent together.
//!
//! Connections keep their plans, and a plan made while a table was small must remain a look-up when it is large. So
//! keys are looked up one by one in a LATERAL whose LIMIT or OFFSET keeps it one: a join, or a list of keys, could be
//! turned into a walk through a whole index that happened to be short.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{
    BACKLOG_PAGE, BATCH_PAGE, BacklogNeed, BacklogRead, BatchPageEnd, BatchRecord, LineKey, LineRecord, Loaded,
    ProductRecord, Reference, Scope, ServicePosition, Sku,
};
use futures::try_join;

use super::columns::{
    AllocationRow, AllocationTypes, BatchRow, BatchTypes, DispatchRow, DispatchTypes, LineRow, LineTypes, OrderRow,
    OrderTypes, ProductRow, ProductTypes, allocation_columns, batch_columns, dispatch_columns, line_columns,
    order_columns, product_columns,
};
use super::deadlines::next_holds;
use super::error::store_error;
use super::leaving::lines_to_release;
use super::row::{self, BEFORE_ALL, pg_instant};
use super::statement::statement;
use crate::sql::product_cache::BaseVersions;
use crate::sql::rank;

/// Begins a transaction and reads the scope's part of the books, with its products locked until the transaction ends, and
/// their forms.
///
/// In one flight, where the scope itself names all products: the statements are run one after the other, so whatever
/// stands behind the lock is read under it.
pub(super) async fn begin_and_load(
    conn: &AsyncPgConnection,
    scope: &Scope,
) -> Result<(Loaded, BaseVersions), StoreError> {
    let named: Vec<&str> = scope.skus.iter().map(Sku::as_str).collect();
    let from_start = scope.backlog == BacklogNeed::FromStart;
    let waiting_for: Vec<_> = named.iter().filter(|_| from_start).map(|sku| (*sku, None)).collect();
    let (
        _,
        (products, base_versions),
        mut offers,
        references,
        orders,
        by_key,
        by_order,
        gone,
        gone_from,
        next_holds,
        mut waiting,
    ) = try_join!(
        begin(conn),
        lock_products(conn, scope),
        offers(conn, scope, named),
        named_batches(conn, scope),
        orders(conn, scope),
        lines_by_key(conn, scope),
        lines_by_order(conn, scope),
        dispatches(conn, scope),
        batches_dispatched_from(conn, scope),
        next_holds(conn, scope),
        backlog(conn, waiting_for),
    )?;
    // Those that only the locked batches and orders have led to.
    let found: Vec<&ProductRecord> = products
        .iter()
        .filter(|product| !scope.skus.contains(&product.sku))
        .collect();
    let resume = scope.backlog == BacklogNeed::Resume;
    let waiting_for: Vec<_> = match scope.backlog {
        BacklogNeed::None => Vec::new(),
        BacklogNeed::FromStart => found.iter().map(|product| (product.sku.as_str(), None)).collect(),
        BacklogNeed::Resume => products
            .iter()
            .map(|product| (product.sku.as_str(), product.resume_after.as_ref()))
            .collect(),
    };
    if !found.is_empty() || resume {
        let of_found = found.iter().map(|product| product.sku.as_str()).collect();
        let (more_offers, more_waiting) = try_join!(self::offers(conn, scope, of_found), backlog(conn, waiting_for))?;
        offers.0.extend(more_offers.0);
        offers.1.extend(more_offers.1);
        waiting.extend(more_waiting);
    }

    let locked: BTreeSet<&Sku> = products.iter().map(|product| &product.sku).collect();
    let mut orders_read = Vec::with_capacity(orders.len());
    for order in orders {
        orders_read.push(row::order(order)?);
    }
    let mut batches = Batches::default();
    let batch_pages_cut = batches.add_offers(offers.0)?;
    batches.add(offers.1)?;
    batches.add(references)?;

    let mut lines = Lines::default();
    lines.add(by_key)?;
    lines.add(by_order)?;
    stays_within(&locked, scope, &batches, &lines)?;
    let backlog = lines.add_backlog(scope.backlog, &products, waiting)?;
    if let Some(need) = &scope.release
        && let Some(batch) = batches.0.get(&need.batch)
    {
        for line in lines_to_release(conn, batch, need.lines).await? {
            lines.insert(line);
        }
    }
    batches.add(gone_from)?;

    let mut allocations = Vec::new();
    if !lines.0.is_empty() {
        let (held, elsewhere) = try_join!(allocations_of(conn, &lines), batches_of(conn, &lines))?;
        for allocation in held {
            allocations.push(row::allocation(allocation)?);
        }
        batches.add(elsewhere)?;
    }
    let loaded = Loaded {
        batches: batches.0.into_values().collect(),
        batch_pages_cut,
        orders: orders_read,
        lines: lines.0.into_values().collect(),
        allocations,
        dispatches: gone.into_iter().map(row::dispatch).collect::<Result<_, _>>()?,
        next_holds,
        backlog,
        products,
        processed: BTreeSet::new(),
    };
    Ok((loaded, base_versions))
}

/// Begins a transaction that decides.
async fn begin(conn: &AsyncPgConnection) -> Result<(), StoreError> {
    // Named, because a database may have another default.
    statement::<()>("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        .write(conn)
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Locks the products the scope touches: those it names, those of its batches, and those of its orders' lines.
async fn lock_products(
    conn: &AsyncPgConnection,
    scope: &Scope,
) -> Result<(Vec<ProductRecord>, BaseVersions), StoreError> {
    // Sorted below the lock: rows are locked in the order in which they come.
    const LOCK: &str = concat!(
        "SELECT ",
        product_columns!(),
        ", version - escrow_commits FROM products WHERE sku = ANY (? ",
        "|| ARRAY(SELECT batch.sku FROM unnest(?) AS named (one) ",
        "CROSS JOIN LATERAL (SELECT sku FROM batches WHERE reference = one LIMIT 1) AS batch) ",
        "|| ARRAY(SELECT line.sku FROM unnest(?) AS named (one) ",
        "CROSS JOIN LATERAL (SELECT sku FROM lines WHERE order_id = one OFFSET 0) AS line)) ",
        "ORDER BY sku FOR NO KEY UPDATE"
    );
    let rows: Vec<(ProductRow, i64)> = statement::<(ProductTypes, BigInt)>(LOCK)
        .array::<Text, _>(scope.skus.iter().map(Sku::as_str).collect())
        .array::<Text, _>(named_references(scope))
        .array::<Text, _>(order_ids(scope))
        .rows(conn)
        .await
        .map_err(store_error)?;
    let (mut products, mut base_versions) = (Vec::with_capacity(rows.len()), BaseVersions::with_capacity(rows.len()));
    for (product, base_version) in rows {
        let product = row::product(product)?;
        base_versions.insert(product.sku.clone(), row::base_version(&product.sku, base_version)?);
        products.push(product);
    }
    Ok((products, base_versions))
}

/// Holds what was read after the locks against what was locked: a batch or line that came to be in between lies in a
/// product that nobody locked.
fn stays_within(locked: &BTreeSet<&Sku>, scope: &Scope, batches: &Batches, lines: &Lines) -> Result<(), StoreError> {
    let batch_strays = scope
        .batches
        .iter()
        .filter_map(|reference| batches.0.get(reference))
        .any(|batch| !locked.contains(&batch.sku));
    // A line that is named by its key alone may be of any product; of a product the scope names it must not be new.
    let line_strays = lines.0.values().any(|line| {
        !locked.contains(&line.sku) && (scope.orders.contains(&line.terms.key.order) || scope.skus.contains(&line.sku))
    });
    if batch_strays || line_strays {
        return Err(StoreError::Conflict);
    }
    Ok(())
}

fn named_references(scope: &Scope) -> Vec<&str> {
    scope.batches.iter().map(Reference::as_str).collect()
}

fn order_ids(scope: &Scope) -> Vec<&str> {
    scope.orders.iter().map(|order| order.as_str()).collect()
}

/// What products offer: the first batches of each that have something available, and one more, which tells whether
/// there are others behind it; and all such batches of those the scope asks for wholly.
async fn offers(
    conn: &AsyncPgConnection,
    scope: &Scope,
    skus: Vec<&str>,
) -> Result<(Vec<BatchRow>, Vec<BatchRow>), StoreError> {
    let (whole, first) = skus.into_iter().partition(|sku| scope.all_batches_of.contains(*sku));
    try_join!(first_offers(conn, first), all_batches_of(conn, whole))
}

async fn first_offers(conn: &AsyncPgConnection, skus: Vec<&str>) -> Result<Vec<BatchRow>, StoreError> {
    const FIRST: &str = concat!(
        "SELECT batch.* FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL (SELECT ",
        batch_columns!(),
        " FROM batches WHERE open AND sku = asked_sku ORDER BY eta NULLS FIRST, ordinal LIMIT ?) AS batch"
    );
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    statement::<BatchTypes>(FIRST)
        .array::<Text, _>(skus)
        .bind::<BigInt, _>(rows_wanted(BATCH_PAGE + 1))
        .rows(conn)
        .await
        .map_err(store_error)
}

async fn all_batches_of(conn: &AsyncPgConnection, skus: Vec<&str>) -> Result<Vec<BatchRow>, StoreError> {
    const OPEN: &str = concat!(
        "SELECT ",
        batch_columns!(),
        " FROM batches WHERE open AND sku = ANY (?)"
    );
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    statement::<BatchTypes>(OPEN)
        .array::<Text, _>(skus)
        .rows(conn)
        .await
        .map_err(store_error)
}

async fn named_batches(conn: &AsyncPgConnection, scope: &Scope) -> Result<Vec<BatchRow>, StoreError> {
    const NAMED: &str = concat!(
        "SELECT batch.* FROM unnest(?) AS named (one) CROSS JOIN LATERAL (SELECT ",
        batch_columns!(),
        " FROM batches WHERE reference = one LIMIT 1) AS batch"
    );
    if scope.batches.is_empty() {
        return Ok(Vec::new());
    }
    statement::<BatchTypes>(NAMED)
        .array::<Text, _>(named_references(scope))
        .rows(conn)
        .await
        .map_err(store_error)
}

async fn orders(conn: &AsyncPgConnection, scope: &Scope) -> Result<Vec<OrderRow>, StoreError> {
    const NAMED: &str = concat!("SELECT ", order_columns!(), " FROM orders WHERE order_id = ANY (?)");
    if scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    statement::<OrderTypes>(NAMED)
        .array::<Text, _>(order_ids(scope))
        .rows(conn)
        .await
        .map_err(store_error)
}

async fn lines_by_order(conn: &AsyncPgConnection, scope: &Scope) -> Result<Vec<LineRow>, StoreError> {
    const OF_ORDERS: &str = concat!(
        "SELECT line.* FROM unnest(?) AS named (one) CROSS JOIN LATERAL (SELECT ",
        line_columns!(),
        " FROM lines WHERE order_id = one OFFSET 0) AS line"
    );
    if scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    statement::<LineTypes>(OF_ORDERS)
        .array::<Text, _>(order_ids(scope))
        .rows(conn)
        .await
        .map_err(store_error)
}

async fn lines_by_key(conn: &AsyncPgConnection, scope: &Scope) -> Result<Vec<LineRow>, StoreError> {
    const NAMED: &str = concat!(
        "SELECT line.* FROM unnest(?, ?) AS named (named_order, named_line) CROSS JOIN LATERAL (SELECT ",
        line_columns!(),
        " FROM lines WHERE order_id = named_order AND line_id = named_line LIMIT 1) AS line"
    );
    if scope.lines.is_empty() {
        return Ok(Vec::new());
    }
    statement::<LineTypes>(NAMED)
        .array::<Text, _>(scope.lines.iter().map(|key| key.order.as_str()).collect())
        .array::<Text, _>(scope.lines.iter().map(|key| key.line.as_str()).collect())
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The page of each product's backlog behind a turn, and one line more, which tells whether others wait behind it.
async fn backlog(
    conn: &AsyncPgConnection,
    waiting_for: Vec<(&str, Option<&ServicePosition>)>,
) -> Result<Vec<LineRow>, StoreError> {
    const WAITING: &str = concat!(
        "SELECT line.* FROM unnest(?, ?, ?, ?, ?) AS asked (asked_sku, since_rank, since, since_order, since_line) ",
        "CROSS JOIN LATERAL (SELECT ",
        line_columns!(),
        " FROM lines WHERE state = 'backordered' AND sku = asked_sku ",
        "AND (rank, placed_at, order_id, line_id) > (since_rank, since, since_order, since_line) ",
        "ORDER BY rank, placed_at, order_id, line_id LIMIT ?) AS line"
    );
    if waiting_for.is_empty() {
        return Ok(Vec::new());
    }
    let after: Vec<_> = waiting_for
        .iter()
        .map(|(_, turn)| {
            turn.map_or((i64::MIN, BEFORE_ALL, "", ""), |turn| {
                (
                    rank::rank(turn.precedence),
                    pg_instant(turn.placed_at),
                    turn.key.order.as_str(),
                    turn.key.line.as_str(),
                )
            })
        })
        .collect();
    statement::<LineTypes>(WAITING)
        .array::<Text, _>(waiting_for.iter().map(|(sku, _)| *sku).collect())
        .array::<BigInt, _>(after.iter().map(|(rank, ..)| *rank).collect())
        .array::<Timestamptz, _>(after.iter().map(|(_, placed_at, ..)| *placed_at).collect())
        .array::<Text, _>(after.iter().map(|(_, _, order, _)| *order).collect())
        .array::<Text, _>(after.iter().map(|(_, _, _, line)| *line).collect())
        .bind::<BigInt, _>(rows_wanted(BACKLOG_PAGE + 1))
        .rows(conn)
        .await
        .map_err(store_error)
}

async fn allocations_of(conn: &AsyncPgConnection, lines: &Lines) -> Result<Vec<AllocationRow>, StoreError> {
    const HELD: &str = concat!(
        "SELECT held.* FROM unnest(?, ?) AS named (named_order, named_line) CROSS JOIN LATERAL (SELECT ",
        allocation_columns!(),
        " FROM allocations WHERE order_id = named_order AND line_id = named_line OFFSET 0) AS held"
    );
    statement::<AllocationTypes>(HELD)
        .array::<Text, _>(lines.order_ids())
        .array::<Text, _>(lines.line_ids())
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The batches that lines lie in.
async fn batches_of(conn: &AsyncPgConnection, lines: &Lines) -> Result<Vec<BatchRow>, StoreError> {
    const LAIN_IN: &str = concat!(
        "SELECT batch.* FROM (SELECT DISTINCT held.batch FROM unnest(?, ?) AS named (named_order, named_line) ",
        "CROSS JOIN LATERAL (SELECT batch FROM allocations ",
        "WHERE order_id = named_order AND line_id = named_line OFFSET 0) AS held) AS lain_in ",
        "CROSS JOIN LATERAL (SELECT ",
        batch_columns!(),
        " FROM batches WHERE reference = lain_in.batch LIMIT 1) AS batch"
    );
    statement::<BatchTypes>(LAIN_IN)
        .array::<Text, _>(lines.order_ids())
        .array::<Text, _>(lines.line_ids())
        .rows(conn)
        .await
        .map_err(store_error)
}

/// What the lines of the scope's orders have dispatched, where that is asked for.
async fn dispatches(conn: &AsyncPgConnection, scope: &Scope) -> Result<Vec<DispatchRow>, StoreError> {
    const GONE: &str = concat!(
        "SELECT gone.* FROM unnest(?) AS named (one) CROSS JOIN LATERAL (SELECT ",
        dispatch_columns!(),
        " FROM dispatches WHERE order_id = one OFFSET 0) AS gone"
    );
    if !scope.dispatches || scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    statement::<DispatchTypes>(GONE)
        .array::<Text, _>(order_ids(scope))
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The batches that these have left.
async fn batches_dispatched_from(conn: &AsyncPgConnection, scope: &Scope) -> Result<Vec<BatchRow>, StoreError> {
    const LEFT: &str = concat!(
        "SELECT batch.* FROM (SELECT DISTINCT gone.batch FROM unnest(?) AS named (one) ",
        "CROSS JOIN LATERAL (SELECT batch FROM dispatches WHERE order_id = one OFFSET 0) AS gone) AS lain_in ",
        "CROSS JOIN LATERAL (SELECT ",
        batch_columns!(),
        " FROM batches WHERE reference = lain_in.batch LIMIT 1) AS batch"
    );
    if !scope.dispatches || scope.orders.is_empty() {
        return Ok(Vec::new());
    }
    statement::<BatchTypes>(LEFT)
        .array::<Text, _>(order_ids(scope))
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The batches read so far, each once.
#[derive(Default)]
struct Batches(BTreeMap<Reference, BatchRecord>);

impl Batches {
    fn add(&mut self, rows: Vec<BatchRow>) -> Result<(), StoreError> {
        for row in rows {
            let batch = row::batch(row)?;
            self.0.insert(batch.reference.clone(), batch);
        }
        Ok(())
    }

    /// Adds what each product offers first, and says which offers go on.
    fn add_offers(&mut self, rows: Vec<BatchRow>) -> Result<Vec<BatchPageEnd>, StoreError> {
        let mut offers: BTreeMap<Sku, Vec<BatchRecord>> = BTreeMap::new();
        for row in rows {
            let batch = row::batch(row)?;
            offers.entry(batch.sku.clone()).or_default().push(batch);
        }
        let mut cuts = Vec::new();
        for (sku, mut offer) in offers {
            offer.sort_by_key(BatchRecord::preference);
            if offer.len() > BATCH_PAGE {
                offer.truncate(BATCH_PAGE);
                cuts.extend(
                    offer
                        .last()
                        .map(BatchRecord::preference)
                        .map(|after| BatchPageEnd { sku, after }),
                );
            }
            self.0
                .extend(offer.into_iter().map(|batch| (batch.reference.clone(), batch)));
        }
        Ok(cuts)
    }
}

/// The lines read so far, each once.
#[derive(Default)]
struct Lines(BTreeMap<LineKey, LineRecord>);

impl Lines {
    fn order_ids(&self) -> Vec<&str> {
        self.0.keys().map(|key| key.order.as_str()).collect()
    }

    fn line_ids(&self) -> Vec<&str> {
        self.0.keys().map(|key| key.line.as_str()).collect()
    }

    fn add(&mut self, rows: Vec<LineRow>) -> Result<(), StoreError> {
        for row in rows {
            self.insert(row::line(row)?);
        }
        Ok(())
    }

    fn insert(&mut self, line: LineRecord) {
        self.0.insert(line.terms.key.clone(), line);
    }

    /// Adds each product's page of the backlog, and says how far it reaches.
    fn add_backlog(
        &mut self,
        need: BacklogNeed,
        products: &[ProductRecord],
        waiting: Vec<LineRow>,
    ) -> Result<Vec<BacklogRead>, StoreError> {
        if need == BacklogNeed::None {
            return Ok(Vec::new());
        }
        let mut pages: BTreeMap<Sku, Vec<LineRecord>> = BTreeMap::new();
        for row in waiting {
            let line = row::line(row)?;
            pages.entry(line.sku.clone()).or_default().push(line);
        }
        let mut reads = Vec::with_capacity(products.len());
        for product in products {
            let mut page = pages.remove(&product.sku).unwrap_or_default();
            let more_wait = page.len() > BACKLOG_PAGE;
            page.truncate(BACKLOG_PAGE);
            reads.push(BacklogRead {
                sku: product.sku.clone(),
                until: page.last().filter(|_| more_wait).map(LineRecord::service_position),
            });
            page.into_iter().for_each(|line| self.insert(line));
        }
        Ok(reads)
    }
}

/// A bound on rows as SQL takes it.
pub(super) fn rows_wanted(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
