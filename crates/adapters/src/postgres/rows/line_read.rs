//! Lines with their allocations, as the views and exports read them.

use diesel::data_types::PgDate;
use diesel::sql_types::{Date, Integer, Nullable, Text};
use earmark_application::{LineRead, StoreError};
use earmark_domain::{LineKey, LineRecord, Part, Quantity, Reference};
use jiff::civil;

use super::line::LineRow;
use super::values::Times;
use crate::postgres::statement::TypesOf;
use crate::sql::decode::RowContext;

/// A line with one of its allocations and the ETA of its batch. A line without allocations has one row.
pub(in crate::postgres) type LineReadTypes = (TypesOf<LineRow>, (Nullable<Text>, Nullable<Integer>, Nullable<Date>));
/// A row of these types.
pub(in crate::postgres) type LineReadRow = (LineRow, (Option<String>, Option<i32>, Option<PgDate>));

/// SQL that reads the lines of `$page` with their allocations, in preference order, in the order of lines `$order`. The
/// `{}` in it stands for the columns of [`LineRow`].
///
/// `$before` and `$joined` are further parts of the FROM clause, and `$more` further columns. By hand, because each
/// allocation and each batch is looked up in a LATERAL.
macro_rules! line_reads {
    ($before:expr, $page:expr, $order:expr, $more:expr, $joined:expr) => {
        concat!(
            "SELECT line.*, held.batch, held.quantity, held.eta",
            $more,
            " FROM ",
            $before,
            "(SELECT {} FROM lines WHERE ",
            $page,
            ") AS line LEFT JOIN LATERAL (SELECT allocations.batch, allocations.quantity, batch.eta, batch.ordinal ",
            "FROM allocations CROSS JOIN LATERAL (SELECT eta, ordinal FROM batches ",
            "WHERE reference = allocations.batch LIMIT 1) AS batch ",
            "WHERE allocations.order_id = line.order_id AND allocations.line_id = line.line_id OFFSET 0) AS held ",
            "ON true ",
            $joined,
            "ORDER BY ",
            $order,
            ", held.eta NULLS FIRST, held.ordinal"
        )
    };
}
pub(in crate::postgres) use line_reads;

/// Gathers the rows of each line, which follow each other.
pub(in crate::postgres) fn read_lines(rows: Vec<LineReadRow>) -> Result<Vec<LineRead>, StoreError> {
    let mut reads: Vec<LineRead> = Vec::new();
    for (line, (batch, quantity, eta)) in rows {
        let record = LineRecord::try_from(line)?;
        if reads
            .last()
            .is_none_or(|read| read.record.terms.key != record.terms.key)
        {
            reads.push(LineRead {
                record,
                allocations: Vec::new(),
                dispatches: Vec::new(),
            });
        }
        if let (Some(read), Some(batch), Some(quantity)) = (reads.last_mut(), batch, quantity) {
            let part = part(&read.record.terms.key, &batch, quantity, eta)?;
            read.allocations.push(part);
        }
    }
    Ok(reads)
}

fn part(
    line: &LineKey,
    batch: &str,
    quantity: i32,
    eta: Option<PgDate>,
) -> Result<(Part, Option<civil::Date>), StoreError> {
    let at = RowContext {
        table: "allocations",
        key: line,
    };
    let part = Part {
        batch: at.read("batch", Reference::new(batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
    };
    Ok((part, at.date_if_any("eta", eta)?))
}
