//! Lines that are late, that wait, and that have units in a batch.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use earmark_application::{Counted, DueList, DuePlace, LineRead, PlacedBetween, PlacedPlace, StoreError};
use earmark_domain::{Reference, ReleasePosition, Units};
use jiff::Timestamp;

use super::super::super::builder::{first_rows, pair_one_of};
use super::super::super::error::store_error;
use super::super::super::rows::{self, BatchRow, PlacedLineRow};
use super::super::super::schema::{batches, further_allocations, lines};
use super::super::super::statement::statement;
use super::super::super::store::lines_held_by;
use super::super::line_reads::{
    FurtherPart, LineReadRow, LineReads, PlacedIn, further_batches, line_read_columns, lines_with_allocations,
    read_dispatches,
};
use crate::sql::decode::RowContext;
use crate::sql::rank::day_number;

/// A line's order and its id.
type Key = (String, String);

/// The lines with these keys, in this order, with what has left of them.
fn by_key(conn: &mut SqliteConnection, keys: &[Key]) -> Result<Vec<LineRead>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let pairs = keys.iter().map(|(order, line)| [order.as_str(), line.as_str()]);
    let rows: Vec<LineReadRow> = lines_with_allocations!()
        .filter(pair_one_of((lines::order_id, lines::line_id), pairs))
        .select(line_read_columns!())
        .load(conn)
        .map_err(store_error)?;
    // The rows of a line come one after the other: it is looked up once, and then its units are.
    let mut reads = LineReads::default();
    for row in rows {
        let row: (_, Option<PlacedIn>, Option<FurtherPart>) = row;
        reads.add(row)?;
    }
    let mut read = reads.end();
    read_dispatches(conn, &mut read)?;
    let mut found: HashMap<Key, LineRead> = read
        .into_iter()
        .map(|line| {
            let key = line.record.key();
            ((key.order.to_string(), key.line.to_string()), line)
        })
        .collect();
    Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
}

/// The keys of lines by the day they are required by. By hand: comparisons of rows, and the very expressions of the
/// indexes.
macro_rules! keys_by_day {
    ($list:literal, $behind:literal, $order:literal) => {
        concat!(
            "SELECT order_id, line_id FROM lines WHERE ",
            $list,
            " AND rank & 4294967295 <> 0 AND (hold_until IS NULL OR hold_until > ?) AND ",
            $behind,
            " ORDER BY ",
            $order
        )
    };
    ($list:literal) => {
        [
            keys_by_day!(
                $list,
                "2147483648 - (-rank & 4294967295) = ? AND (order_id, line_id) > (?, ?)",
                "order_id, line_id"
            ),
            keys_by_day!(
                $list,
                "2147483648 - (-rank & 4294967295) > ? AND 2147483648 - (-rank & 4294967295) <= ?",
                "2147483648 - (-rank & 4294967295), order_id, line_id"
            ),
        ]
    };
}

/// The lines of a list that are required by a day, behind a place.
pub(super) fn due(
    conn: &mut SqliteConnection,
    list: DueList,
    after: Option<&DuePlace>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<LineRead>, StoreError> {
    // The rest of the day, and the days after it: SQLite seeks no row of values of which one is an expression.
    const PROMISED_LATE: [&str; 2] = keys_by_day!("state IN ('held', 'allocated') AND due_by IS NULL");
    const WAITING: [&str; 2] = keys_by_day!("state = 'backordered'");
    let ([of_day, later], until) = match list {
        DueList::PromisedLate => (PROMISED_LATE, i64::MAX),
        DueList::Waiting(until) => (WAITING, day_number(until)),
    };
    let listed = |text| statement::<(Text, Text)>(text).integer(now.as_microsecond());
    let (mut keys, mut day): (Vec<Key>, i64) = (Vec::new(), i64::MIN);
    if let Some(after) = after {
        day = day_number(after.required_by);
        let key = &after.key;
        let rest = listed(of_day)
            .integer(day)
            .text(key.order.as_str())
            .text(key.line.as_str());
        if day <= until {
            keys = first_rows(rest.load_iter(conn), limit)?;
        }
    }
    if keys.len() < limit {
        let later = listed(later).integer(day).integer(until);
        keys.extend(first_rows::<Key>(later.load_iter(conn), limit - keys.len())?);
    }
    by_key(conn, &keys)
}

/// The instants between which lines were placed, as columns have them: from the first one on, and before the other.
fn bounds(placed: PlacedBetween) -> (i64, i64) {
    let from = placed.from.map_or(i64::MIN, Timestamp::as_microsecond);
    let before = placed.before.map_or(i64::MAX, Timestamp::as_microsecond);
    (from, before)
}

/// The lines that wait, by when they were placed, behind a place.
pub(super) fn waiting(
    conn: &mut SqliteConnection,
    placed: PlacedBetween,
    after: Option<&PlacedPlace>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<LineRead>, StoreError> {
    // By hand: a comparison of rows.
    const WAITING: &str = "SELECT order_id, line_id FROM lines WHERE state = 'backordered' \
         AND (placed_at, order_id, line_id) > (?, ?, ?) AND placed_at < ? \
         AND (hold_until IS NULL OR hold_until > ?) ORDER BY placed_at, order_id, line_id";
    let (from, before) = bounds(placed);
    // No name is empty, so every line that was placed at an instant comes behind it.
    let (at, order, line) = match after {
        Some(after) if after.placed_at.as_microsecond() >= from => {
            let key = &after.key;
            (after.placed_at.as_microsecond(), key.order.as_str(), key.line.as_str())
        }
        _ => (from, "", ""),
    };
    let listed = statement::<(Text, Text)>(WAITING)
        .integer(at)
        .text(order)
        .text(line)
        .integer(before)
        .integer(now.as_microsecond());
    let keys: Vec<Key> = first_rows(listed.load_iter(conn), limit)?;
    by_key(conn, &keys)
}

/// How many lines wait, and for how many units.
pub(super) fn count_waiting(
    conn: &mut SqliteConnection,
    placed: PlacedBetween,
    now: Timestamp,
    most: usize,
) -> Result<Counted, StoreError> {
    // By hand, like the list, so that both walk the same index. It has what is counted.
    const WAITING: &str = "SELECT quantity, order_id FROM lines WHERE state = 'backordered' \
         AND placed_at >= ? AND placed_at < ? \
         AND (hold_until IS NULL OR hold_until > ?) ORDER BY placed_at, order_id, line_id";
    let (from, before) = bounds(placed);
    let listed = statement::<(BigInt, Text)>(WAITING)
        .integer(from)
        .integer(before)
        .integer(now.as_microsecond());
    let quantities: Vec<(i64, String)> = first_rows(listed.load_iter(conn), most)?;
    let mut counted = Counted::default();
    for (quantity, order) in quantities {
        let at = RowContext {
            table: "lines",
            key: &order,
        };
        counted.lines += 1;
        counted.units = [counted.units, at.units("quantity", quantity)?]
            .into_iter()
            .sum::<Units>();
    }
    Ok(counted)
}

/// The lines with units in a batch, those that would leave it last first.
pub(super) fn in_batch(
    conn: &mut SqliteConnection,
    reference: &Reference,
    after: Option<&ReleasePosition>,
    limit: usize,
) -> Result<Vec<(ReleasePosition, LineRead)>, StoreError> {
    let found: Option<BatchRow> = batches::table
        .filter(batches::reference.eq(reference.as_str()))
        .select(BatchRow::as_select())
        .get_result(conn)
        .optional()
        .map_err(store_error)?;
    let Some(batch) = found else {
        return Ok(Vec::new());
    };
    let held = lines_held_by(conn, &rows::batch(batch)?, after, limit)?;
    let keys: Vec<Key> = held
        .iter()
        .map(|(_, line)| {
            let [order, line] = line.key();
            (order.to_owned(), line.to_owned())
        })
        .collect();
    let positions = held.into_iter().map(|(position, _)| position);
    Ok(positions.zip(by_key(conn, &keys)?).collect())
}
