//! Stores a change set: a few set-based statements, sent together.
//!
//! They are sent in the order in which they must take effect (the server runs the statements of one connection one
//! after the other): what is released leaves its batch before the batch shrinks, what others refer to stands before
//! them, and events come last, under the lock that makes their numbers follow the order of commits. Within a statement
//! rows are written in the order of their keys, so that two transactions never wait for each other.
//!
//! Each statement must write as many rows as it was given; where it does not, the state is not the one that was decided
//! on.

use diesel::data_types::{PgDate, PgTimestamp};
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, BatchRecord, Change, ChangeSet, DispatchRecord, Event, LineRecord, OrderRecord, ProductChange,
    ProductRecord,
};
use futures::try_join;

use super::error::{expect_rows, store_error};
use super::row::{counter, pg_array, pg_date, pg_instant, pg_units};
use super::statement::{Statement, statement};
use crate::sql::new_lines::{NewLine, NewLines};
use crate::sql::rank;
use crate::wire;

/// Held from the numbering of events to the commit. One lock for the database: the number means nothing else.
pub(super) const EVENTS_LOCK: i64 = 0x4541_524d_4556_5453;

/// Writes the change set into the open transaction.
pub(super) async fn write(conn: &AsyncPgConnection, changes: &ChangeSet) -> Result<(), StoreError> {
    let (new_products, changed_products) = split_products(&changes.products);
    let (new_batches, changed_batches) = split(&changes.batches);
    let (new_orders, changed_orders) = split(&changes.orders);
    let (_, changed_lines) = split(&changes.lines);
    let placed = NewLines::of(changes);
    let rewrites = !(changes.released.is_empty()
        && changes.returned.is_empty()
        && changed_lines.is_empty()
        && changed_batches.is_empty()
        && changed_orders.is_empty());
    // Polled in this order, and so sent in this order.
    try_join!(
        walk_no_index(conn, rewrites),
        run(conn, changes.released.len(), || release(&changes.released)),
        run(conn, changes.returned.len(), || take_back(&changes.returned)),
        run(conn, new_products.len(), || insert_products(&new_products)),
        run(conn, changed_products.len(), || update_products(&changed_products)),
        run(conn, new_batches.len(), || insert_batches(&new_batches)),
        run(conn, changed_batches.len(), || update_batches(&changed_batches)),
        run(conn, new_orders.len(), || insert_orders(&new_orders)),
        run(conn, changed_orders.len(), || update_orders(&changed_orders)),
        run(conn, placed.lines.len(), || insert_lines(
            &placed.lines,
            &changes.events
        )),
        run(conn, changed_lines.len(), || update_lines(&changed_lines)),
        run(conn, placed.further.len(), || earmark(&placed.further)),
        run(conn, changes.dispatched.len(), || dispatch(&changes.dispatched)),
        lock_events(conn, changes.events.len()),
        run(conn, changes.events.len(), || insert_events(&placed, &changes.events)),
    )?;
    Ok(())
}

/// Keeps the statements that find their rows by a list of keys from walking through a whole index instead, as they
/// would while it is short, and go on doing when it is long: what remains are scans that have a key to go by.
async fn walk_no_index(conn: &AsyncPgConnection, needed: bool) -> Result<(), StoreError> {
    if !needed {
        return Ok(());
    }
    statement::<()>("SET LOCAL enable_indexscan = off")
        .write(conn)
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Runs a statement that writes `rows` rows; none is needed for no rows.
async fn run<'a>(
    conn: &AsyncPgConnection,
    rows: usize,
    statement: impl FnOnce() -> Statement<'a>,
) -> Result<(), StoreError> {
    if rows == 0 {
        return Ok(());
    }
    let written = statement().write(conn).await.map_err(store_error)?;
    expect_rows(written, rows)
}

async fn lock_events(conn: &AsyncPgConnection, events: usize) -> Result<(), StoreError> {
    if events == 0 {
        return Ok(());
    }
    statement::<()>("SELECT pg_advisory_xact_lock(?)")
        .bind::<BigInt, _>(EVENTS_LOCK)
        .write(conn)
        .await
        .map(|_| ())
        .map_err(store_error)
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

/// One column of many records.
pub(super) fn column<'a, T: ?Sized, V>(records: &[&'a T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    records.iter().map(|record| value(record)).collect()
}

/// Binds the columns that new and changed products share.
fn bind_products<'a>(statement: Statement<'a>, products: &[&'a ProductRecord]) -> Statement<'a> {
    let resume = |product: &'a ProductRecord| product.resume_after.as_ref();
    statement
        .array::<Text, _>(column(products, |product| product.sku.as_str()))
        .array::<Nullable<Text>, _>(column(products, |product| {
            product.name.as_ref().map(|name| name.as_str())
        }))
        .array::<BigInt, _>(column(products, |product| counter(product.version)))
        .array::<BigInt, _>(column(products, |product| i64::from(product.batches_created)))
        .array::<Nullable<BigInt>, _>(column(products, |product| {
            resume(product).map(|turn| rank::rank(turn.precedence))
        }))
        .array::<Nullable<Timestamptz>, _>(column(products, |product| {
            resume(product).map(|turn| pg_instant(turn.placed_at))
        }))
        .array::<Nullable<Text>, _>(column(products, |product| {
            resume(product).map(|turn| turn.key.order.as_str())
        }))
        .array::<Nullable<Text>, _>(column(products, |product| {
            resume(product).map(|turn| turn.key.line.as_str())
        }))
        .array::<Integer, _>(column(products, |product| pg_units(product.safety_stock.get())))
        .array::<Bool, _>(column(products, |product| product.depleted))
        .array::<Nullable<Timestamptz>, _>(column(products, |product| product.next_expiry.map(pg_instant)))
}

fn insert_products<'a>(products: &[&'a ProductRecord]) -> Statement<'a> {
    bind_products(
        statement(
            "INSERT INTO products \
             (sku, name, version, batches_created, resume_rank, resume_placed_at, resume_order_id, resume_line_id, \
             safety_stock, depleted, next_expiry) \
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (sku) ORDER BY new.sku COLLATE \"C\"",
        ),
        products,
    )
}

fn update_products<'a>(products: &[(u64, &'a ProductRecord)]) -> Statement<'a> {
    let records: Vec<&ProductRecord> = products.iter().map(|(_, record)| *record).collect();
    bind_products(
        statement(
            "UPDATE products SET name = new.name, version = new.version, batches_created = new.batches_created, \
             resume_rank = new.resume_rank, resume_placed_at = new.resume_placed_at, \
             resume_order_id = new.resume_order_id, resume_line_id = new.resume_line_id, \
             safety_stock = new.safety_stock, depleted = new.depleted, next_expiry = new.next_expiry \
             FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (sku, name, version, batches_created, resume_rank, \
             resume_placed_at, resume_order_id, resume_line_id, safety_stock, depleted, next_expiry, read_version) \
             WHERE products.sku = new.sku AND products.version = new.read_version AND products.sku = ANY (?)",
        ),
        &records,
    )
    .array::<BigInt, _>(products.iter().map(|(read, _)| counter(*read)).collect())
    .array::<Text, _>(column(&records, |product| product.sku.as_str()))
}

fn insert_batches<'a>(batches: &[&'a BatchRecord]) -> Statement<'a> {
    statement(
        "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, created_eta, quantity, eta, closed) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (reference) ORDER BY new.reference COLLATE \"C\"",
    )
    .array::<Text, _>(column(batches, |batch| batch.reference.as_str()))
    .array::<Text, _>(column(batches, |batch| batch.sku.as_str()))
    .array::<Text, _>(column(batches, |batch| batch.location.as_str()))
    .array::<BigInt, _>(column(batches, |batch| i64::from(batch.ordinal)))
    .array::<Integer, _>(column(batches, |batch| pg_units(batch.created_quantity.get())))
    .array::<Nullable<Date>, _>(column(batches, |batch| batch.created_eta.map(pg_date)) as Vec<Option<PgDate>>)
    .array::<Integer, _>(column(batches, |batch| pg_units(batch.quantity.get())))
    .array::<Nullable<Date>, _>(column(batches, |batch| batch.eta.map(pg_date)) as Vec<Option<PgDate>>)
    .array::<Bool, _>(column(batches, |batch| batch.closed))
}

fn update_batches<'a>(batches: &[&'a BatchRecord]) -> Statement<'a> {
    let references = column(batches, |batch| batch.reference.as_str());
    statement(
        "UPDATE batches SET quantity = new.quantity, eta = new.eta, closed = new.closed \
         FROM unnest(?, ?, ?, ?) AS new (reference, quantity, eta, closed) WHERE batches.reference = new.reference AND batches.reference = ANY (?)",
    )
    .array::<Text, _>(references.clone())
    .array::<Integer, _>(column(batches, |batch| pg_units(batch.quantity.get())))
    .array::<Nullable<Date>, _>(column(batches, |batch| batch.eta.map(pg_date)) as Vec<Option<PgDate>>)
    .array::<Bool, _>(column(batches, |batch| batch.closed))
    .array::<Text, _>(references)
}

fn insert_orders<'a>(orders: &[&'a OrderRecord]) -> Statement<'a> {
    let statement = statement(
        "INSERT INTO orders (order_id, placed_at, priority, required_by, hold_until) \
         SELECT * FROM unnest(?, ?, ?, ?, ?) AS new (order_id) ORDER BY new.order_id COLLATE \"C\"",
    );
    bind_order_terms(bind_orders(statement, orders), orders)
}

fn update_orders<'a>(orders: &[&'a OrderRecord]) -> Statement<'a> {
    let statement = statement(
        "UPDATE orders SET placed_at = new.placed_at, priority = new.priority, required_by = new.required_by, \
         hold_until = new.hold_until \
         FROM unnest(?, ?, ?, ?, ?) AS new (order_id, placed_at, priority, required_by, hold_until) \
         WHERE orders.order_id = new.order_id AND orders.order_id = ANY (?)",
    );
    bind_order_terms(bind_orders(statement, orders), orders).array::<Text, _>(column(orders, |order| order.id.as_str()))
}

/// Binds what each order has.
pub(super) fn bind_orders<'a>(statement: Statement<'a>, orders: &[&'a OrderRecord]) -> Statement<'a> {
    statement
        .list::<Text, _>(column(orders, |order| order.id.as_str()))
        .list::<Timestamptz, _>(column(orders, |order| pg_instant(order.placed_at)))
}

/// Binds what only some orders have.
pub(super) fn bind_order_terms<'a>(statement: Statement<'a>, orders: &[&'a OrderRecord]) -> Statement<'a> {
    statement
        .list::<Integer, _>(column(orders, |order| order.precedence.priority().get()))
        .list::<Nullable<Date>, _>(
            column(orders, |order| order.precedence.required_by().map(pg_date)) as Vec<Option<PgDate>>
        )
        .list::<Nullable<Timestamptz>, _>(column(orders, |order| order.hold_until.map(pg_instant)))
}

/// Binds what each line has.
pub(super) fn bind_lines<'a>(statement: Statement<'a>, lines: &[&'a LineRecord]) -> Statement<'a> {
    statement
        .list::<Text, _>(column(lines, |line| line.terms.key.order.as_str()))
        .list::<Text, _>(column(lines, |line| line.terms.key.line.as_str()))
        .list::<Text, _>(column(lines, |line| line.sku.as_str()))
        .list::<Integer, _>(column(lines, |line| pg_units(line.terms.quantity.get())))
        .list::<Text, _>(column(lines, |line| line.state.as_str()))
        .list::<Bool, _>(column(lines, |line| line.terms.split))
        .list::<Timestamptz, _>(column(lines, |line| pg_instant(line.terms.placed_at)))
        .list::<Bool, _>(column(lines, |line| line.terms.placed_with_order))
}

/// Binds what only some lines have.
pub(super) fn bind_line_terms<'a>(statement: Statement<'a>, lines: &[&'a LineRecord]) -> Statement<'a> {
    statement
        .list::<BigInt, _>(column(lines, |line| rank::rank(line.terms.precedence)))
        .list::<Nullable<Text>, _>(column(lines, |line| pg_array(&line.terms.locations)))
        .list::<Nullable<Timestamptz>, _>(column(lines, |line| line.terms.hold_until.map(pg_instant)))
}

/// Binds the units that new lines are placed with, and which events tell of the lines.
pub(super) fn bind_first_units<'a>(
    statement: Statement<'a>,
    lines: &[NewLine<'a>],
    events: &'a [Event],
) -> Statement<'a> {
    let units = |line: &NewLine<'a>| line.units;
    statement
        .list::<Nullable<Text>, _>(
            lines
                .iter()
                .map(|line| units(line).map(|held| held.batch.as_str()))
                .collect(),
        )
        .list::<Nullable<Integer>, _>(
            lines
                .iter()
                .map(|line| units(line).map(|held| pg_units(held.quantity.get())))
                .collect(),
        )
        .list::<Nullable<BigInt>, _>(
            lines
                .iter()
                .map(|line| line.placing_version(events).map(counter))
                .collect(),
        )
}

/// Binds how strong the claims of new lines are to the units that they are placed with.
pub(super) fn bind_claims<'a>(statement: Statement<'a>, lines: &[NewLine<'a>]) -> Statement<'a> {
    statement.list::<BigInt, i64>(
        lines
            .iter()
            .map(|line| line.units.map_or(0, |held| rank::release_rank(held.release_rank)))
            .collect(),
    )
}

fn insert_lines<'a>(placed: &[NewLine<'a>], events: &'a [Event]) -> Statement<'a> {
    let statement = statement(
        "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, batch, units, \
         placed_version, release_rank, rank, locations, hold_until) \
         SELECT order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, batch, units, placed_version, \
         release_rank, rank, locations::text[], hold_until \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (order_id, line_id, sku, quantity, state, split, \
         placed_at, placed_with_order, batch, units, placed_version, release_rank, rank, locations, hold_until) \
         ORDER BY new.order_id COLLATE \"C\", new.line_id COLLATE \"C\"",
    );
    let lines: Vec<&LineRecord> = placed.iter().map(|line| line.line).collect();
    let statement = bind_first_units(bind_lines(statement, &lines), placed, events);
    bind_line_terms(bind_claims(statement, placed), &lines)
}

fn update_lines<'a>(lines: &[&'a LineRecord]) -> Statement<'a> {
    let statement = statement(
        "UPDATE lines SET quantity = new.quantity, state = new.state, split = new.split, \
         placed_at = new.placed_at, placed_with_order = new.placed_with_order, rank = new.rank, \
         locations = new.locations::text[], hold_until = new.hold_until \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (order_id, line_id, sku, quantity, state, split, \
         placed_at, placed_with_order, rank, locations, hold_until) \
         WHERE lines.order_id = new.order_id AND lines.line_id = new.line_id AND lines.order_id = ANY (?)",
    );
    bind_line_terms(bind_lines(statement, lines), lines)
        .array::<Text, _>(column(lines, |line| line.terms.key.order.as_str()))
}

/// Takes each from where it stands: from its line, which was placed with it, or from beside it.
fn release(allocations: &[AllocationRecord]) -> Statement<'_> {
    let orders: Vec<&str> = allocations.iter().map(|held| held.key.order.as_str()).collect();
    statement(
        "WITH old AS (SELECT * FROM unnest(?, ?, ?, ?) AS old (order_id, line_id, batch, quantity)), \
         further AS (DELETE FROM further_allocations AS held USING old \
         WHERE held.order_id = old.order_id AND held.line_id = old.line_id \
         AND held.batch = old.batch AND held.quantity = old.quantity AND held.order_id = ANY (?) RETURNING 1), \
         first AS (UPDATE lines SET batch = NULL, units = NULL FROM old \
         WHERE lines.order_id = old.order_id AND lines.line_id = old.line_id \
         AND lines.batch = old.batch AND lines.units = old.quantity AND lines.order_id = ANY (?) RETURNING 1) \
         SELECT FROM further UNION ALL SELECT FROM first",
    )
    .array::<Text, _>(orders.clone())
    .array::<Text, _>(allocations.iter().map(|held| held.key.line.as_str()).collect())
    .array::<Text, _>(allocations.iter().map(|held| held.batch.as_str()).collect())
    .array::<Integer, _>(allocations.iter().map(|held| pg_units(held.quantity.get())).collect())
    .array::<Text, _>(orders.clone())
    .array::<Text, _>(orders)
}

fn take_back(dispatches: &[DispatchRecord]) -> Statement<'_> {
    let orders: Vec<&str> = dispatches.iter().map(|gone| gone.key.order.as_str()).collect();
    statement(
        "DELETE FROM dispatches USING unnest(?, ?, ?, ?) AS old (order_id, line_id, batch, quantity) \
         WHERE dispatches.order_id = old.order_id AND dispatches.line_id = old.line_id \
         AND dispatches.batch = old.batch AND dispatches.quantity = old.quantity \
         AND dispatches.order_id = ANY (?)",
    )
    .array::<Text, _>(orders.clone())
    .array::<Text, _>(dispatches.iter().map(|gone| gone.key.line.as_str()).collect())
    .array::<Text, _>(dispatches.iter().map(|gone| gone.batch.as_str()).collect())
    .array::<Integer, _>(dispatches.iter().map(|gone| pg_units(gone.quantity.get())).collect())
    .array::<Text, _>(orders)
}

fn dispatch(dispatches: &[DispatchRecord]) -> Statement<'_> {
    statement(
        "INSERT INTO dispatches (order_id, line_id, batch, quantity, allocated_at) SELECT * FROM unnest(?, ?, ?, ?, ?)",
    )
    .array::<Text, _>(dispatches.iter().map(|gone| gone.key.order.as_str()).collect())
    .array::<Text, _>(dispatches.iter().map(|gone| gone.key.line.as_str()).collect())
    .array::<Text, _>(dispatches.iter().map(|gone| gone.batch.as_str()).collect())
    .array::<Integer, _>(dispatches.iter().map(|gone| pg_units(gone.quantity.get())).collect())
    .array::<Timestamptz, PgTimestamp>(dispatches.iter().map(|gone| pg_instant(gone.allocated_at)).collect())
}

fn earmark<'a>(allocations: &[&'a AllocationRecord]) -> Statement<'a> {
    bind_allocations(
        statement(
            "INSERT INTO further_allocations (order_id, line_id, batch, quantity, allocated_at, release_rank) \
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?)",
        ),
        allocations,
    )
}

/// Binds what each allocation has that stands beside its line.
pub(super) fn bind_allocations<'a>(statement: Statement<'a>, allocations: &[&'a AllocationRecord]) -> Statement<'a> {
    statement
        .list::<Text, _>(column(allocations, |held| held.key.order.as_str()))
        .list::<Text, _>(column(allocations, |held| held.key.line.as_str()))
        .list::<Text, _>(column(allocations, |held| held.batch.as_str()))
        .list::<Integer, _>(column(allocations, |held| pg_units(held.quantity.get())))
        .list::<Timestamptz, PgTimestamp>(column(allocations, |held| pg_instant(held.allocated_at)))
        .list::<BigInt, i64>(column(allocations, |held| rank::release_rank(held.release_rank)))
}

fn insert_events<'a>(placed: &NewLines<'a>, events: &'a [Event]) -> Statement<'a> {
    bind_events(
        statement(
            "INSERT INTO events (sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data) \
             SELECT nextval('events_sequence'), sku, version, order_id, type, occurred_at, actor, correlation_id, \
             data::json FROM (SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY \
             AS given (sku, version, order_id, type, occurred_at, actor, correlation_id, data, place) \
             ORDER BY place) AS new",
        ),
        placed,
        events,
    )
}

/// Binds the columns of events, but for their numbers. An event that is found by its line does not name its order.
pub(super) fn bind_events<'a>(statement: Statement<'a>, placed: &NewLines<'a>, events: &'a [Event]) -> Statement<'a> {
    let product = |event: &Event| event.product().map(|(_, version)| counter(version));
    statement
        .list::<Nullable<Text>, _>(
            events
                .iter()
                .map(|event| event.product().map(|(sku, _)| sku.as_str()))
                .collect(),
        )
        .list::<Nullable<BigInt>, _>(events.iter().map(product).collect())
        .list::<Nullable<Text>, _>(
            placed
                .events(events)
                .map(|(event, by_line)| event.order().filter(|_| !by_line).map(|id| id.as_str()))
                .collect(),
        )
        .list::<Text, _>(events.iter().map(|event| event.fact.name()).collect())
        .list::<Timestamptz, PgTimestamp>(events.iter().map(|event| pg_instant(event.occurred_at)).collect())
        .list::<Text, _>(events.iter().map(|event| &*event.actor).collect::<Vec<&str>>())
        .list::<Text, _>(events.iter().map(|event| &*event.correlation_id).collect::<Vec<&str>>())
        .list::<Text, String>(events.iter().map(|event| wire::fact_to_json(&event.fact)).collect())
}
