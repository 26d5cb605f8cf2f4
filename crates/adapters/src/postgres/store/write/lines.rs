//! Lines.

use diesel::data_types::PgDate;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};
use earmark_domain::{LineRecord, Promise};

use crate::postgres::rows::values::{pg_array, pg_date, pg_instant, pg_units};
use crate::postgres::statement::{Statement, column, distinct, statement};
use crate::sql::decode::counter;
use crate::sql::new_lines::NewLine;
use crate::sql::rank;

/// Binds the columns that every line has.
pub(in crate::postgres::store) fn bind_lines<'a>(statement: Statement<'a>, lines: &[&'a LineRecord]) -> Statement<'a> {
    statement
        .array_or_null::<Text, _>(column(lines, |line| line.terms.key.order.as_str()))
        .array_or_null::<Text, _>(column(lines, |line| line.terms.key.line.as_str()))
        .array_or_null::<Text, _>(column(lines, |line| line.sku.as_str()))
        .array_or_null::<Integer, _>(column(lines, |line| pg_units(line.terms.quantity.get())))
        .array_or_null::<Text, _>(column(lines, |line| line.state.as_str()))
        .array_or_null::<Bool, _>(column(lines, |line| line.terms.split))
        .array_or_null::<Timestamptz, _>(column(lines, |line| pg_instant(line.terms.placed_at)))
        .array_or_null::<Bool, _>(column(lines, |line| line.terms.placed_with_order))
        .array_or_null::<Nullable<Text>, Option<String>>(column(lines, |line| {
            line.terms.asked.map(|asked| asked.to_string())
        }))
        .array_or_null::<Nullable<Date>, _>(column(lines, |line| line.promise.on.map(pg_date)) as Vec<Option<PgDate>>)
}

/// Binds the columns in which only some lines differ from the usual.
pub(in crate::postgres::store) fn bind_line_terms<'a>(
    statement: Statement<'a>,
    lines: &[&'a LineRecord],
) -> Statement<'a> {
    statement
        .array_or_null::<BigInt, _>(column(lines, |line| rank::rank(line.terms.precedence)))
        .array_or_null::<Nullable<Text>, _>(column(lines, |line| pg_array(&line.terms.locations)))
        .array_or_null::<Nullable<Timestamptz>, _>(column(lines, |line| line.terms.hold_until.map(pg_instant)))
        .array_or_null::<Nullable<Date>, _>(column(lines, |line| first_promised_on(&line.promise)))
        .array_or_null::<Nullable<Date>, _>(
            column(lines, |line| line.promise.due_by.map(pg_date)) as Vec<Option<PgDate>>
        )
}

/// The day that was told first, where it is another than was last told.
pub(in crate::postgres::store) fn first_promised_on(promise: &Promise) -> Option<PgDate> {
    promise.first_on.filter(|_| promise.first_on != promise.on).map(pg_date)
}

/// Binds the units that new lines are placed with, and the versions whose events report the placing.
pub(in crate::postgres::store) fn bind_first_units<'a>(
    statement: Statement<'a>,
    lines: &[NewLine<'a>],
) -> Statement<'a> {
    let units = |line: &NewLine<'a>| line.units;
    statement
        .array_or_null::<Nullable<Text>, _>(
            lines
                .iter()
                .map(|line| units(line).map(|held| held.batch.as_str()))
                .collect(),
        )
        .array_or_null::<Nullable<Integer>, _>(
            lines
                .iter()
                .map(|line| units(line).map(|held| pg_units(held.quantity.get())))
                .collect(),
        )
        .array_or_null::<BigInt, i64>(lines.iter().map(|new| counter(new.line.placed_version)).collect())
}

/// Binds the release ranks of these units.
pub(in crate::postgres::store) fn bind_release_ranks<'a>(
    statement: Statement<'a>,
    lines: &[NewLine<'a>],
) -> Statement<'a> {
    statement.array_or_null::<BigInt, i64>(
        lines
            .iter()
            .map(|line| line.units.map_or(0, |held| rank::release_rank(held.release_rank)))
            .collect(),
    )
}

/// What has left of a line, which is no more than a line may want.
fn dispatched(line: &LineRecord) -> u32 {
    u32::try_from(line.dispatched.get()).expect("no more of a line has left than it wanted")
}

/// Inserts new lines, each with its first units. What has left of one already, [`update`] writes: hardly any is placed
/// and leaves in one transaction.
pub(super) fn insert<'a>(new: &[NewLine<'a>]) -> Statement<'a> {
    let statement = statement(
        "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
         asked, promised_on, batch, units, placed_version, release_rank, rank, locations, hold_until, first_promised_on, \
         due_by) \
         SELECT order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
         asked, promised_on, batch, units, placed_version, release_rank, rank, locations::text[], hold_until, \
         first_promised_on, due_by \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         AS new (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
         asked, promised_on, batch, units, placed_version, release_rank, rank, locations, hold_until, first_promised_on, \
         due_by) \
         ORDER BY new.order_id COLLATE \"C\", new.line_id COLLATE \"C\"",
    );
    let lines: Vec<&LineRecord> = new.iter().map(|line| line.line).collect();
    let statement = bind_first_units(bind_lines(statement, &lines), new);
    bind_line_terms(bind_release_ranks(statement, new), &lines)
}

/// Updates lines. Their units are released and added apart. A line that is placed again keeps the version by which its
/// first event is found.
pub(super) fn update<'a>(lines: &[&'a LineRecord]) -> Statement<'a> {
    let statement = statement(
        "UPDATE lines SET quantity = new.quantity, state = new.state, split = new.split, \
         placed_at = new.placed_at, placed_with_order = new.placed_with_order, asked = new.asked, \
         promised_on = new.promised_on, rank = new.rank, locations = new.locations::text[], \
         hold_until = new.hold_until, first_promised_on = new.first_promised_on, due_by = new.due_by, \
         placed_version = new.placed_version, dispatched = new.dispatched, \
         first_placed_version = CASE WHEN lines.placed_version = new.placed_version THEN lines.first_placed_version \
         ELSE coalesce(lines.first_placed_version, lines.placed_version) END \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (order_id, line_id, sku, quantity, \
         state, split, placed_at, placed_with_order, asked, promised_on, rank, locations, hold_until, first_promised_on, \
         due_by, placed_version, dispatched) \
         WHERE lines.order_id = new.order_id AND lines.line_id = new.line_id AND lines.order_id = ANY (?)",
    );
    bind_line_terms(bind_lines(statement, lines), lines)
        .array::<BigInt, i64>(column(lines, |line| counter(line.placed_version)))
        .array::<Integer, _>(column(lines, |line| pg_units(dispatched(line))))
        .array::<Text, _>(distinct(column(lines, |line| line.terms.key.order.as_str())))
}
