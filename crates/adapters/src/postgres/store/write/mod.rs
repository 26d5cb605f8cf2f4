//! Stores a change set: a few set-based statements, pipelined.
//!
//! They are sent in the order in which they must take effect, and the server runs them one after the other. Released
//! units leave their batch before it shrinks; what others refer to is stored before them; events come last, under the
//! lock that makes their numbers follow the order of commits. Within a statement rows are written in the order of their
//! keys, so that two transactions never wait for each other.
//!
//! Each statement must write as many rows as it was given. If it does not, the state is not the one that was decided
//! on.
//!
//! The statements are written by hand. Diesel can insert many rows, but in a text of its own for each number of rows,
//! which would be prepared each time. Here a statement takes one array a column, and has one text.

pub(super) mod batches;
pub(super) mod events;
pub(super) mod lines;
pub(super) mod orders;
pub(super) mod products;
pub(super) mod units;

use earmark_application::StoreError;
use earmark_domain::{Change, ChangeSet, ProductChange, ProductRecord};
use futures::try_join;

use super::inbox;
use crate::postgres::error::{expect_rows, store_error};
use crate::postgres::numbering;
use crate::postgres::session::Session;
use crate::postgres::statement::{Statement, statement};
use crate::sql::new_lines::NewLines;

/// Writes the change set into the open transaction.
pub(super) async fn write(conn: &Session, changes: &ChangeSet) -> Result<(), StoreError> {
    let (new_products, changed_products) = split_products(&changes.products);
    let (new_batches, changed_batches) = split(&changes.batches);
    let (new_orders, changed_orders) = split(&changes.orders);
    let (new_lines, mut changed_lines) = split(&changes.lines);
    changed_lines.extend(new_lines.into_iter().filter(|line| !line.dispatched.is_zero()));
    let new = NewLines::of(changes);
    let finds_by_list = !(changes.released.is_empty()
        && changes.returned.is_empty()
        && changed_lines.is_empty()
        && changed_batches.is_empty()
        && changed_orders.is_empty());
    // Polled in this order, and so sent in this order.
    try_join!(
        avoid_index_scans(conn, finds_by_list),
        run(conn, changes.inbox.len(), || inbox::insert(&changes.inbox)),
        inbox::drop_carried_out(conn, &changes.inbox),
        run(conn, changes.released.len(), || units::release(&changes.released)),
        run(conn, changes.returned.len(), || units::undo_dispatch(&changes.returned)),
        run(conn, new_products.len(), || products::insert(&new_products)),
        run(conn, changed_products.len(), || products::update(&changed_products)),
        run(conn, new_batches.len(), || batches::insert(&new_batches)),
        run(conn, changed_batches.len(), || batches::update(&changed_batches)),
        run(conn, new_orders.len(), || orders::insert(&new_orders)),
        run(conn, changed_orders.len(), || orders::update(&changed_orders)),
        run(conn, new.lines.len(), || lines::insert(&new.lines)),
        run(conn, changed_lines.len(), || lines::update(&changed_lines)),
        run(conn, new.further.len(), || units::allocate(&new.further)),
        run(conn, changes.dispatched.len(), || units::dispatch(&changes.dispatched)),
        lock_numbering(conn, changes.events.len()),
        run(conn, changes.events.len(), || events::insert(&new, &changes.events)),
    )?;
    Ok(())
}

/// Keeps the statements that find their rows by a list of keys from walking through a whole index, as they would while
/// it is short, and would still do when it is long. The scans that remain go by the keys.
async fn avoid_index_scans(conn: &Session, needed: bool) -> Result<(), StoreError> {
    if !needed {
        return Ok(());
    }
    statement::<()>("SET LOCAL enable_indexscan = off")
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Runs a statement that writes `rows` rows, unless there are none.
async fn run<'a>(conn: &Session, rows: usize, statement: impl FnOnce() -> Statement<'a>) -> Result<(), StoreError> {
    if rows == 0 {
        return Ok(());
    }
    let written = statement().execute(conn).await.map_err(store_error)?;
    expect_rows(written, rows)
}

async fn lock_numbering(conn: &Session, events: usize) -> Result<(), StoreError> {
    if events == 0 {
        return Ok(());
    }
    numbering::lock_numbering(conn).await.map_err(store_error)
}

fn split<T>(changes: &[Change<T>]) -> (Vec<&T>, Vec<&T>) {
    let mut new = Vec::new();
    let mut changed = Vec::new();
    for change in changes {
        match change {
            Change::New(record) => new.push(record),
            Change::Changed(record) => changed.push(record),
        }
    }
    (new, changed)
}

fn split_products(changes: &[ProductChange]) -> (Vec<&ProductRecord>, Vec<(u64, &ProductRecord)>) {
    let mut new = Vec::new();
    let mut changed = Vec::new();
    for change in changes {
        match change.read_version {
            None => new.push(&change.record),
            Some(read) => changed.push((read, &change.record)),
        }
    }
    (new, changed)
}
