//! Stores a change set.
//!
//! Statements run in the order in which they must take effect: what is released leaves its batch before the batch
//! shrinks, what others refer to stands before them. Each must write the rows it is about; where it does not, the state
//! is not the one that was decided on. New rows go in by many at once (`rows`); a row that changes has a statement of
//! its own, which costs little: the database lives in this process.

use std::sync::LazyLock;

use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, BatchRecord, Change, ChangeSet, DispatchRecord, Event, LineRecord, OrderRecord, ProductChange,
    ProductRecord, ServicePosition,
};

use super::error::{expect_rows, store_error};
use super::row::{counter, location_names};
use super::rows::Insert;
use super::statement::{Identity, Statement, statement};
use crate::sql::new_lines::{NewLine, NewLines};
use crate::sql::rank;
use crate::wire;

/// What the statements go by that run for every line.
struct NewOrder;
struct NewLineInsert;
struct NewAllocation;
struct NewDispatch;
struct NewEvent;
struct ChangedProduct;

impl Identity for ChangedProduct {
    const OF_ITS_OWN: bool = true;
}

/// Writes the change set, and what it places, into the open transaction. Its events are numbered on from `last`.
pub(super) fn write(
    connection: &mut SqliteConnection,
    changes: &ChangeSet,
    placed: &NewLines<'_>,
    last: i64,
) -> Result<(), StoreError> {
    for released in &changes.released {
        release(connection, released)?;
    }
    for returned in &changes.returned {
        expect_rows(1, take_back(returned).write(connection).map_err(store_error)?)?;
    }
    write_products(connection, &changes.products)?;
    for change in &changes.batches {
        expect_rows(1, batch(change).write(connection).map_err(store_error)?)?;
    }
    write_orders(connection, &changes.orders)?;
    write_lines(connection, &changes.lines, &placed.lines, last)?;
    write_allocations(connection, &placed.further)?;
    write_dispatches(connection, &changes.dispatched)?;
    write_events(connection, placed, &changes.events, last)
}

fn write_products(connection: &mut SqliteConnection, changes: &[ProductChange]) -> Result<(), StoreError> {
    const NEW: &str = "INSERT INTO products \
         (name, version, batches_created, resume_rank, resume_placed_at, resume_order_id, resume_line_id, \
         safety_stock, depleted, next_expiry, sku) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const CHANGED: &str = "UPDATE products SET name = ?, version = ?, batches_created = ?, resume_rank = ?, \
         resume_placed_at = ?, resume_order_id = ?, resume_line_id = ?, safety_stock = ?, depleted = ?, \
         next_expiry = ? WHERE sku = ? AND version = ?";
    for change in changes {
        let written = match change.read_version {
            None => bind_product(NEW, &change.record).write(connection),
            Some(read) => bind_product(CHANGED, &change.record)
                .integer(counter(read))
                .known_as::<ChangedProduct>()
                .write(connection),
        };
        expect_rows(1, written.map_err(store_error)?)?;
    }
    Ok(())
}

fn bind_product<'a>(text: &'static str, product: &'a ProductRecord) -> Statement<'a> {
    let ProductRecord {
        sku,
        name,
        version,
        batches_created,
        resume_after,
        safety_stock,
        depleted,
        next_expiry,
    } = product;
    let resume: Option<&ServicePosition> = resume_after.as_ref();
    statement(text)
        .with_room(12)
        .optional_text(name.as_ref().map(|name| name.as_str()))
        .integer(counter(*version))
        .integer(i64::from(*batches_created))
        .optional_integer(resume.map(|turn| rank::rank(turn.precedence)))
        .optional_integer(resume.map(|turn| turn.placed_at.as_microsecond()))
        .optional_text(resume.map(|turn| turn.key.order.as_str()))
        .optional_text(resume.map(|turn| turn.key.line.as_str()))
        .integer(i64::from(safety_stock.get()))
        .integer(i64::from(*depleted))
        .optional_integer(next_expiry.map(|deadline| deadline.as_microsecond()))
        .text(sku.as_str())
}

fn batch(change: &Change<BatchRecord>) -> Statement<'_> {
    match change {
        Change::New(batch) => statement(
            "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, created_eta, quantity, eta, \
             closed, open) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .text(batch.reference.as_str())
        .text(batch.sku.as_str())
        .text(batch.location.as_str())
        .integer(i64::from(batch.ordinal))
        .integer(i64::from(batch.created_quantity.get()))
        .optional_owned_text(batch.created_eta.map(|eta| eta.to_string()))
        .integer(i64::from(batch.quantity.get()))
        .optional_owned_text(batch.eta.map(|eta| eta.to_string()))
        .integer(i64::from(batch.closed))
        // Nothing of it is allocated yet.
        .integer(i64::from(batch.quantity.get() > 0)),
        Change::Changed(batch) => statement(
            "UPDATE batches SET quantity = ?, eta = ?, closed = ?, open = (allocated + dispatched < ?) \
             WHERE reference = ? AND sku = ?",
        )
        .integer(i64::from(batch.quantity.get()))
        .optional_owned_text(batch.eta.map(|eta| eta.to_string()))
        .integer(i64::from(batch.closed))
        .integer(i64::from(batch.quantity.get()))
        .text(batch.reference.as_str())
        .text(batch.sku.as_str()),
    }
}

fn write_orders(connection: &mut SqliteConnection, changes: &[Change<OrderRecord>]) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewOrder>> = LazyLock::new(|| {
        Insert::into(
            "orders",
            &["placed_at", "priority", "required_by", "hold_until", "order_id"],
        )
    });
    const CHANGED: &str =
        "UPDATE orders SET placed_at = ?, priority = ?, required_by = ?, hold_until = ? WHERE order_id = ?";
    let mut new = Vec::with_capacity(changes.len());
    for change in changes {
        match change {
            Change::New(order) => new.push(order),
            Change::Changed(order) => {
                let changed = bind_order(statement(CHANGED), order).write(connection);
                expect_rows(1, changed.map_err(store_error)?)?;
            }
        }
    }
    NEW.rows(connection, &new, |statement, order| bind_order(statement, order))
}

fn bind_order<'a>(statement: Statement<'a>, order: &'a OrderRecord) -> Statement<'a> {
    statement
        .integer(order.placed_at.as_microsecond())
        .integer(i64::from(order.precedence.priority().get()))
        .optional_owned_text(order.precedence.required_by().map(|day| day.to_string()))
        .optional_integer(order.hold_until.map(|deadline| deadline.as_microsecond()))
        .text(order.id.as_str())
}

/// Writes lines. A new one says which event tells of it: those of this change set are numbered on from `last`.
fn write_lines(
    connection: &mut SqliteConnection,
    changes: &[Change<LineRecord>],
    placed: &[NewLine<'_>],
    last: i64,
) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewLineInsert>> = LazyLock::new(|| {
        Insert::into(
            "lines",
            &[
                "quantity",
                "state",
                "split",
                "placed_at",
                "placed_with_order",
                "rank",
                "locations",
                "hold_until",
                "order_id",
                "line_id",
                "sku",
                "batch",
                "units",
                "release_rank",
                "placed_sequence",
            ],
        )
    });
    const CHANGED: &str = "UPDATE lines SET quantity = ?, state = ?, split = ?, placed_at = ?, placed_with_order = ?, \
         rank = ?, locations = ?, hold_until = ? WHERE order_id = ? AND line_id = ? AND sku = ?";
    for change in changes {
        if let Change::Changed(line) = change {
            let changed = bind_line(statement(CHANGED), line).write(connection);
            expect_rows(1, changed.map_err(store_error)?)?;
        }
    }
    NEW.rows(connection, placed, |statement, new| {
        let placing_event = new.placing_event.and_then(|place| i64::try_from(place).ok());
        bind_line(statement, new.line)
            .optional_text(new.units.map(|held| held.batch.as_str()))
            .optional_integer(new.units.map(|held| i64::from(held.quantity.get())))
            .integer(new.units.map_or(0, |held| rank::release_rank(held.release_rank)))
            .optional_integer(placing_event.map(|place| last + 1 + place))
    })
}

fn bind_line<'a>(statement: Statement<'a>, line: &'a LineRecord) -> Statement<'a> {
    statement
        .integer(i64::from(line.terms.quantity.get()))
        .text(line.state.as_str())
        .integer(i64::from(line.terms.split))
        .integer(line.terms.placed_at.as_microsecond())
        .integer(i64::from(line.terms.placed_with_order))
        .integer(rank::rank(line.terms.precedence))
        .optional_owned_text(location_names(&line.terms.locations))
        .optional_integer(line.terms.hold_until.map(|deadline| deadline.as_microsecond()))
        .text(line.terms.key.order.as_str())
        .text(line.terms.key.line.as_str())
        .text(line.sku.as_str())
}

/// Takes an allocation from where it stands: from its line, which was placed with it, or from beside it.
fn release(connection: &mut SqliteConnection, allocation: &AllocationRecord) -> Result<(), StoreError> {
    const FIRST: &str = "UPDATE lines SET batch = NULL, units = NULL \
         WHERE order_id = ? AND line_id = ? AND batch = ? AND units = ?";
    const FURTHER: &str =
        "DELETE FROM further_allocations WHERE order_id = ? AND line_id = ? AND batch = ? AND quantity = ?";
    let mut taken = 0;
    for text in [FIRST, FURTHER] {
        taken += statement::<()>(text)
            .text(allocation.key.order.as_str())
            .text(allocation.key.line.as_str())
            .text(allocation.batch.as_str())
            .integer(i64::from(allocation.quantity.get()))
            .write(connection)
            .map_err(store_error)?;
    }
    expect_rows(1, taken)
}

fn take_back(dispatch: &DispatchRecord) -> Statement<'_> {
    statement("DELETE FROM dispatches WHERE order_id = ? AND line_id = ? AND batch = ? AND quantity = ?")
        .text(dispatch.key.order.as_str())
        .text(dispatch.key.line.as_str())
        .text(dispatch.batch.as_str())
        .integer(i64::from(dispatch.quantity.get()))
}

/// Writes the allocations that no line was placed with.
fn write_allocations(connection: &mut SqliteConnection, further: &[&AllocationRecord]) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewAllocation>> = LazyLock::new(|| {
        Insert::into(
            "further_allocations",
            &["order_id", "line_id", "batch", "quantity", "release_rank", "allocated_at"],
        )
    });
    NEW.rows(connection, further, |statement, allocation| {
        statement
            .text(allocation.key.order.as_str())
            .text(allocation.key.line.as_str())
            .text(allocation.batch.as_str())
            .integer(i64::from(allocation.quantity.get()))
            .integer(rank::release_rank(allocation.release_rank))
            .integer(allocation.allocated_at.as_microsecond())
    })
}

fn write_dispatches(connection: &mut SqliteConnection, dispatched: &[DispatchRecord]) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewDispatch>> = LazyLock::new(|| {
        Insert::into(
            "dispatches",
            &["order_id", "line_id", "batch", "quantity", "allocated_at"],
        )
    });
    NEW.rows(connection, dispatched, |statement, dispatch| {
        statement
            .text(dispatch.key.order.as_str())
            .text(dispatch.key.line.as_str())
            .text(dispatch.batch.as_str())
            .integer(i64::from(dispatch.quantity.get()))
            .integer(dispatch.allocated_at.as_microsecond())
    })
}

/// The number of the last event, if any are to be numbered on from it. One transaction writes at a time, so numbers follow
/// the order of commits; events are never removed, so no number is given twice.
pub(super) fn last_sequence(connection: &mut SqliteConnection, changes: &ChangeSet) -> Result<i64, StoreError> {
    if changes.events.is_empty() {
        return Ok(0);
    }
    statement::<BigInt>("SELECT coalesce(max(sequence), 0) FROM events")
        .get_result(connection)
        .map_err(store_error)
}

/// Numbers events on from the last. One that is found by its line does not name its order.
fn write_events(
    connection: &mut SqliteConnection,
    placed: &NewLines<'_>,
    events: &[Event],
    last: i64,
) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewEvent>> = LazyLock::new(|| {
        Insert::into(
            "events",
            &[
                "sequence",
                "sku",
                "version",
                "order_id",
                "type",
                "occurred_at",
                "actor",
                "correlation_id",
                "data",
            ],
        )
    });
    let numbered: Vec<(i64, (&Event, bool))> = (last + 1..).zip(placed.events(events)).collect();
    NEW.rows(connection, &numbered, |statement, (sequence, (event, by_line))| {
        let product = event.product();
        statement
            .integer(*sequence)
            .optional_text(product.map(|(sku, _)| sku.as_str()))
            .optional_integer(product.map(|(_, version)| counter(version)))
            .optional_text(event.order().filter(|_| !by_line).map(|order| order.as_str()))
            .text(event.fact.name())
            .integer(event.occurred_at.as_microsecond())
            .text(&event.actor)
            .text(&event.correlation_id)
            .owned_text(wire::fact_to_json(&event.fact))
    })
}
