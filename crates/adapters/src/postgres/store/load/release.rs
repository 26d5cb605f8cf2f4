//! The lines that lie in a batch, in the order in which they would have to leave it.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Integer, Text, Timestamptz};
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, LineRecord, Quantity, Reference, ReleaseLines, Units};

use crate::postgres::error::store_error;
use crate::postgres::rows::LineRow;
use crate::postgres::rows::values::AFTER_ALL;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, row_limit, statement};
use crate::sql::decode::RowContext;

/// How many lines of a shrinking batch are read at a time: a round trip's worth.
const PAGE: usize = 500;

/// A line with the units it holds in the batch, their release rank, and since when it holds them.
type ReleaseTypes = (TypesOf<LineRow>, (Integer, BigInt, Timestamptz));
type ReleaseRow = (LineRow, (i32, i64, PgTimestamp));

/// The lines of a batch that is to shrink, the lowest release rank first, until they hold what exceeds its new
/// quantity; or all that lie in it.
pub(super) async fn lines_to_release(
    conn: &Session,
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
    let mut last: Option<ReleaseRow> = None;
    while !excess.is_zero() {
        let page = page(conn, &batch.reference, last.as_ref()).await?;
        let is_last = page.len() < PAGE;
        last = page.last().cloned();
        for (line, (held, _, _)) in page {
            if excess.is_zero() {
                break;
            }
            let line = LineRecord::try_from(line)?;
            let at = RowContext {
                table: "allocations",
                key: line.key(),
            };
            excess = excess.saturating_sub(at.read("quantity", Quantity::new(held))?.units());
            leaving.push(line);
        }
        if is_last {
            break;
        }
    }
    Ok(leaving)
}

/// A page of the lines in a batch, in the order in which they would have to leave it.
async fn page(conn: &Session, batch: &Reference, after: Option<&ReleaseRow>) -> Result<Vec<ReleaseRow>, StoreError> {
    // By hand: LATERAL, comparisons of rows, and a union that an index serves. The release rank ascends and all else
    // descends, so a page goes on with the lines of the same rank, and then with those of higher ranks. Within a rank
    // the first comparison of `allocated_at` is the one that an index serves; the second goes on within one instant.
    const LEAVING: &str = "SELECT leaving.* FROM (\
         (SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_at FROM allocations AS held \
         CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line \
         WHERE held.batch = ? AND held.release_rank = ? AND held.allocated_at <= ? \
         AND (held.allocated_at, line.rank, line.placed_at, line.order_id, line.line_id) < (?, ?, ?, ?, ?) \
         ORDER BY held.allocated_at DESC, line.rank DESC, line.placed_at DESC, line.order_id DESC, line.line_id DESC \
         LIMIT ?) UNION ALL \
         (SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_at FROM allocations AS held \
         CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line \
         WHERE held.batch = ? AND held.release_rank > ? \
         ORDER BY held.release_rank, held.allocated_at DESC, line.rank DESC, line.placed_at DESC, line.order_id DESC, \
         line.line_id DESC LIMIT ?)) AS leaving \
         ORDER BY release_rank, allocated_at DESC, rank DESC, placed_at DESC, order_id DESC, line_id DESC LIMIT ?";
    // The first page goes on from a release rank that is lower than all.
    let (release_rank, allocated_at, rank, placed_at, order, line) = after.map_or(
        (i64::MIN, AFTER_ALL, i64::MAX, AFTER_ALL, "", ""),
        |(line, (_, release_rank, allocated_at))| {
            let (order_id, line_id) = (line.order_id.as_str(), line.line_id.as_str());
            (
                *release_rank,
                *allocated_at,
                line.rank,
                line.placed_at,
                order_id,
                line_id,
            )
        },
    );
    statement::<ReleaseTypes>(LEAVING)
        .columns::<LineRow>()
        .bind::<Text, _>(batch.as_str())
        .bind::<BigInt, _>(release_rank)
        .bind::<Timestamptz, _>(allocated_at)
        .bind::<Timestamptz, _>(allocated_at)
        .bind::<BigInt, _>(rank)
        .bind::<Timestamptz, _>(placed_at)
        .bind::<Text, _>(order)
        .bind::<Text, _>(line)
        .bind::<BigInt, _>(row_limit(PAGE))
        .columns::<LineRow>()
        .bind::<Text, _>(batch.as_str())
        .bind::<BigInt, _>(release_rank)
        .bind::<BigInt, _>(row_limit(PAGE))
        .bind::<BigInt, _>(row_limit(PAGE))
        .rows(conn)
        .await
        .map_err(store_error)
}
