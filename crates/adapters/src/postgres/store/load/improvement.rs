//! The lines of a product that may move to better stock.

use diesel::sql_types::{BigInt, Bool, Text};
use earmark_application::StoreError;
use earmark_domain::{IMPROVEMENT_PAGE, ImprovementScope, LineRecord, ReleaseRank};

use super::position::After;
use crate::postgres::error::store_error;
use crate::postgres::rows::{LineRow, records};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, row_limit, statement};
use crate::sql::rank::{self, LOWEST_FIRM};

/// A page of the lines of a product with units in batches that have not arrived, and one more line if there are more.
pub(super) async fn page(conn: &Session, page: Option<&ImprovementScope>) -> Result<Vec<LineRecord>, StoreError> {
    // By hand: LATERAL, comparisons of rows, and unions that indexes serve. A rank with a day is no multiple of 2^32.
    //
    // The units that a line was placed with lie in their batch in the order of service, backwards: the release rank of a
    // firm line is its rank negated, and that of a held line lies a constant below. So each batch gives the first lines
    // behind the position, twice: those of the same rank, and those of the ranks beyond; held ones and firm ones apart.
    // They are asked for in the very order of the index, so that none is read to be sorted. Other units lie in the batch
    // in no such order, and are all looked at.
    const PAGE: &str = "SELECT line.* FROM (\
         SELECT candidate.rank, candidate.placed_version, candidate.order_id, candidate.line_id FROM \
         (SELECT ?::bigint AS since_rank, ?::bigint AS since_version, ? AS since_order, ? AS since_line, ? AS all_lines) \
         AS asked CROSS JOIN LATERAL \
         (SELECT reference, overdue FROM batches WHERE sku = ? AND eta IS NOT NULL AND NOT closed OFFSET 0) AS coming \
         CROSS JOIN LATERAL (\
         (SELECT first.* FROM unnest(?, ?) AS part (since_release, lowest_release) CROSS JOIN LATERAL (\
         (SELECT rank, placed_version, order_id, line_id FROM lines \
         WHERE batch = coming.reference AND release_rank = part.since_release \
         AND (placed_version, order_id, line_id) > (since_version, since_order, since_line) \
         AND (all_lines OR coming.overdue OR due_by IS NULL AND rank % 4294967296 <> 0) \
         ORDER BY placed_version FETCH FIRST (?) ROWS WITH TIES) UNION ALL \
         (SELECT rank, placed_version, order_id, line_id FROM lines \
         WHERE batch = coming.reference AND release_rank < part.since_release AND release_rank >= part.lowest_release \
         AND (all_lines OR coming.overdue OR due_by IS NULL AND rank % 4294967296 <> 0) \
         ORDER BY release_rank DESC, placed_version FETCH FIRST (?) ROWS WITH TIES)) AS first) UNION ALL \
         (SELECT line.* FROM further_allocations AS held CROSS JOIN LATERAL \
         (SELECT rank, placed_version, order_id, line_id FROM lines \
         WHERE order_id = held.order_id AND line_id = held.line_id \
         AND (rank, placed_version, order_id, line_id) > (since_rank, since_version, since_order, since_line) \
         AND (all_lines OR coming.overdue OR due_by IS NULL AND rank % 4294967296 <> 0) LIMIT 1) AS line \
         WHERE held.batch = coming.reference)) AS candidate \
         GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT ?) AS found CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE order_id = found.order_id AND line_id = found.line_id LIMIT 1) AS line";
    let Some(page) = page else {
        return Ok(Vec::new());
    };
    let after = After::of(page.after.as_ref());
    // On the first page all release ranks lie beyond.
    let release_rank = |held: bool| {
        let position = page.after.as_ref();
        position.map(|position| rank::release_rank(ReleaseRank::of(position.precedence, held)))
    };
    let since = [
        release_rank(false).unwrap_or(i64::MAX),
        release_rank(true).unwrap_or(LOWEST_FIRM),
    ];
    let limit = row_limit(IMPROVEMENT_PAGE + 1);
    let rows: Vec<LineRow> = statement::<TypesOf<LineRow>>(PAGE)
        .bind::<BigInt, _>(after.rank)
        .bind::<BigInt, _>(after.placed_version)
        .bind::<Text, _>(after.order)
        .bind::<Text, _>(after.line)
        .bind::<Bool, _>(!page.at_risk)
        .bind::<Text, _>(page.sku.as_str())
        .array::<BigInt, i64>(since.to_vec())
        .array::<BigInt, i64>(vec![LOWEST_FIRM, i64::MIN])
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(limit)
        .columns::<LineRow>()
        .rows(conn)
        .await
        .map_err(store_error)?;
    records(rows)
}
