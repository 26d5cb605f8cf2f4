//! Locks and reads what a scope names.
//!
//! Product rows are the locks: a transaction that changes a product's batches, lines or allocations holds its row. One
//! statement locks and reads them, in the order of their SKUs, so that two transactions never wait for each other. All
//! else is read by later statements, whose snapshots are taken under the locks. Statements that do not need each
//! other's results are pipelined.
//!
//! A connection keeps its plans, and a plan made while a table was small must remain a look-up when it is large. So
//! most statements are written by hand: keys are looked up one by one in a LATERAL whose LIMIT or OFFSET keeps it a
//! look-up. A join, or a list of keys, could be planned as a walk through a whole index that happened to be short.

mod backlog;
mod batches;
mod day;
mod holds;
mod improvement;
mod lines;
mod orders;
mod position;
mod products;
mod release;

use std::collections::BTreeSet;

use earmark_application::StoreError;
use earmark_domain::{BacklogScope, IMPROVEMENT_PAGE, LineKey, LineRecord, Loaded, ProductRecord, Scope, Sku};
use futures::try_join;

use super::inbox::processed;
use crate::postgres::error::store_error;
use crate::postgres::rows::records;
use crate::postgres::session::Session;
use crate::sql::product_cache::BaseVersions;
use backlog::BacklogRequest;
use batches::Batches;
use lines::Lines;
pub(in crate::postgres) use orders::dispatches_of;

/// Begins a transaction and reads what the scope names, with its products locked until the transaction ends, and their
/// base versions.
///
/// All statements are in one flight if the scope itself names all products. The server runs them one after the other,
/// so what stands behind the lock is read under it.
pub(super) async fn begin_and_load(conn: &Session, scope: &Scope) -> Result<(Loaded, BaseVersions), StoreError> {
    let named: Vec<&str> = scope.skus.iter().map(Sku::as_str).collect();
    // Of a product whose work is continued, the product says what is read of its backlog.
    let first_page = BacklogScope {
        after: None,
        fitting: false,
    };
    let with_backlog = scope.skus.iter().filter(|_| scope.backlog && !scope.continues);
    let first_pages = with_backlog.map(|sku| BacklogRequest::of(sku, &first_page)).collect();
    let (
        _,
        (products, base_versions),
        mut offers,
        named_batches,
        known_locations,
        orders,
        joined,
        lines_by_key,
        lines_by_order,
        batches_dispatched_from,
        next_holds,
        mut backlogs,
        untold_delays,
        (lines_to_break, more_to_break),
        processed,
    ) = try_join!(
        begin(conn),
        products::lock(conn, scope),
        batches::offers(conn, scope, named),
        batches::named(conn, &scope.batches),
        batches::known_locations(conn, scope),
        orders::headers(conn, scope),
        orders::joined(conn, scope),
        lines::by_key(conn, scope),
        lines::by_order(conn, scope),
        batches::dispatched_from(conn, scope),
        holds::next(conn, scope),
        backlog::pages(conn, first_pages),
        day::untold_delays(conn, scope),
        day::lines_to_break(conn, scope),
        async { processed(conn, &scope.messages).await.map_err(store_error) },
    )?;
    // Products that only the locked batches and orders have led to, and what the products themselves lead to.
    let is_found = |product: &&ProductRecord| !scope.skus.contains(&product.sku);
    let found: Vec<&str> = products
        .iter()
        .filter(is_found)
        .map(|product| product.sku.as_str())
        .collect();
    let more_pages: Vec<(&Sku, BacklogScope)> = products
        .iter()
        .filter(|product| scope.continues || is_found(product))
        .filter_map(|product| Some((&product.sku, scope.backlog_of(product)?)))
        .collect();
    let improvement = scope.improvement_of(&products);
    let mut lines_to_improve = Vec::new();
    if !found.is_empty() || !more_pages.is_empty() || improvement.is_some() {
        let more_pages = more_pages.iter().map(|(sku, page)| BacklogRequest::of(sku, page));
        let (more_offers, more_backlogs, improvable) = try_join!(
            batches::offers(conn, scope, found),
            backlog::pages(conn, more_pages.collect()),
            improvement::page(conn, improvement.as_ref()),
        )?;
        offers.extend(more_offers);
        backlogs.extend(more_backlogs);
        lines_to_improve = improvable;
    }

    let mut batches = Batches::default();
    let batch_pages_cut = batches.add_pages(offers.pages)?;
    batches.add(offers.whole)?;
    batches.add(named_batches)?;
    batches.add(untold_delays)?;

    let mut lines = Lines::default();
    lines.add(lines_by_key)?;
    lines.add(lines_by_order)?;
    let locked: BTreeSet<&Sku> = products.iter().map(|product| &product.sku).collect();
    check_locked(&locked, scope, &batches, &lines)?;
    lines.add(lines_to_break)?;
    let backlog = backlog::add(&mut lines, scope, &products, backlogs)?;
    let improvable = improvement.map(|page| lines.add_page(&page.sku, lines_to_improve, IMPROVEMENT_PAGE));
    let needs = scope.releases_of(&products);
    if scope.continues {
        batches.add(batches::named(conn, needs.iter().map(|need| &need.batch)).await?)?;
    }
    let (leaving, releases) = release::lines_to_release(conn, &batches, needs).await?;
    leaving.into_iter().for_each(|line| lines.insert(line));
    batches.add(batches_dispatched_from)?;

    let (mut allocations, mut dispatches) = (Vec::new(), Vec::new());
    if !lines.is_empty() {
        let leaving: Vec<&LineKey> = lines.leaving().map(LineRecord::key).collect();
        let (held, left, batches_of_lines) = try_join!(
            lines::allocations(conn, &lines),
            dispatches_of(conn, &leaving),
            batches::of_lines(conn, &lines)
        )?;
        (allocations, dispatches) = (records(held)?, left);
        batches.add(batches_of_lines)?;
    }
    let loaded = Loaded {
        batches: batches.into_records(),
        batch_pages_cut,
        known_locations,
        orders: records(orders)?,
        joined,
        lines: lines.into_records(),
        allocations,
        dispatches,
        next_holds,
        backlog,
        improvable,
        more_to_break,
        releases,
        products,
        processed,
    };
    Ok((loaded, base_versions))
}

async fn begin(conn: &Session) -> Result<(), StoreError> {
    // The isolation level is named, because a database may have another default.
    conn.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        .await
        .map_err(store_error)
}

/// Checks that what was read after the locks belongs to locked products: a batch or line that was stored in between may
/// belong to a product that is not locked.
fn check_locked(locked: &BTreeSet<&Sku>, scope: &Scope, batches: &Batches, lines: &Lines) -> Result<(), StoreError> {
    let batch_strays = scope
        .batches
        .iter()
        .filter_map(|reference| batches.get(reference))
        .any(|batch| !locked.contains(&batch.sku));
    // A line that is named by its key alone may be of any product. A line of a product that the scope names, but that
    // did not exist when products were locked, is new.
    let line_strays = lines.iter().any(|line| {
        !locked.contains(&line.sku) && (scope.orders.contains(&line.terms.key.order) || scope.skus.contains(&line.sku))
    });
    if batch_strays || line_strays {
        return Err(StoreError::Conflict);
    }
    Ok(())
}
