//! Stores a change set.
//!
//! Statements run in the order in which they must take effect: released units leave their batch before the batch
//! shrinks, and a row is written before those that refer to it. Each must write the rows it is about; where it does
//! not, the state is not the one that was decided on. New rows of the larger tables go in many at a time (`insert`); a
//! row that changes has a statement of its own, which costs little: the database lives in this process.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::result::QueryResult;
use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, BatchRecord, Change, ChangeSet, DispatchRecord, Event, InboxRecord, LineRecord, OrderRecord,
    ProductChange,
};

use super::super::builder::update;
use super::super::error::{expect_rows, store_error};
use super::super::rows::{batch_values, line_values, order_values, product_values};
use super::super::schema::{batches, dispatches, events, further_allocations, inbox, lines, orders, products};
use super::super::statement::Statement;
use super::dead_messages::drop_carried_out;
use super::insert::{Insert, insert_into};
use super::search_index::write_search_index;
use crate::sql::decode::counter;
use crate::sql::inbox::refusal;
use crate::sql::new_lines::{NewLine, NewLines};
use crate::sql::rank;
use crate::wire;

/// By what the connection knows the writes of this module.
struct ChangeProduct;
struct ChangeBatch;
struct ChangeOrder;
struct ChangeLine;
struct ReleasePlacedUnits;
struct NewMessages;
struct NewOrders;
struct NewLineRows;
struct NewAllocations;
struct NewDispatches;
struct NewEvents;

/// Writes the change set into the open transaction, with the new lines as `placed` has them. Its events get the numbers
/// after `last`.
pub(super) fn write(
    connection: &mut SqliteConnection,
    changes: &ChangeSet,
    placed: &NewLines<'_>,
    last: i64,
) -> Result<(), StoreError> {
    write_inbox(connection, &changes.inbox)?;
    drop_carried_out(connection, &changes.inbox)?;
    for released in &changes.released {
        expect_one(release(connection, released))?;
    }
    for returned in &changes.returned {
        expect_one(delete_dispatch(connection, returned))?;
    }
    for change in &changes.products {
        expect_one(write_product(connection, change))?;
    }
    write_search_index(connection, changes)?;
    for change in &changes.batches {
        expect_one(write_batch(connection, change))?;
    }
    write_orders(connection, &changes.orders)?;
    write_lines(connection, &changes.lines, &placed.lines, last)?;
    write_allocations(connection, &placed.further)?;
    write_dispatches(connection, &changes.dispatched)?;
    write_events(connection, placed, &changes.events, last)
}

fn expect_one(written: QueryResult<usize>) -> Result<(), StoreError> {
    expect_rows(1, written.map_err(store_error)?)
}

/// Records the messages that are processed. One that was processed before is a conflict.
fn write_inbox(connection: &mut SqliteConnection, messages: &[InboxRecord]) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewMessages>> =
        LazyLock::new(|| insert_into!(inbox: source, message_id, processed_at, refusal));
    NEW.rows(connection, messages, |statement, message| {
        statement
            .text(message.id.source())
            .text(message.id.id())
            .integer(message.processed_at.as_microsecond())
            .optional_text(refusal(&message.ended))
    })
}

fn write_product(connection: &mut SqliteConnection, change: &ProductChange) -> QueryResult<usize> {
    let values = product_values(&change.record);
    let Some(read) = change.read_version else {
        return diesel::insert_into(products::table).values(&values).execute(connection);
    };
    let as_read = products::sku
        .eq(change.record.sku.as_str())
        .and(products::version.eq(counter(read)));
    update::<ChangeProduct, _, _, _>(&products::table, as_read, &values).execute(connection)
}

fn write_batch(connection: &mut SqliteConnection, change: &Change<BatchRecord>) -> QueryResult<usize> {
    match change {
        Change::New(batch) => diesel::insert_into(batches::table)
            .values(&batch_values(batch))
            .execute(connection),
        Change::Changed(batch) => {
            let quantity = i64::from(batch.quantity.get());
            let named = batches::reference
                .eq(batch.reference.as_str())
                .and(batches::sku.eq(batch.sku.as_str()));
            let changes = (
                batches::quantity.eq(quantity),
                batches::eta.eq(batch.eta.map(|eta| eta.to_string())),
                batches::overdue.eq(batch.overdue),
                batches::closed.eq(batch.closed),
                batches::received_eta.eq(batch.receipt.map(|receipt| receipt.eta.to_string())),
                batches::received_expected.eq(batch.receipt.map(|receipt| i64::from(receipt.expected.get()))),
                batches::received_counted.eq(batch.receipt.map(|receipt| i64::from(receipt.counted.get()))),
                batches::open.eq((batches::allocated + batches::dispatched).lt(quantity)),
            );
            update::<ChangeBatch, _, _, _>(&batches::table, named, changes).execute(connection)
        }
    }
}

fn write_orders(connection: &mut SqliteConnection, changes: &[Change<OrderRecord>]) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewOrders>> = LazyLock::new(|| {
        insert_into!(orders: order_id, placed_at, priority, required_by, hold_until, asked,
            expired_from, expired_to)
    });
    let mut new = Vec::with_capacity(changes.len());
    for change in changes {
        match change {
            Change::New(order) => new.push(order),
            Change::Changed(order) => {
                let named = orders::order_id.eq(order.id.as_str());
                let change = update::<ChangeOrder, _, _, _>(&orders::table, named, order_values(order));
                expect_one(change.execute(connection))?;
            }
        }
    }
    NEW.rows(connection, &new, |statement, order| {
        let values = order_values(order);
        statement
            .text(values.order_id)
            .integer(values.placed_at)
            .integer(values.priority)
            .optional_owned_text(values.required_by)
            .optional_integer(values.hold_until)
            .optional_owned_text(values.asked)
            .optional_integer(values.expired_from)
            .optional_integer(values.expired_to)
    })
}

/// Writes lines. A new one names the event that says it was placed: those of this change set get the numbers after
/// `last`.
fn write_lines(
    connection: &mut SqliteConnection,
    changes: &[Change<LineRecord>],
    placed: &[NewLine<'_>],
    last: i64,
) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewLineRows>> = LazyLock::new(|| {
        insert_into!(
            lines: order_id, line_id, sku, quantity, state, split, placed_at, placed_version, placed_with_order, rank,
            locations, hold_until, promised_on, first_promised_on, due_by, batch, units, release_rank, placed_sequence,
            asked,
        )
    });
    let change = |connection: &mut SqliteConnection, line: &LineRecord| {
        let named = lines::order_id
            .eq(line.terms.key.order.as_str())
            .and(lines::line_id.eq(line.terms.key.line.as_str()))
            .and(lines::sku.eq(line.sku.as_str()));
        let change = update::<ChangeLine, _, _, _>(&lines::table, named, line_values(line));
        expect_one(change.execute(connection))
    };
    for changed in changes {
        if let Change::Changed(line) = changed {
            change(connection, line)?;
        }
    }
    NEW.rows(connection, placed, |statement, new| {
        let placing_event = new.placing_event.and_then(|index| i64::try_from(index).ok());
        bind_line(statement, new.line)
            .optional_text(new.units.map(|held| held.batch.as_str()))
            .optional_integer(new.units.map(|held| i64::from(held.quantity.get())))
            .integer(new.units.map_or(0, |held| rank::release_rank(held.release_rank)))
            .optional_integer(placing_event.map(|index| last + 1 + index))
            .optional_owned_text(new.line.terms.asked.map(|asked| asked.to_string()))
    })?;
    // Hardly any line is placed and leaves in one transaction: no column of the rows above is for that.
    let mut leaving = placed.iter().filter(|new| !new.line.dispatched.is_zero());
    leaving.try_for_each(|new| change(connection, new.line))
}

fn bind_line<'a>(statement: Statement<'a>, line: &'a LineRecord) -> Statement<'a> {
    let values = line_values(line);
    statement
        .text(values.order_id)
        .text(values.line_id)
        .text(line.sku.as_str())
        .integer(values.quantity)
        .text(values.state)
        .integer(i64::from(values.split))
        .integer(values.placed_at)
        .integer(values.placed_version)
        .integer(i64::from(values.placed_with_order))
        .integer(values.rank)
        .optional_owned_text(values.locations)
        .optional_integer(values.hold_until)
        .optional_owned_text(values.promised_on)
        .optional_owned_text(values.first_promised_on)
        .optional_owned_text(values.due_by)
}

/// Deletes an allocation: from its line, which was placed with it, or from the further allocations.
fn release(connection: &mut SqliteConnection, allocation: &AllocationRecord) -> QueryResult<usize> {
    let (order, line) = (allocation.key.order.as_str(), allocation.key.line.as_str());
    let (batch, quantity) = (allocation.batch.as_str(), i64::from(allocation.quantity.get()));
    let placed_with = lines::order_id
        .eq(order)
        .and(lines::line_id.eq(line))
        .and(lines::batch.eq(batch))
        .and(lines::units.eq(quantity));
    let no_units = (lines::batch.eq(None::<&str>), lines::units.eq(None::<i64>));
    let release = update::<ReleasePlacedUnits, _, _, _>(&lines::table, placed_with, no_units);
    let released = release.execute(connection)?;
    let further = further_allocations::table
        .filter(further_allocations::order_id.eq(order))
        .filter(further_allocations::line_id.eq(line))
        .filter(further_allocations::batch.eq(batch))
        .filter(further_allocations::quantity.eq(quantity));
    Ok(released + diesel::delete(further).execute(connection)?)
}

fn delete_dispatch(connection: &mut SqliteConnection, dispatch: &DispatchRecord) -> QueryResult<usize> {
    let named = dispatches::table
        .filter(dispatches::order_id.eq(dispatch.key.order.as_str()))
        .filter(dispatches::line_id.eq(dispatch.key.line.as_str()))
        .filter(dispatches::batch.eq(dispatch.batch.as_str()))
        .filter(dispatches::dispatched_version.eq(counter(dispatch.dispatched_version)))
        .filter(dispatches::quantity.eq(i64::from(dispatch.quantity.get())));
    diesel::delete(named).execute(connection)
}

/// Writes the allocations that no line is placed with.
fn write_allocations(connection: &mut SqliteConnection, further: &[&AllocationRecord]) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewAllocations>> = LazyLock::new(
        || insert_into!(further_allocations: order_id, line_id, batch, quantity, release_rank, allocated_version),
    );
    NEW.rows(connection, further, |statement, allocation| {
        statement
            .text(allocation.key.order.as_str())
            .text(allocation.key.line.as_str())
            .text(allocation.batch.as_str())
            .integer(i64::from(allocation.quantity.get()))
            .integer(rank::release_rank(allocation.release_rank))
            .integer(counter(allocation.allocated_version))
    })
}

fn write_dispatches(connection: &mut SqliteConnection, dispatched: &[DispatchRecord]) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewDispatches>> = LazyLock::new(|| {
        insert_into!(
            dispatches: order_id, line_id, batch, quantity, allocated_version, dispatched_version, dispatched_at
        )
    });
    NEW.rows(connection, dispatched, |statement, dispatch| {
        statement
            .text(dispatch.key.order.as_str())
            .text(dispatch.key.line.as_str())
            .text(dispatch.batch.as_str())
            .integer(i64::from(dispatch.quantity.get()))
            .integer(counter(dispatch.allocated_version))
            .integer(counter(dispatch.dispatched_version))
            .integer(dispatch.dispatched_at.as_microsecond())
    })
}

/// The number of the last event, if any are to be numbered after it. One transaction writes at a time, so numbers
/// follow the order of commits; events are never removed, so no number is used twice.
pub(super) fn last_sequence(connection: &mut SqliteConnection, changes: &ChangeSet) -> Result<i64, StoreError> {
    if changes.events.is_empty() {
        return Ok(0);
    }
    newest_event(connection).map_err(store_error)
}

/// The number of the newest event; 0 before the first.
pub(in crate::sqlite) fn newest_event(connection: &mut SqliteConnection) -> QueryResult<i64> {
    let newest = events::table.select(diesel::dsl::max(events::sequence));
    newest
        .get_result::<Option<i64>>(connection)
        .map(Option::unwrap_or_default)
}

/// Writes events, numbered after the last. One that is found by its line does not name its order.
fn write_events(
    connection: &mut SqliteConnection,
    placed: &NewLines<'_>,
    new: &[Event],
    last: i64,
) -> Result<(), StoreError> {
    static NEW: LazyLock<Insert<NewEvents>> = LazyLock::new(|| {
        insert_into!(
            events: sequence, sku, version, order_id, event_type, occurred_at, decided_on, actor, correlation_id, data
        )
    });
    let numbered: Vec<(i64, (&Event, bool))> = (last + 1..).zip(placed.events(new)).collect();
    NEW.rows(connection, &numbered, |statement, (sequence, (event, by_line))| {
        let product = event.product();
        statement
            .integer(*sequence)
            .optional_text(product.map(|(sku, _)| sku.as_str()))
            .optional_integer(product.map(|(_, version)| counter(version)))
            .optional_text(event.order().filter(|_| !by_line).map(|order| order.as_str()))
            .text(event.fact.name())
            .integer(event.occurred_at.as_microsecond())
            .owned_text(event.decided_on.to_string())
            .text(&event.actor)
            .text(&event.correlation_id)
            .owned_text(wire::fact_to_json(&event.fact))
    })
}
