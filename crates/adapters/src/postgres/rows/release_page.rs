//! The lines in a batch, in the order in which they leave it, as the store and the outlook page through them.

use diesel::sql_types::{BigInt, Text};
use earmark_domain::{Reference, ReleasePosition};

use super::line::LineRow;
use crate::postgres::statement::{Statement, row_limit};
use crate::sql::decode::counter;
use crate::sql::rank;

/// A place in the order in which lines leave, as the columns have it.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct ReleasePlace<'a> {
    release_rank: i64,
    allocated_version: i64,
    rank: i64,
    placed_version: i64,
    order: &'a str,
    line: &'a str,
}

impl ReleasePlace<'static> {
    /// Before all lines.
    pub(in crate::postgres) const FIRST: Self = Self {
        release_rank: i64::MIN,
        allocated_version: i64::MAX,
        rank: i64::MAX,
        placed_version: i64::MAX,
        order: "",
        line: "",
    };

    /// Behind all lines.
    pub(in crate::postgres) const LAST: Self = Self {
        release_rank: i64::MAX,
        allocated_version: i64::MIN,
        rank: i64::MIN,
        placed_version: i64::MIN,
        order: "",
        line: "",
    };
}

impl<'a> From<&'a ReleasePosition> for ReleasePlace<'a> {
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

/// SQL that reads a page of the lines in a batch behind a place. [`bind_release_page`] gives it what it wants.
///
/// By hand: LATERAL, comparisons of rows, and a union: the units that lines were placed with, and then all others. (The view
/// of both would be read to its end for each page.) The release rank is sorted in one direction and all else in the other,
/// so a page goes on with the lines of the same rank, and then with those of the ranks beyond. Each part is asked for in the
/// very order of its index, so that none is read to be sorted: lines that got their units by one event, ties, are read to
/// the last of them. Within a rank the first comparison of versions is the one that an index serves; the second goes on
/// within one version.
macro_rules! release_page {
    (from $from:literal, behind $behind:literal, beyond $beyond:literal, rank $rank:literal, rest $rest:literal) => {
        concat!(
            "SELECT leaving.* FROM (\
             (SELECT {}, units AS held, release_rank, placed_version AS allocated_version FROM lines \
             WHERE batch = ? AND release_rank = ? AND placed_version ",
            $from,
            " ? AND (placed_version, rank, placed_version, order_id, line_id) ",
            $behind,
            " (?, ?, ?, ?, ?) ORDER BY placed_version",
            $rest,
            " FETCH FIRST (?) ROWS WITH TIES) UNION ALL \
             (SELECT {}, units AS held, release_rank, placed_version AS allocated_version FROM lines \
             WHERE batch = ? AND release_rank ",
            $beyond,
            " ? ORDER BY release_rank",
            $rank,
            ", placed_version",
            $rest,
            " FETCH FIRST (?) ROWS WITH TIES) UNION ALL \
             (SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_version \
             FROM further_allocations AS held CROSS JOIN LATERAL \
             (SELECT {} FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line \
             WHERE held.batch = ? AND held.release_rank = ? AND held.allocated_version ",
            $from,
            " ? AND (held.allocated_version, line.rank, line.placed_version, line.order_id, line.line_id) ",
            $behind,
            " (?, ?, ?, ?, ?) ORDER BY held.allocated_version",
            $rest,
            " FETCH FIRST (?) ROWS WITH TIES) UNION ALL \
             (SELECT line.*, held.quantity AS held, held.release_rank, held.allocated_version \
             FROM further_allocations AS held CROSS JOIN LATERAL \
             (SELECT {} FROM lines WHERE order_id = held.order_id AND line_id = held.line_id LIMIT 1) AS line \
             WHERE held.batch = ? AND held.release_rank ",
            $beyond,
            " ? ORDER BY held.release_rank",
            $rank,
            ", held.allocated_version",
            $rest,
            " FETCH FIRST (?) ROWS WITH TIES)) AS leaving ORDER BY release_rank",
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
pub(in crate::postgres) use release_page;

/// A page on which the first to leave come first.
macro_rules! first_to_leave {
    () => {
        release_page!(from "<=", behind "<", beyond ">", rank "", rest " DESC")
    };
}
pub(in crate::postgres) use first_to_leave;

/// A page on which the last to leave come first.
macro_rules! last_to_leave {
    () => {
        release_page!(from ">=", behind ">", beyond "<", rank " DESC", rest "")
    };
}
pub(in crate::postgres) use last_to_leave;

/// Gives such a page its columns and values: the lines in a batch behind a place, no more than `most`.
pub(in crate::postgres) fn bind_release_page<'a, Types>(
    statement: Statement<'a, Types>,
    batch: &'a Reference,
    after: ReleasePlace<'a>,
    most: usize,
) -> Statement<'a, Types> {
    let limit = row_limit(most);
    let part = |statement: Statement<'a, Types>| {
        statement
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
    };
    part(part(statement)).bind::<BigInt, _>(limit)
}
