//! Lines: those that are due, those that wait, and those in a batch.

use std::collections::BTreeMap;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use earmark_application::{Counted, DueList, DuePlace, LineRead, PlacedBetween, PlacedPlace, StoreError};
use earmark_domain::{LineKey, Precedence, Priority, Reference, ReleasePosition};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::postgres::error::store_error;
use crate::postgres::read::page::{finish, page, page_within};
use crate::postgres::read::views::read_dispatches;
use crate::postgres::rows::values::pg_bound;
use crate::postgres::rows::{
    LineReadRow, LineReadTypes, LineRow, ReleasePlace, bind_release_page, last_to_leave, line_reads, read_lines,
    release_page,
};
use crate::postgres::statement::{Statement, row_limit, statement};
use crate::postgres::store::{PostgresStore, roll_back};
use crate::sql::decode::RowContext;
use crate::sql::dispatches::leaving;
use crate::sql::rank;

/// After all instants.
const AFTER_ALL: PgTimestamp = PgTimestamp(i64::MAX);

/// The day of a rank is in these bits: they rise from day to day, whatever the priority, and are 0 where there is none.
const DAY_BITS: i64 = 0xFFFF_FFFF;

/// A day as the indexes of lines that are due have it.
fn day_bits(day: Date) -> i64 {
    rank::rank(Precedence::of(Priority::default(), Some(day))) & DAY_BITS
}

/// A row of a line in a batch, with the release rank of its units there and the version that allocated them.
type InBatchRow = (LineReadRow, (i64, i64));
type InBatchTypes = (LineReadTypes, (BigInt, BigInt));

impl PostgresStore {
    pub(super) async fn lines_that_are_due(
        &self,
        list: DueList,
        after: Option<&DuePlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        // By hand: the expressions of the indexes, a comparison of rows, and LATERAL.
        const PROMISED_LATE: &str = line_reads!(
            "",
            "state IN ('held', 'allocated') AND due_by IS NULL AND (rank & 4294967295) <> 0 \
             AND ((rank & 4294967295), order_id, line_id) > (?, ?, ?) AND (hold_until IS NULL OR hold_until > ?) \
             ORDER BY (rank & 4294967295), order_id, line_id LIMIT ?",
            "(line.rank & 4294967295), line.order_id, line.line_id",
            "",
            ""
        );
        const WAITING: &str = line_reads!(
            "",
            "state = 'backordered' AND (rank & 4294967295) <> 0 AND (rank & 4294967295) <= ? \
             AND ((rank & 4294967295), order_id, line_id) > (?, ?, ?) AND (hold_until IS NULL OR hold_until > ?) \
             ORDER BY (rank & 4294967295), order_id, line_id LIMIT ?",
            "(line.rank & 4294967295), line.order_id, line.line_id",
            "",
            ""
        );
        let (day, order, line) = after.map_or((0, "", ""), |place| {
            let (order, line) = texts(&place.key);
            (day_bits(place.required_by), order, line)
        });
        let due = || {
            let due = match list {
                DueList::PromisedLate => statement::<LineReadTypes>(PROMISED_LATE).columns::<LineRow>(),
                DueList::Waiting(today) => statement(WAITING)
                    .columns::<LineRow>()
                    .bind::<BigInt, _>(day_bits(today)),
            };
            due.bind::<BigInt, _>(day)
                .bind::<Text, _>(order)
                .bind::<Text, _>(line)
                .bind::<Timestamptz, _>(pg_bound(now))
                .bind::<BigInt, _>(row_limit(limit))
        };
        self.page_of_lines(due).await
    }

    pub(super) async fn lines_that_wait(
        &self,
        placed: PlacedBetween,
        after: Option<&PlacedPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        // By hand: a comparison of rows, and LATERAL.
        const WAITING: &str = line_reads!(
            "",
            "state = 'backordered' AND (placed_at, order_id, line_id) > (?, ?, ?) AND placed_at < ? \
             AND (hold_until IS NULL OR hold_until > ?) ORDER BY placed_at, order_id, line_id LIMIT ?",
            "line.placed_at, line.order_id, line.line_id",
            "",
            ""
        );
        let (from, before) = bounds(placed);
        // One bound alone tells the index where to begin. No key is empty, so each comes after the empty text.
        let after = after.map(|place| (pg_bound(place.placed_at), texts(&place.key)));
        let (placed_at, (order, line)) = after
            .filter(|(placed_at, _)| placed_at.0 >= from.0)
            .unwrap_or((from, ("", "")));
        let waiting = || {
            statement::<LineReadTypes>(WAITING)
                .columns::<LineRow>()
                .bind::<Timestamptz, _>(placed_at)
                .bind::<Text, _>(order)
                .bind::<Text, _>(line)
                .bind::<Timestamptz, _>(before)
                .bind::<Timestamptz, _>(pg_bound(now))
                .bind::<BigInt, _>(row_limit(limit))
        };
        self.page_of_lines(waiting).await
    }

    pub(super) async fn count_lines_that_wait(
        &self,
        placed: PlacedBetween,
        now: Timestamp,
        most: usize,
    ) -> Result<Counted, StoreError> {
        // By hand: a LIMIT within. The index has all that is asked for.
        const COUNTED: &str = "SELECT count(*), coalesce(sum(quantity), 0)::bigint FROM (SELECT quantity FROM lines \
             WHERE state = 'backordered' AND placed_at >= ? AND placed_at < ? \
             AND (hold_until IS NULL OR hold_until > ?) ORDER BY placed_at, order_id, line_id LIMIT ?) AS waiting";
        let (from, before) = bounds(placed);
        let counted = statement::<(BigInt, BigInt)>(COUNTED)
            .bind::<Timestamptz, _>(from)
            .bind::<Timestamptz, _>(before)
            .bind::<Timestamptz, _>(pg_bound(now))
            .bind::<BigInt, _>(row_limit(most));
        let connection = self.questions().get().await?;
        let rows = page(&connection, counted.rows::<(i64, i64)>(&connection)).await;
        let rows = finish(connection, rows).await?;
        let (lines, units) = rows.into_iter().next().unwrap_or_default();
        let at = RowContext {
            table: "lines",
            key: &"backordered",
        };
        Ok(Counted {
            lines: at.read("count", u64::try_from(lines))?,
            units: at.units("quantity", units)?,
        })
    }

    pub(super) async fn lines_of_batch(
        &self,
        batch: &Reference,
        after: Option<&ReleasePosition>,
        limit: usize,
    ) -> Result<Vec<(ReleasePosition, LineRead)>, StoreError> {
        // By hand: LATERAL. The rows of a line follow each other; the lines are brought into the domain's order.
        const IN_BATCH: &str = line_reads!(
            concat!("(", last_to_leave!(), ") AS leaving CROSS JOIN LATERAL "),
            "order_id = leaving.order_id AND line_id = leaving.line_id LIMIT 1",
            "line.order_id, line.line_id",
            ", leaving.release_rank, leaving.allocated_version",
            ""
        );
        let after = after.map_or(ReleasePlace::LAST, ReleasePlace::from);
        let in_batch =
            || bind_release_page(statement::<InBatchTypes>(IN_BATCH), batch, after, limit).columns::<LineRow>();
        let connection = self.questions().get().await?;
        let rows = page(&connection, in_batch().rows::<InBatchRow>(&connection)).await;
        let lines = in_release_order(finish(connection, rows).await?)?;
        if leaving(lines.iter().map(|(_, line)| line)).is_empty() {
            return Ok(lines);
        }
        let conn = self.snapshot().await?;
        let read = async {
            let rows = page_within(&conn, in_batch().rows::<InBatchRow>(&conn)).await;
            let mut lines = in_release_order(rows.map_err(store_error)?)?;
            read_dispatches(&conn, lines.iter_mut().map(|(_, line)| line).collect()).await?;
            Ok::<_, StoreError>(lines)
        };
        let read = read.await;
        roll_back(conn).await;
        read
    }

    /// Reads a page of lines, and what has left of them: only if something has, the page is read again, in one snapshot.
    async fn page_of_lines<'a>(
        &self,
        lines: impl Fn() -> Statement<'a, LineReadTypes> + Send + Sync,
    ) -> Result<Vec<LineRead>, StoreError> {
        let connection = self.questions().get().await?;
        let rows = page(&connection, lines().rows::<LineReadRow>(&connection)).await;
        let found = read_lines(finish(connection, rows).await?)?;
        if leaving(&found).is_empty() {
            return Ok(found);
        }
        let conn = self.snapshot().await?;
        let read = async {
            let rows = page_within(&conn, lines().rows::<LineReadRow>(&conn)).await;
            let mut found = read_lines(rows.map_err(store_error)?)?;
            read_dispatches(&conn, found.iter_mut().collect()).await?;
            Ok::<_, StoreError>(found)
        };
        let read = read.await;
        roll_back(conn).await;
        read
    }
}

fn texts(key: &LineKey) -> (&str, &str) {
    (key.order.as_str(), key.line.as_str())
}

/// The instants from which on and before which lines were placed.
fn bounds(placed: PlacedBetween) -> (PgTimestamp, PgTimestamp) {
    let from = pg_bound(placed.from.unwrap_or(Timestamp::MIN));
    (from, placed.before.map_or(AFTER_ALL, pg_bound))
}

/// The lines in a batch with their places in it: the last to leave come first.
fn in_release_order(rows: Vec<InBatchRow>) -> Result<Vec<(ReleasePosition, LineRead)>, StoreError> {
    let place = |((line, _), place): &InBatchRow| ((line.order_id.clone(), line.line_id.clone()), *place);
    let places: BTreeMap<(String, String), (i64, i64)> = rows.iter().map(place).collect();
    let lines = read_lines(rows.into_iter().map(|(line, _)| line).collect())?;
    let mut placed = Vec::with_capacity(lines.len());
    for line in lines {
        let (order, id) = texts(&line.record.terms.key);
        let Some((release_rank, allocated_version)) = places.get(&(order.to_owned(), id.to_owned())) else {
            continue;
        };
        let at = RowContext {
            table: "allocations",
            key: &line.record.terms.key,
        };
        let position = ReleasePosition {
            rank: at.release_rank("release_rank", *release_rank)?,
            allocated_version: at.read("allocated_version", u64::try_from(*allocated_version))?,
            line: line.record.service_position(),
        };
        placed.push((position, line));
    }
    placed.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_bits_of_days_rise_with_them_and_are_the_same_in_every_rank() {
        let days = [
            Date::MIN,
            date(1969, 12, 31),
            date(1970, 1, 1),
            date(2026, 11, 24),
            date(2026, 11, 25),
            Date::MAX,
        ];
        let bits = days.map(day_bits);
        assert!(bits.is_sorted_by(|a, b| a < b) && bits[0] > 0, "{bits:?}");
        for priority in [-Priority::MOST, -17, -1, 0, 1, 17, Priority::MOST] {
            let priority = Priority::new(priority).expect("a priority");
            for day in days {
                let rank = rank::rank(Precedence::of(priority, Some(day)));
                assert_eq!(rank & DAY_BITS, day_bits(day), "{priority:?} {day}");
            }
            assert_eq!(rank::rank(Precedence::of(priority, None)) & DAY_BITS, 0, "{priority:?}");
        }
    }
}
