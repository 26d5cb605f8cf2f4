//! The numbering of events: the lock that makes numbers follow the order of commits.

use diesel::sql_types::BigInt;

use super::error::StatementResult;
use super::session::Session;
use super::statement::statement;

/// The advisory lock that is held from the numbering of events to the commit. There is one for the database, and nothing
/// else uses this number.
pub(super) const EVENTS_LOCK: i64 = 0x4541_524d_4556_5453;

/// Takes the lock, which is held until the transaction ends.
pub(super) async fn lock_numbering(conn: &Session) -> StatementResult<()> {
    // By hand: the function returns `void`, for which Diesel has no type.
    statement::<()>("SELECT pg_advisory_xact_lock(?)")
        .bind::<BigInt, _>(EVENTS_LOCK)
        .execute(conn)
        .await
        .map(drop)
}
