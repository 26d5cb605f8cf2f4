//! Which lines of a batch a change goes through.
//!
//! A line holds units in one of two ways: those it was placed with, which the deferred index finds, and further ones.
//! Both are read in the same order, each no further than it alone would be needed, and merged.

use std::cmp::{Ordering, Reverse};

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{Nullable, Text};
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, ReleaseLines, ReleasePosition, Units};

use super::super::builder::pair_one_of;
use super::super::error::store_error;
use super::super::rows::{self, PlacedLineRow, units_in_batch};
use super::super::schema::{further_allocations, lines, lines_in_batches};
use super::super::statement::statement;
use crate::sql::decode::{RowContext, counter};
use crate::sql::rank;

/// A line with the units it holds in the batch, their release rank, and the version that allocated them.
type Held = (PlacedLineRow, i64, i64, i64);

/// A line's position in the order in which lines leave: see [`ReleasePosition`].
type Position<'a> = (i64, Reverse<i64>, Reverse<(i64, i64, &'a str, &'a str)>);

fn position((line, _, release_rank, version): &Held) -> Position<'_> {
    (*release_rank, Reverse(*version), Reverse(line.service_key()))
}

fn position_of(position: &ReleasePosition) -> Position<'_> {
    let key = &position.line.key;
    (
        rank::release_rank(position.rank),
        Reverse(counter(position.allocated_version)),
        Reverse((
            rank::rank(position.line.precedence),
            counter(position.line.placed_version),
            key.order.as_str(),
            key.line.as_str(),
        )),
    )
}

/// The same as the domain has it.
fn release_position((line, _, release_rank, version): &Held) -> Result<ReleasePosition, StoreError> {
    let (record, _) = rows::placed_line(line)?;
    let at = RowContext {
        table: "allocations",
        key: record.key(),
    };
    Ok(ReleasePosition {
        rank: at.release_rank("release_rank", *release_rank)?,
        allocated_version: at.read("allocated_version", u64::try_from(*version))?,
        line: record.service_position(),
    })
}

/// A part of the lines of a batch that an index has in one piece.
#[derive(Clone, Copy)]
enum Range {
    /// All, the first to leave first.
    FirstToLeave,
    /// All, the last to leave first.
    LastToLeave,
    /// Those of a release rank that got their units by a version or later, the last to leave first.
    OfRank(i64, i64),
    /// Those of lower release ranks, the last to leave first.
    BelowRank(i64),
}

/// The units that lines may lose which a change of a batch goes through. None: no line has to be read.
pub(super) fn units_to_release(batch: &BatchRecord, which: &ReleaseLines) -> Result<Units, StoreError> {
    let committed = batch.allocated.checked_add(batch.dispatched);
    let committed =
        committed.ok_or_else(|| StoreError::Corrupt(format!("batches {:?}: sums wrap", batch.reference)))?;
    Ok(match which {
        ReleaseLines::Beyond(quantity) => committed.saturating_sub(quantity.units()),
        ReleaseLines::All | ReleaseLines::LastFirst { .. } if batch.allocated.is_zero() => Units::ZERO,
        ReleaseLines::All | ReleaseLines::LastFirst { .. } => Units::new(u64::MAX),
    })
}

/// The lines of a batch that a change goes through, no more than `most`, and whether there are more: the lowest release
/// rank first, and then no more than cover what the batch lacks; or all that hold units there.
///
/// The deferred index has to be complete.
pub(super) fn lines_to_release(
    connection: &mut SqliteConnection,
    batch: &BatchRecord,
    which: &ReleaseLines,
    most: usize,
) -> Result<(Vec<PlacedLineRow>, bool), StoreError> {
    let mut lacking = units_to_release(batch, which)?;
    let (ranges, after, last_first): (&[Range], _, _) = match which {
        ReleaseLines::Beyond(_) | ReleaseLines::All => (&[Range::FirstToLeave], None, false),
        ReleaseLines::LastFirst { after: None } => (&[Range::LastToLeave], None, true),
        ReleaseLines::LastFirst { after: Some(after) } => {
            let (release_rank, Reverse(version), _) = position_of(after);
            let ranges = [Range::OfRank(release_rank, version), Range::BelowRank(release_rank)];
            (&ranges.clone(), Some(position_of(after)), true)
        }
    };
    let mut leaving = Vec::new();
    for range in ranges {
        let mut held = further(connection, batch, *range, lacking, most, after)?;
        held.extend(placed_with(connection, batch, *range, lacking, most, after)?);
        held.sort_by(|a, b| in_order(position(a).cmp(&position(b)), last_first));
        for (line, units, ..) in held {
            if lacking == Units::ZERO {
                return Ok((leaving, false));
            }
            if leaving.len() == most {
                return Ok((leaving, true));
            }
            lacking = lacking.saturating_sub(units_in_batch(&line, units)?);
            leaving.push(line);
        }
    }
    Ok((leaving, false))
}

/// The lines with units in a batch, each with its position among them: the last to leave first, from the one behind `after`
/// on, no more than `most`. For a snapshot of a connection that only reads: the deferred index need not be complete.
pub(in crate::sqlite) fn lines_held_by(
    connection: &mut SqliteConnection,
    batch: &BatchRecord,
    after: Option<&ReleasePosition>,
    most: usize,
) -> Result<Vec<(ReleasePosition, PlacedLineRow)>, StoreError> {
    let behind = after.map(position_of);
    let ranges = match behind {
        None => Vec::from([Range::LastToLeave]),
        Some((release_rank, Reverse(version), _)) => {
            Vec::from([Range::OfRank(release_rank, version), Range::BelowRank(release_rank)])
        }
    };
    let all = Units::new(u64::MAX);
    let mut held = newest(connection, batch)?;
    held.retain(|line| behind.is_none_or(|behind| position(line) < behind));
    for range in ranges {
        held.extend(further(connection, batch, range, all, most, behind)?);
        held.extend(placed_with(connection, batch, range, all, most, behind)?);
    }
    held.sort_by(|a, b| position(b).cmp(&position(a)));
    // The index may have entries of new lines, too.
    held.dedup_by(|a, b| a.0.key() == b.0.key());
    held.truncate(most);
    held.into_iter()
        .map(|line| Ok((release_position(&line)?, line.0)))
        .collect()
}

/// The lines that hold the units of a batch they were placed with, by events whose entries may be missing in the deferred
/// index.
fn newest(connection: &mut SqliteConnection, batch: &BatchRecord) -> Result<Vec<Held>, StoreError> {
    // By hand: the builder has no operator that looks into JSON.
    const LINES: &str = "SELECT named.data ->> 'order_id', named.data ->> 'line_id' FROM events AS named \
         WHERE named.sequence > (SELECT until FROM deferred_index) AND named.sku = ? AND named.order_id IS NULL \
         AND named.type = 'Allocated' AND json_valid(named.data)";
    type Key = (Nullable<Text>, Nullable<Text>);
    let placed = statement::<Key>(LINES).text(batch.sku.as_str());
    let placed: Vec<(Option<String>, Option<String>)> = placed.load(connection).map_err(store_error)?;
    let keys = placed
        .iter()
        .filter_map(|(order, line)| Some([order.as_deref()?, line.as_deref()?]));
    let keys: Vec<[&str; 2]> = keys.collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    lines::table
        .filter(pair_one_of((lines::order_id, lines::line_id), keys))
        .filter(lines::batch.eq(batch.reference.as_str()))
        .select((
            PlacedLineRow::as_select(),
            lines::units.assume_not_null(),
            lines::release_rank,
            lines::placed_version,
        ))
        .load(connection)
        .map_err(store_error)
}

const fn in_order(order: Ordering, last_first: bool) -> Ordering {
    if last_first { order.reverse() } else { order }
}

/// The lines of a range that hold further units in a batch.
fn further(
    connection: &mut SqliteConnection,
    batch: &BatchRecord,
    range: Range,
    lacking: Units,
    most: usize,
    after: Option<Position<'_>>,
) -> Result<Vec<Held>, StoreError> {
    let of_line = lines::order_id
        .eq(further_allocations::order_id)
        .and(lines::line_id.eq(further_allocations::line_id));
    let held = further_allocations::table
        .inner_join(lines::table.on(of_line))
        .filter(further_allocations::batch.eq(batch.reference.as_str()))
        .select((
            PlacedLineRow::as_select(),
            further_allocations::quantity,
            further_allocations::release_rank,
            further_allocations::allocated_version,
        ))
        .into_boxed();
    let held = match range {
        Range::FirstToLeave | Range::LastToLeave => held,
        Range::OfRank(release_rank, version) => held
            .filter(further_allocations::release_rank.eq(release_rank))
            .filter(further_allocations::allocated_version.ge(version)),
        Range::BelowRank(release_rank) => held.filter(further_allocations::release_rank.lt(release_rank)),
    };
    let held = match range {
        Range::FirstToLeave => held.order((
            further_allocations::release_rank,
            further_allocations::allocated_version.desc(),
            lines::rank.desc(),
            lines::placed_version.desc(),
            lines::order_id.desc(),
            lines::line_id.desc(),
        )),
        Range::LastToLeave | Range::OfRank(..) | Range::BelowRank(_) => held.order((
            further_allocations::release_rank.desc(),
            further_allocations::allocated_version,
            lines::rank,
            lines::placed_version,
            lines::order_id,
            lines::line_id,
        )),
    };
    page(held.load_iter(connection), lacking, most, after)
}

/// The lines of a range that hold the units they were placed with in a batch.
fn placed_with(
    connection: &mut SqliteConnection,
    batch: &BatchRecord,
    range: Range,
    lacking: Units,
    most: usize,
    after: Option<Position<'_>>,
) -> Result<Vec<Held>, StoreError> {
    let of_line = lines::order_id
        .eq(lines_in_batches::order_id)
        .and(lines::line_id.eq(lines_in_batches::line_id));
    let held = lines_in_batches::table
        .inner_join(lines::table.on(of_line))
        .filter(lines_in_batches::batch.eq(batch.reference.as_str()))
        .filter(lines::batch.eq(batch.reference.as_str()))
        .select((
            PlacedLineRow::as_select(),
            lines::units.assume_not_null(),
            lines_in_batches::release_rank,
            lines_in_batches::placed_version,
        ))
        .into_boxed();
    let held = match range {
        Range::FirstToLeave | Range::LastToLeave => held,
        Range::OfRank(release_rank, version) => held
            .filter(lines_in_batches::release_rank.eq(release_rank))
            .filter(lines_in_batches::placed_version.ge(version)),
        Range::BelowRank(release_rank) => held.filter(lines_in_batches::release_rank.lt(release_rank)),
    };
    let held = match range {
        Range::FirstToLeave => held.order((
            lines_in_batches::release_rank,
            lines_in_batches::placed_version.desc(),
            lines::rank.desc(),
            lines::placed_version.desc(),
            lines::order_id.desc(),
            lines::line_id.desc(),
        )),
        Range::LastToLeave | Range::OfRank(..) | Range::BelowRank(_) => held.order((
            lines_in_batches::release_rank.desc(),
            lines_in_batches::placed_version,
            lines::rank,
            lines::placed_version,
            lines::order_id,
            lines::line_id,
        )),
    };
    page(held.load_iter(connection), lacking, most, after)
}

/// The first rows behind a position whose units cover what is lacking, and no more than show that a page is full. Rows
/// that are not read are not made.
fn page(
    rows: QueryResult<impl Iterator<Item = QueryResult<Held>>>,
    mut lacking: Units,
    most: usize,
    after: Option<Position<'_>>,
) -> Result<Vec<Held>, StoreError> {
    let mut first = Vec::new();
    for row in rows.map_err(store_error)? {
        if lacking == Units::ZERO || first.len() > most {
            break;
        }
        let held = row.map_err(store_error)?;
        // Of lines that got their units by the same version, some may have been gone through.
        if after.is_some_and(|after| position(&held) >= after) {
            continue;
        }
        lacking = lacking.saturating_sub(units_in_batch(&held.0, held.1)?);
        first.push(held);
    }
    Ok(first)
}
