//! What is looked at when the store is opened: whether the service can work on this database at all. What belongs to a
//! single session is checked when it starts (see `connect`).

use diesel::sql_types::{BigInt, Bool, Text};

use super::connect::Address;
use super::connections::SHORT;
use super::error::{OpenError, StatementResult};
use super::server::backend;
use super::session::Session;
use super::statement::statement;

/// How many switched-off triggers are named.
const NAMED_TRIGGERS: i64 = 5;

/// Refuses something that pools connections by the transaction (PgBouncer's `pool_mode = transaction`). The service
/// keeps prepared statements, settings and the token of a pipeline in its sessions, which would be somebody else's.
///
/// # Errors
/// [`OpenError::Unusable`], and those of the connection.
pub(super) async fn pooler(address: &Address) -> Result<(), OpenError> {
    let one = address.connect(SHORT).await?;
    let served_by = backend(&one).await.map_err(OpenError::of)?;
    if served_by == one.process_id() {
        return Ok(());
    }
    // Something stands between. Whatever fails from here on fails in sessions that are not their own.
    let other = address.connect(SHORT).await?;
    match are_apart(&one, served_by, &other).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::pooled(&"two sessions are served by one process")),
        Err(why) => Err(OpenError::pooled(&why)),
    }
}

/// Whether each of two sessions has a process of its own. While the other is in a transaction, which may have taken over
/// the process that served the first, the first must still be served by that.
async fn are_apart(one: &Session, served_by: i32, other: &Session) -> StatementResult<bool> {
    other.begin("BEGIN").await?;
    let other_served_by = backend(other).await?;
    let still_served_by = backend(one).await;
    other.roll_back().await?;
    Ok(still_served_by? == served_by && other_served_by != served_by)
}

/// Refuses tables whose triggers are switched off: they keep the balances, and what must never be altered.
///
/// # Errors
/// [`OpenError::Unusable`] with the triggers, and those of the connection.
pub(super) async fn triggers(session: &Session) -> Result<(), OpenError> {
    // By hand: the catalogue. The triggers of foreign keys are internal ones, and can be switched off as well.
    const OFF: &str = "SELECT tgrelid::regclass::text || '.' || tgname FROM pg_trigger \
         JOIN pg_class ON pg_class.oid = tgrelid \
         WHERE relnamespace = current_schema()::regnamespace AND tgenabled IN ('D', 'R') \
         AND relname IN ('products', 'batches', 'orders', 'lines', 'further_allocations', 'dispatches', 'events') \
         ORDER BY 1 LIMIT ?";
    let off: Vec<String> = statement::<Text>(OFF)
        .bind::<BigInt, _>(NAMED_TRIGGERS)
        .rows(session)
        .await
        .map_err(unreachable)?;
    if off.is_empty() {
        return Ok(());
    }
    Err(OpenError::Unusable(format!(
        "triggers that keep its balances are switched off ({}); \
         switch them on with ALTER TABLE … ENABLE TRIGGER ALL, and run `earmark verify`",
        off.join(", ")
    )))
}

/// Whether searches for products have an index.
///
/// # Errors
/// Those of the connection.
pub(super) async fn has_search_index(session: &Session) -> Result<bool, OpenError> {
    const HAS_INDEX: &str = "SELECT to_regclass('products_search') IS NOT NULL";
    let found: Vec<bool> = statement::<Bool>(HAS_INDEX).rows(session).await.map_err(unreachable)?;
    Ok(found == [true])
}

fn unreachable(why: impl std::fmt::Display) -> OpenError {
    OpenError::Unreachable(why.to_string())
}
