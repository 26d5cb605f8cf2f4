//! Pages in the order of a key.

use earmark_application::StoreError;
use futures::try_join;

use crate::postgres::connections::PooledSession;
use crate::postgres::error::StatementResult;
use crate::postgres::error::store_error;
use crate::postgres::session::Session;
use crate::postgres::statement::statement;
use crate::postgres::store::roll_back;

/// Reads a page in one round trip. `rows` is the read on this connection, not yet polled.
///
/// A plan is made for pages of any length, which the planner takes for a tenth of the table. In a large table that
/// seems cheaper when it is gathered through a bitmap and sorted, which reads all of it for each page. So that plan is
/// switched off for the transaction.
pub(super) async fn page<Row>(
    conn: &Session,
    rows: impl Future<Output = StatementResult<Vec<Row>>>,
) -> StatementResult<Vec<Row>> {
    let (_, rows, _) = try_join!(conn.begin("BEGIN READ ONLY"), page_within(conn, rows), conn.commit())?;
    Ok(rows)
}

/// Reads a page within a transaction.
pub(super) async fn page_within<Row>(
    conn: &Session,
    rows: impl Future<Output = StatementResult<Vec<Row>>>,
) -> StatementResult<Vec<Row>> {
    let set = statement::<()>("SET LOCAL enable_bitmapscan = off").execute(conn);
    let (_, rows) = try_join!(set, rows)?;
    Ok(rows)
}

/// Gives the connection of a page back. After an error its transaction may still be open.
pub(super) async fn finish<Row>(
    connection: PooledSession,
    rows: StatementResult<Vec<Row>>,
) -> Result<Vec<Row>, StoreError> {
    if rows.is_err() {
        roll_back(connection).await;
    }
    rows.map_err(store_error)
}
