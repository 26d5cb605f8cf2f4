//! Which lines of a batch a change goes through.

use diesel::sql_types::{BigInt, Integer};
use earmark_application::StoreError;
use earmark_domain::{
    BatchRecord, CHANGE_PAGE, LineRecord, Quantity, Reference, ReleaseLines, ReleaseRead, ReleaseScope, Units,
};
use futures::future::try_join_all;

use super::batches::Batches;
use crate::postgres::error::store_error;
use crate::postgres::rows::{LineRow, ReleasePlace, bind_release_page, first_to_leave, last_to_leave, release_page};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, statement};
use crate::sql::decode::RowContext;

/// A line with the units it holds in the batch, their release rank, and the version that allocated them.
type ReleaseRow = (LineRow, (i32, i64, i64));
type ReleaseTypes = (TypesOf<LineRow>, (Integer, BigInt, BigInt));

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
            page(conn, LEAVING, &batch.reference, ReleasePlace::FIRST, most).await
        }
        ReleaseLines::LastFirst { after } => {
            let after = after.as_ref().map_or(ReleasePlace::LAST, ReleasePlace::from);
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

/// The first to leave come first.
const LEAVING: &str = first_to_leave!();
/// The last to leave come first.
const STAYING: &str = last_to_leave!();

/// The first lines in a batch behind a position, no more than `most`.
async fn page(
    conn: &Session,
    text: &'static str,
    batch: &Reference,
    after: ReleasePlace<'_>,
    most: usize,
) -> Result<Vec<ReleaseRow>, StoreError> {
    let page = bind_release_page(statement::<ReleaseTypes>(text), batch, after, most);
    page.rows(conn).await.map_err(store_error)
}
