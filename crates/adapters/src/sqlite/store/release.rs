//! Which lines leave a batch that changes.

use std::cmp::Reverse;

use diesel::prelude::*;
use diesel::result::QueryResult;
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, ReleaseLines, Units};

use super::super::error::store_error;
use super::super::rows::{PlacedLineRow, units_in_batch};
use super::super::schema::{further_allocations, lines, lines_in_batches};

/// A line with the units it holds in the batch, their release rank, and the version that allocated them.
type Held = (PlacedLineRow, i64, i64, i64);

/// The lines that would have to leave a batch, the lowest release rank first: no more than cover what it lacks; or all
/// that hold units there.
///
/// The deferred index has to be complete. Each of the two ways by which a line holds units is read in order as far as
/// it alone would cover what is lacking, and no further.
pub(super) fn lines_to_release(
    connection: &mut SqliteConnection,
    batch: &BatchRecord,
    which: ReleaseLines,
) -> Result<Vec<PlacedLineRow>, StoreError> {
    let committed = batch.allocated.checked_add(batch.dispatched);
    let committed =
        committed.ok_or_else(|| StoreError::Corrupt(format!("batches {:?}: sums wrap", batch.reference)))?;
    let lacking = match which {
        ReleaseLines::Beyond(quantity) => committed.saturating_sub(quantity.units()),
        ReleaseLines::All => Units::new(u64::MAX),
    };
    if lacking == Units::ZERO {
        return Ok(Vec::new());
    }
    let reference = batch.reference.as_str();
    let further = further_allocations::table
        .inner_join(
            lines::table.on(lines::order_id
                .eq(further_allocations::order_id)
                .and(lines::line_id.eq(further_allocations::line_id))),
        )
        .filter(further_allocations::batch.eq(reference))
        .order((
            further_allocations::release_rank,
            further_allocations::allocated_version.desc(),
            lines::rank.desc(),
            lines::placed_version.desc(),
            lines::order_id.desc(),
            lines::line_id.desc(),
        ))
        .select((
            PlacedLineRow::as_select(),
            further_allocations::quantity,
            further_allocations::release_rank,
            further_allocations::allocated_version,
        ));
    let mut held = covering(further.load_iter(connection), lacking)?;
    let placed_with = lines_in_batches::table
        .inner_join(
            lines::table.on(lines::order_id
                .eq(lines_in_batches::order_id)
                .and(lines::line_id.eq(lines_in_batches::line_id))),
        )
        .filter(lines_in_batches::batch.eq(reference))
        .filter(lines::batch.eq(reference))
        .order((
            lines_in_batches::release_rank,
            lines_in_batches::placed_version.desc(),
            lines::rank.desc(),
            lines::placed_version.desc(),
            lines::order_id.desc(),
            lines::line_id.desc(),
        ))
        .select((
            PlacedLineRow::as_select(),
            lines::units.assume_not_null(),
            lines_in_batches::release_rank,
            lines_in_batches::placed_version,
        ));
    held.extend(covering(placed_with.load_iter(connection), lacking)?);
    held.sort_by(|(a, _, a_rank, a_version), (b, _, b_rank, b_version)| {
        let key = |rank, version, line| (rank, Reverse(version), Reverse(line));
        key(*a_rank, *a_version, a.service_key()).cmp(&key(*b_rank, *b_version, b.service_key()))
    });
    first_covering(held.into_iter().map(Ok), lacking).map(|held| held.into_iter().map(|(line, ..)| line).collect())
}

fn covering(
    rows: QueryResult<impl Iterator<Item = QueryResult<Held>>>,
    lacking: Units,
) -> Result<Vec<Held>, StoreError> {
    first_covering(rows.map_err(store_error)?, lacking)
}

/// The first rows whose units cover what is lacking.
fn first_covering(rows: impl Iterator<Item = QueryResult<Held>>, mut lacking: Units) -> Result<Vec<Held>, StoreError> {
    let mut first = Vec::new();
    let mut rows = rows;
    while lacking > Units::ZERO {
        let Some(row) = rows.next() else { break };
        let (line, units, rank, version) = row.map_err(store_error)?;
        lacking = lacking.saturating_sub(units_in_batch(&line, units)?);
        first.push((line, units, rank, version));
    }
    Ok(first)
}
