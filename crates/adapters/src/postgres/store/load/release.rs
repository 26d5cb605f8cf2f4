//! Which lines of a batch a change goes through.

use diesel::sql_types::{BigInt, Integer, Text};
use earmark_application::StoreError;
use earmark_domain::{
    BatchRecord, CHANGE_PAGE, LineRecord, Quantity, Reference, ReleaseLines, ReleasePosition, ReleaseRead,
    ReleaseScope, Units,
};
use futures::future::try_join_all;

use super::batches::Batches;
use crate::postgres::error::store_error;
use crate::postgres::rows::LineRow;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, row_limit, statement};
use crate::sql::decode::{RowContext, counter};
use crate::sql::rank;

/// A line with the units it holds in the batch, their release rank, and the version that allocated them.
type ReleaseRow = (LineRow, (i32, i64, i64));
type ReleaseTypes = (TypesOf<LineRow>, (Integer, BigInt, BigInt));

/// A position in the order in which lines leave, as the columns have it.
struct Position<'a> {
    release_rank: i64,
    allocated_version: i64,
    rank: i64,
    placed_version: i64,
    order: &'a str,
    line: &'a str,
}

impl Position<'static> {
    /// Before all lines.
    const FIRST: Self = Self {
        release_rank: i64::MIN,
        allocated_version: i64::MAX,
        rank: i64::MAX,
        placed_version: i64::MAX,
        order: "",
        line: "",
    };

    /// Behind all lines.
    const LAST: Self = Self {
        release_rank: i64::MAX,
        allocated_version: i64::MIN,
        rank: i64::MIN,
        placed_version: i64::MIN,
        order: "",
        line: "",
    };
}

impl<'a> From<&'a ReleasePosition> for Position<'a> {
    fn from(position: &'a ReleasePosition) -> Self {
        Self {
            release_rank: rank::release_rank(position.rank),
            allocated_version: counter(position.allocated_version),
            rank: rank::rank(position.line.precedence),
            placed_version: counter(position.line.placed_version),
            order: position.line.key.order.as_str(),
            line: position.line.key.line.as_str(),
        }
    }
}

/// How many batches are asked for their lines in one flight. Of all that is read, no more than a page is used.
const BATCHES_AT_ONCE: usize = 8;

/// The lines that changes of batches go through, no more than [`CHANGE_PAGE`] of them all, and how far each batch was read.
pub(super) async fn lines_to_release(
    conn: &Session,
    batches: &Batches,
    needs: Vec<ReleaseScope>,
) -> Result<(Vec<LineRecord>, Vec<ReleaseRead>), StoreError> {
    let (mut lines, mut releases, mut room) = (Vec::new(), Vec::new(), CHANGE_PAGE);
    let known: Vec<(&BatchRecord, ReleaseLines)> = needs
        .into_iter()
        .filter_map(|need| Some((batches.get(&need.batch)?, need.lines)))
        .collect();
    for together in known.chunks(BATCHES_AT_ONCE) {
        let pages = together
            .iter()
            .map(|(batch, which)| page_of(conn, batch, which, room + 1));
        for ((batch, which), page) in together.iter().zip(try_join_all(pages).await?) {
            let (leaving, more) = first_to_release(page, units_to_release(batch, which), room)?;
            room -= leaving.len();
            lines.extend(leaving);
            let batch = batch.reference.clone();
            releases.push(ReleaseRead { batch, more });
        }
    }
    Ok((lines, releases))
}

/// The units that lines may lose which a change of a batch goes through. None: no line has to be read.
fn units_to_release(batch: &BatchRecord, which: &ReleaseLines) -> Units {
    let committed = batch
        .allocated
        .checked_add(batch.dispatched)
        .expect("two sums below 2^63 don't wrap");
    match which {
        ReleaseLines::Beyond(quantity) => committed.saturating_sub(quantity.units()),
        ReleaseLines::All | ReleaseLines::LastFirst { .. } if batch.allocated.is_zero() => Units::ZERO,
        ReleaseLines::All | ReleaseLines::LastFirst { .. } => Units::new(u64::MAX),
    }
}

/// The first lines that a change of a batch may go through, in the order that is asked for.
async fn page_of(
    conn: &Session,
    batch: &BatchRecord,
    which: &ReleaseLines,
    most: usize,
) -> Result<Vec<ReleaseRow>, StoreError> {
    if units_to_release(batch, which).is_zero() {
        return Ok(Vec::new());
    }
    match which {
        ReleaseLines::Beyond(_) | ReleaseLines::All => {
            page(conn, LEAVING, &batch.reference, Position::FIRST, most).await
        }
        ReleaseLines::LastFirst { after } => {
            let after = after.as_ref().map_or(Position::LAST, Position::from);
            page(conn, STAYING, &batch.reference, after, most).await
        }
    }
}

/// Those lines of a page that a change goes through, no more than `most`, and whether there are more: no more than hold what
/// exceeds the new quantity; or all.
fn first_to_release(
    page: Vec<ReleaseRow>,
    mut excess: Units,
    most: usize,
) -> Result<(Vec<LineRecord>, bool), StoreError> {
    let mut leaving: Vec<LineRecord> = Vec::new();
    for (line, (held, ..)) in page {
        if excess.is_zero() {
            break;
        }
        if leaving.len() == most {
            return Ok((leaving, true));
        }
        let line = LineRecord::try_from(line)?;
        let at = RowContext {
            table: "allocations",
            key: line.key(),
        };
        excess = excess.saturating_sub(at.read("quantity", Quantity::new(held))?.units());
        leaving.push(line);
    }
    Ok((leaving, false))
}

/// SQL that reads a page of the lines in a batch behind a position.
///
/// By hand: LATERAL, comparisons of rows, and a union that an index serves. The release rank is sorted in one direction
/// and all else in the other, so a page goes on with the lines of the same rank, and then with those of the ranks
/// beyond. Within a rank the first comparison of `allocated_version` is the one that an index serves; the second goes on
/// within one version.
macro_rules! page_of_batch {
    (from $from:literal, behind $behind:literal, beyond $beyond:literal, rank $rank:literal, rest $rest:literal) => {
        concat!(
            "SELECT leaving.* FROM ((SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_version \
             FROM allocations AS held CROSS JOIN LATERAL \
             (SELECT {} FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line \
             WHERE held.batch = ? AND held.release_rank = ? AND held.allocated_version ",
            $from,
            " ? AND (held.allocated_version, line.rank, line.placed_version, line.order_id, line.line_id) ",
            $behind,
            " (?, ?, ?, ?, ?) ORDER BY held.allocated_version",
            $rest,
            ", line.rank",
            $rest,
            ", line.placed_version",
            $rest,
            ", line.order_id",
            $rest,
            ", line.line_id",
            $rest,
            " LIMIT ?) UNION ALL \
             (SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_version \
             FROM allocations AS held CROSS JOIN LATERAL \
             (SELECT {} FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line \
             WHERE held.batch = ? AND held.release_rank ",
            $beyond,
            " ? ORDER BY held.release_rank",
            $rank,
            ", held.allocated_version",
            $rest,
            ", line.rank",
            $rest,
            ", line.placed_version",
            $rest,
            ", line.order_id",
            $rest,
            ", line.line_id",
            $rest,
            " LIMIT ?)) AS leaving ORDER BY release_rank",
            $rank,
            ", allocated_version",
            $rest,
            ", rank",
            $rest,
            ", placed_version",
            $rest,
            ", order_id",
            $rest,
            ", line_id",
            $rest,
            " LIMIT ?"
        )
    };
}

/// The first to leave come first.
const LEAVING: &str = page_of_batch!(from "<=", behind "<", beyond ">", rank "", rest " DESC");
/// The last to leave come first.
const STAYING: &str = page_of_batch!(from ">=", behind ">", beyond "<", rank " DESC", rest "");

/// The first lines in a batch behind a position, no more than `most`.
async fn page(
    conn: &Session,
    text: &'static str,
    batch: &Reference,
    after: Position<'_>,
    most: usize,
) -> Result<Vec<ReleaseRow>, StoreError> {
    let limit = row_limit(most);
    statement::<ReleaseTypes>(text)
        .columns::<LineRow>()
        .bind::<Text, _>(batch.as_str())
        .bind::<BigInt, _>(after.release_rank)
        .bind::<BigInt, _>(after.allocated_version)
        .bind::<BigInt, _>(after.allocated_version)
        .bind::<BigInt, _>(after.rank)
        .bind::<BigInt, _>(after.placed_version)
        .bind::<Text, _>(after.order)
        .bind::<Text, _>(after.line)
        .bind::<BigInt, _>(limit)
        .columns::<LineRow>()
        .bind::<Text, _>(batch.as_str())
        .bind::<BigInt, _>(after.release_rank)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(limit)
        .rows(conn)
        .await
        .map_err(store_error)
}
