//! What a day changes of a product: batches are overdue, and that breaks the promise of lines.

use diesel::sql_types::{BigInt, Date, Text};
use earmark_application::StoreError;
use earmark_domain::{CHANGE_PAGE, Scope, Sku};

use crate::postgres::error::store_error;
use crate::postgres::rows::values::pg_date;
use crate::postgres::rows::{BatchRow, LineRow};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, row_limit, statement};

/// The batches of the scope's products that are overdue on the scope's day, if that was not told.
pub(super) async fn untold_delays(conn: &Session, scope: &Scope) -> Result<Vec<BatchRow>, StoreError> {
    // By hand: LATERAL.
    const UNTOLD: &str = "SELECT batch.* FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL \
         (SELECT {} FROM batches WHERE sku = asked_sku AND eta < ? AND NOT overdue AND NOT closed OFFSET 0) AS batch";
    let Some(day) = scope.day else {
        return Ok(Vec::new());
    };
    statement::<TypesOf<BatchRow>>(UNTOLD)
        .array::<Text, _>(scope.skus.iter().map(Sku::as_str).collect())
        .columns::<BatchRow>()
        .bind::<Date, _>(pg_date(day))
        .rows(conn)
        .await
        .map_err(store_error)
}

/// The lines whose promise the scope's day breaks: they are due, and have units in a batch that is overdue. No more than
/// [`CHANGE_PAGE`], and whether there are more.
pub(super) async fn lines_to_break(conn: &Session, scope: &Scope) -> Result<(Vec<LineRow>, bool), StoreError> {
    // By hand: LATERAL.
    const TO_BREAK: &str = "SELECT line.* FROM unnest(?) AS asked (asked_sku) CROSS JOIN LATERAL \
         (SELECT {} FROM lines WHERE sku = asked_sku AND due_by <= ? OFFSET 0) AS line CROSS JOIN LATERAL \
         (SELECT FROM allocations CROSS JOIN LATERAL \
         (SELECT FROM batches WHERE reference = allocations.batch AND eta < ? LIMIT 1) AS overdue \
         WHERE allocations.order_id = line.order_id AND allocations.line_id = line.line_id LIMIT 1) AS held LIMIT ?";
    let Some(day) = scope.day else {
        return Ok((Vec::new(), false));
    };
    let mut lines: Vec<LineRow> = statement::<TypesOf<LineRow>>(TO_BREAK)
        .array::<Text, _>(scope.skus.iter().map(Sku::as_str).collect())
        .columns::<LineRow>()
        .bind::<Date, _>(pg_date(day))
        .bind::<Date, _>(pg_date(day))
        .bind::<BigInt, _>(row_limit(CHANGE_PAGE + 1))
        .rows(conn)
        .await
        .map_err(store_error)?;
    let more = lines.len() > CHANGE_PAGE;
    lines.truncate(CHANGE_PAGE);
    Ok((lines, more))
}
