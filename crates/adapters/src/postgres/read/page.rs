//! Pages in the order of a key.

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;
use earmark_application::StoreError;
use futures::try_join;

use crate::postgres::error::store_error;
use crate::postgres::statement::statement;
use crate::postgres::store::roll_back;

/// Reads a page in one round trip. `rows` is the read on this connection, not yet polled.
///
/// A plan is made for pages of any length, which the planner takes for a tenth of the table. In a large table that
/// seems cheaper when it is gathered through a bitmap and sorted, which reads all of it for each page. So that plan is
/// switched off for the transaction.
pub(super) async fn page<Row>(
    conn: &AsyncPgConnection,
    rows: impl Future<Output = QueryResult<Vec<Row>>>,
) -> QueryResult<Vec<Row>> {
    let (_, _, rows, _) = try_join!(
        statement::<()>("BEGIN READ ONLY").execute(conn),
        statement::<()>("SET LOCAL enable_bitmapscan = off").execute(conn),
        rows,
        statement::<()>("COMMIT").execute(conn),
    )?;
    Ok(rows)
}

/// Gives the connection of a page back. After an error its transaction may still be open.
pub(super) async fn finish<Row>(
    connection: Object<AsyncPgConnection>,
    rows: QueryResult<Vec<Row>>,
) -> Result<Vec<Row>, StoreError> {
    if rows.is_err() {
        roll_back(connection).await;
    }
    rows.map_err(store_error)
}
