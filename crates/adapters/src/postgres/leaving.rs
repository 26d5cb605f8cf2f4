//! The lines that lie in a batch, in the order in which they would have to leave it.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Integer, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, LineRecord, Quantity, Reference, ReleaseLines, Units};

use super::columns::{LineRow, LineTypes, line_columns};
use super::error::store_error;
use super::load::rows_wanted;
use super::row::{self, AFTER_ALL};
use super::statement::statement;

/// How many lines of a shrinking batch are read at a time until they hold what it lacks: a round trip's worth.
const PAGE: usize = 500;

/// A line with the units it holds in the batch, how strong its claim to them is, and since when it has them.
type LeavingTypes = (LineTypes, (Integer, BigInt, Timestamptz));
type LeavingRow = (LineRow, (i32, i64, PgTimestamp));

/// The lines of a batch that is to shrink, the weakest claim first, until they hold what exceeds its new quantity; or all
/// that lie in it.
pub(super) async fn lines_to_release(
    conn: &AsyncPgConnection,
    batch: &BatchRecord,
    lines: ReleaseLines,
) -> Result<Vec<LineRecord>, StoreError> {
    let committed = batch
        .allocated
        .checked_add(batch.dispatched)
        .expect("two sums below 2^63 don't wrap");
    let mut excess = match lines {
        ReleaseLines::Beyond(quantity) => committed.saturating_sub(quantity.units()),
        ReleaseLines::All => Units::new(u64::MAX),
    };
    let mut leaving: Vec<LineRecord> = Vec::new();
    let mut last: Option<LeavingRow> = None;
    while !excess.is_zero() {
        let page = page(conn, &batch.reference, last.as_ref()).await?;
        let short = page.len() < PAGE;
        last = page.last().cloned();
        for (line, (held, _, _)) in page {
            if excess.is_zero() {
                break;
            }
            let line = row::line(line)?;
            let held = Quantity::new(held).map_err(|why| {
                StoreError::Corrupt(format!("allocations {:?}: quantity {why}", line.terms.key.to_string()))
            })?;
            excess = excess.saturating_sub(held.units());
            leaving.push(line);
        }
        if short {
            break;
        }
    }
    Ok(leaving)
}

/// A page of the lines in a batch in the order in which they would have to leave it.
async fn page(
    conn: &AsyncPgConnection,
    batch: &Reference,
    after: Option<&LeavingRow>,
) -> Result<Vec<LeavingRow>, StoreError> {
    // Claims rise, all else falls: a page goes on with what has the same claim, and then with the stronger ones. Of the
    // same claim, the first comparison of `allocated_at` is the one that an index can serve; the second goes on within
    // one instant.
    const LEAVING: &str = concat!(
        "SELECT ",
        line_columns!(),
        ", held, release_rank, allocated_at FROM (",
        "(SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_at FROM allocations AS held ",
        "CROSS JOIN LATERAL (SELECT ",
        line_columns!(),
        " FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line ",
        "WHERE held.batch = ? AND held.release_rank = ? AND held.allocated_at <= ? ",
        "AND (held.allocated_at, line.rank, line.placed_at, line.order_id, line.line_id) < (?, ?, ?, ?, ?) ",
        "ORDER BY held.allocated_at DESC, line.rank DESC, line.placed_at DESC, line.order_id DESC, line.line_id DESC ",
        "LIMIT ?) UNION ALL ",
        "(SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_at FROM allocations AS held ",
        "CROSS JOIN LATERAL (SELECT ",
        line_columns!(),
        " FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line ",
        "WHERE held.batch = ? AND held.release_rank > ? ",
        "ORDER BY held.release_rank, held.allocated_at DESC, line.rank DESC, line.placed_at DESC, line.order_id DESC, ",
        "line.line_id DESC LIMIT ?)) AS leaving ",
        "ORDER BY release_rank, allocated_at DESC, rank DESC, placed_at DESC, order_id DESC, line_id DESC LIMIT ?"
    );
    // No claim is as weak as the one that the first page goes on from.
    let (release_rank, allocated_at, rank, placed_at, order, line) = after.map_or(
        (i64::MIN, AFTER_ALL, i64::MAX, AFTER_ALL, "", ""),
        |((order, line, _, _, _, _, placed_at, _, rank, _, _), (_, release_rank, allocated_at))| {
            (
                *release_rank,
                *allocated_at,
                *rank,
                *placed_at,
                order.as_str(),
                line.as_str(),
            )
        },
    );
    statement::<LeavingTypes>(LEAVING)
        .bind::<Text, _>(batch.as_str())
        .bind::<BigInt, _>(release_rank)
        .bind::<Timestamptz, _>(allocated_at)
        .bind::<Timestamptz, _>(allocated_at)
        .bind::<BigInt, _>(rank)
        .bind::<Timestamptz, _>(placed_at)
        .bind::<Text, _>(order)
        .bind::<Text, _>(line)
        .bind::<BigInt, _>(rows_wanted(PAGE))
        .bind::<Text, _>(batch.as_str())
        .bind::<BigInt, _>(release_rank)
        .bind::<BigInt, _>(rows_wanted(PAGE))
        .bind::<BigInt, _>(rows_wanted(PAGE))
        .rows(conn)
        .await
        .map_err(store_error)
}
