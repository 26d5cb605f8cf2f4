//! Lines as views and exports read them: each with its allocations, in preference order.

use diesel::SqliteConnection;
use diesel::result::QueryResult;
use earmark_application::{LineRead, StoreError};

use super::super::error::store_error;
use super::super::rows::{self, PlacedLineRow};
use super::super::schema::batches;
use super::dispatches::dispatches_of;
use crate::sql::dispatches::{add_dispatches, leaving};

diesel::alias!(batches as further_batches: FurtherBatches);

/// A line, with the ETA and the ordinal of the batch whose units it was placed with, and one of its further allocations
/// with those of that batch. A line without further allocations comes once, and one with several as many times.
///
/// ETA and ordinal order allocations as the domain's preference does: no ETA goes first.
pub(super) type LineReadRow = (PlacedLineRow, Option<PlacedIn>, Option<FurtherPart>);
pub(super) type PlacedIn = (Option<String>, i64);
pub(super) type FurtherPart = (String, i64, Option<String>, i64);

/// Lines joined with their allocations and the batches of these, as yet without filter, order and selection. A macro,
/// because the query's type is too long to write down.
macro_rules! lines_with_allocations {
    () => {
        lines::table
            .left_join(batches::table.on(lines::batch.eq(batches::reference.nullable())))
            .left_join(
                further_allocations::table.on(further_allocations::order_id
                    .eq(lines::order_id)
                    .and(further_allocations::line_id.eq(lines::line_id))),
            )
            .left_join(further_batches.on(further_batches.field(batches::reference).eq(further_allocations::batch)))
    };
}
/// The selection of a [`LineReadRow`], and of what is read beside it.
macro_rules! line_read_columns {
    ($($more:expr)?) => {
        (
            PlacedLineRow::as_select(),
            (batches::eta, batches::ordinal).nullable(),
            (
                further_allocations::batch,
                further_allocations::quantity,
                further_batches.field(batches::eta),
                further_batches.field(batches::ordinal),
            )
                .nullable(),
            $($more,)?
        )
    };
}
pub(super) use {line_read_columns, lines_with_allocations};

/// The first lines of a query, each with its allocations. The rows of a line come one after the other.
pub(super) fn line_reads(
    rows: QueryResult<impl Iterator<Item = QueryResult<LineReadRow>>>,
    limit: usize,
) -> Result<Vec<LineRead>, StoreError> {
    let mut reads = LineReads::default();
    for row in rows.map_err(store_error)? {
        reads.add(row.map_err(store_error)?)?;
        if reads.complete.len() >= limit {
            return Ok(reads.complete);
        }
    }
    Ok(reads.end())
}

/// Reads what has left of lines.
pub(super) fn read_dispatches(conn: &mut SqliteConnection, lines: &mut [LineRead]) -> Result<(), StoreError> {
    let leaving = leaving(&*lines);
    let dispatches = dispatches_of(conn, leaving.iter())?;
    add_dispatches(lines, dispatches);
    Ok(())
}

/// Gathers the rows of each line.
#[derive(Default)]
pub(super) struct LineReads {
    complete: Vec<LineRead>,
    /// The line whose rows are coming, with the preference of each allocation.
    current: Option<(LineRead, Vec<PlacedIn>)>,
}

impl LineReads {
    /// Adds a row.
    pub(super) fn add(&mut self, (line, placed_with, further): LineReadRow) -> Result<(), StoreError> {
        let (record, allocation) = rows::placed_line(&line)?;
        let same = |(read, _): &(LineRead, Vec<PlacedIn>)| read.record.terms.key == record.terms.key;
        if !self.current.as_ref().is_some_and(same) {
            self.end_line();
            let mut read = LineRead {
                record,
                allocations: Vec::new(),
                dispatches: Vec::new(),
            };
            let mut preferences = Vec::new();
            if let Some(own) = allocation {
                let preference = placed_with.unwrap_or_default();
                let (key, units) = (&read.record.terms.key, i64::from(own.quantity.get()));
                let part = rows::part(key, own.batch.as_str(), units, preference.0.as_deref())?;
                read.allocations.push(part);
                preferences.push(preference);
            }
            self.current = Some((read, preferences));
        }
        if let (Some((read, preferences)), Some((batch, units, eta, ordinal))) = (&mut self.current, further) {
            let part = rows::part(&read.record.terms.key, &batch, units, eta.as_deref())?;
            let preference = (eta, ordinal);
            let index = preferences.partition_point(|other| *other <= preference);
            read.allocations.insert(index, part);
            preferences.insert(index, preference);
        }
        Ok(())
    }

    fn end_line(&mut self) {
        self.complete.extend(self.current.take().map(|(read, _)| read));
    }

    /// All lines, once there are no more rows.
    pub(super) fn end(mut self) -> Vec<LineRead> {
        self.end_line();
        self.complete
    }
}
