//! Which lines of a product better stock may improve, which lines a day breaks the promise of, and how much a line may
//! want to be served at all.
//!
//! By hand: each looks for lines by the batches they have units in, in two ways (those they were placed with, which the
//! deferred index finds, and further ones), and joins in a fixed order (`CROSS JOIN`).

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use earmark_domain::{CHANGE_PAGE, IMPROVEMENT_PAGE, ImprovementScope, Sku};
use jiff::civil::Date;

use super::super::error::store_error;
use super::super::statement::{Statement, statement};
use crate::sql::decode::counter;
use crate::sql::rank;

/// The keys of some lines, and whether there are more.
type Keys = (Vec<(String, String)>, bool);

/// The units that are available in the one batch of a product that has most, and in all of them.
pub(super) fn most_available(connection: &mut SqliteConnection, sku: &Sku) -> Result<(i64, i64), StoreError> {
    const UNITS: &str = "SELECT max(quantity - allocated - dispatched), sum(quantity - allocated - dispatched) \
         FROM batches WHERE sku = ? AND open";
    let found: Statement<'_, (Nullable<BigInt>, Nullable<BigInt>)> = statement(UNITS).text(sku.as_str());
    let (whole, split): (Option<i64>, Option<i64>) = found.get_result(connection).map_err(store_error)?;
    Ok((whole.unwrap_or(0), split.unwrap_or(0)))
}

/// The lines of a product that may move to better stock, in order of service: those with units in batches that have not
/// arrived. The deferred index has to be complete.
///
/// A rank with a day is no multiple of 2³²: see [`rank`].
pub(super) fn to_improve(connection: &mut SqliteConnection, page: &ImprovementScope) -> Result<Keys, StoreError> {
    const LINES: &str = "\
        WITH coming AS MATERIALIZED ( \
            SELECT reference, overdue FROM batches WHERE sku = ? AND eta IS NOT NULL AND NOT closed \
        ), asked (all_lines, rank, placed_version, order_id, line_id) AS (VALUES (?, ?, ?, ?, ?)) \
        SELECT order_id, line_id FROM ( \
            SELECT l.rank, l.placed_version, l.order_id, l.line_id \
              FROM asked CROSS JOIN coming CROSS JOIN further_allocations AS f ON f.batch = coming.reference \
             CROSS JOIN lines AS l ON l.order_id = f.order_id AND l.line_id = f.line_id \
             WHERE (all_lines OR coming.overdue OR (l.due_by IS NULL AND l.rank % 4294967296 <> 0)) \
               AND (l.rank, l.placed_version, l.order_id, l.line_id) \
                   > (asked.rank, asked.placed_version, asked.order_id, asked.line_id) \
            UNION \
            SELECT l.rank, l.placed_version, l.order_id, l.line_id \
              FROM asked CROSS JOIN coming CROSS JOIN lines_in_batches AS p ON p.batch = coming.reference \
             CROSS JOIN lines AS l ON l.order_id = p.order_id AND l.line_id = p.line_id AND l.batch = p.batch \
             WHERE (all_lines OR coming.overdue OR (l.due_by IS NULL AND l.rank % 4294967296 <> 0)) \
               AND (l.rank, l.placed_version, l.order_id, l.line_id) \
                   > (asked.rank, asked.placed_version, asked.order_id, asked.line_id) \
        ) ORDER BY rank, placed_version, order_id, line_id LIMIT 201";
    // A bound that is written out: SQLite would plan anew for each value of a bound one.
    const { assert!(IMPROVEMENT_PAGE == 200, "one more than a page is read") };
    let after = page.after.as_ref();
    let found: Statement<'_, (Text, Text)> = statement(LINES)
        .text(page.sku.as_str())
        .integer(i64::from(!page.at_risk))
        .integer(after.map_or(i64::MIN, |after| rank::rank(after.precedence)))
        .integer(after.map_or(i64::MIN, |after| counter(after.placed_version)))
        .text(after.map_or("", |after| after.key.order.as_str()))
        .text(after.map_or("", |after| after.key.line.as_str()));
    keys(connection, found, IMPROVEMENT_PAGE)
}

/// The lines of a product that are due by a day and have units in a batch that is overdue on it.
pub(super) fn to_break(connection: &mut SqliteConnection, sku: &Sku, day: Date) -> Result<Keys, StoreError> {
    const LINES: &str = "\
        WITH asked (sku, day) AS (VALUES (?, ?)) \
        SELECT l.order_id, l.line_id FROM asked CROSS JOIN lines AS l ON l.sku = asked.sku AND l.due_by <= asked.day \
         WHERE EXISTS (SELECT 1 FROM batches AS b WHERE b.reference = l.batch AND b.eta < asked.day) \
            OR EXISTS ( \
                SELECT 1 FROM further_allocations AS f CROSS JOIN batches AS b ON b.reference = f.batch \
                 WHERE f.order_id = l.order_id AND f.line_id = l.line_id AND b.eta < asked.day \
            ) \
         LIMIT 201";
    const { assert!(CHANGE_PAGE == 200, "one more than a page is read") };
    let found: Statement<'_, (Text, Text)> = statement(LINES).text(sku.as_str()).owned_text(day.to_string());
    keys(connection, found, CHANGE_PAGE)
}

/// Reads keys; one more than the page has shows whether there are more.
fn keys(
    connection: &mut SqliteConnection,
    found: Statement<'_, (Text, Text)>,
    most: usize,
) -> Result<Keys, StoreError> {
    let mut keys: Vec<(String, String)> = found.load(connection).map_err(store_error)?;
    let more = keys.len() > most;
    keys.truncate(most);
    Ok((keys, more))
}
