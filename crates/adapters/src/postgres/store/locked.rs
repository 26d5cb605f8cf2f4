//! Products that others have locked: found without waiting, and remembered as long as they are.
//!
//! A transaction that was not given a lock in time has waited half a second. What it waited for is found by a look with
//! SKIP LOCKED, so that the commands on other products can go on without it. A busy product is locked as well, at nearly
//! every look, but each time by another transaction; so a product counts as locked when the same one holds it twice. A product that was found locked stays
//! suspect: a transaction that touches it looks first, instead of waiting as long again. When it is found free, it is
//! suspect no more.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::sql_types::Text;
use earmark_application::StoreError;
use earmark_domain::{OrderId, Reference, Scope, Sku};

use super::PostgresStore;
use super::suspects::Lockers;
use crate::postgres::error::store_error;
use crate::postgres::session::Session;
use crate::postgres::statement::statement;
use crate::sql::decode::sku;

/// How long a transaction that holds a lock is given to finish before it counts as one that stands still: several times
/// as long as transactions of this service take.
const MOMENT: Duration = Duration::from_millis(50);

impl PostgresStore {
    /// Checks that no product of the scope that was found locked still is.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if one is.
    pub(super) async fn check_suspects(&self, scope: &Scope) -> Result<(), StoreError> {
        let locked = self.look_for_locks(scope).await?;
        if locked.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Locked(locked))
        }
    }

    /// The error of a transaction that was not given a lock, with the products that are locked. If there are none, it
    /// waited for something else, or the lock was given free just now.
    pub(super) async fn locked(&self, scope: &Scope) -> StoreError {
        match self.look_for_locks(scope).await {
            Ok(locked) => {
                tracing::warn!(products = ?locked, "locked by another session of the database");
                StoreError::Locked(locked)
            }
            Err(error) => error,
        }
    }

    /// The products of a scope that are locked by transactions that stand still. Those that hold a lock for the first
    /// time get a moment to finish.
    async fn look_for_locks(&self, scope: &Scope) -> Result<BTreeSet<Sku>, StoreError> {
        let session = self.commands().get().await?;
        let mut locked = locked_products(&session, scope).await?;
        let mut still = self.suspects.still_locked(&locked);
        if still.len() < locked.len() {
            self.suspects.note(scope, locked);
            self.clock.pause(MOMENT).await;
            locked = locked_products(&session, scope).await?;
            still = self.suspects.still_locked(&locked);
        }
        locked.retain(|sku, _| still.contains(sku));
        self.suspects.note(scope, locked);
        Ok(still)
    }
}

/// The products of a scope whose row, or the row of one of whose open batches, another transaction has locked, with the
/// transactions (`xmax`).
async fn locked_products(conn: &Session, scope: &Scope) -> Result<Lockers, StoreError> {
    // By hand: SKIP LOCKED leaves out the rows that are locked. The statement is a transaction of its own, so the locks
    // that it takes are free again when it ends.
    const LOCKED: &str = "WITH asked AS MATERIALIZED (SELECT DISTINCT unnest(? \
         || ARRAY(SELECT batch.sku FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT sku FROM batches WHERE reference = one LIMIT 1) AS batch) \
         || ARRAY(SELECT line.sku FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT sku FROM lines WHERE order_id = one OFFSET 0) AS line)) AS sku), \
         free AS MATERIALIZED (SELECT sku FROM products WHERE sku = ANY (ARRAY(SELECT sku FROM asked)) \
         FOR NO KEY UPDATE SKIP LOCKED), \
         free_batches AS MATERIALIZED (SELECT reference FROM batches WHERE sku = ANY (ARRAY(SELECT sku FROM asked)) \
         AND open FOR NO KEY UPDATE SKIP LOCKED) \
         SELECT sku, xmax::text FROM products WHERE sku = ANY (ARRAY(SELECT sku FROM asked)) \
         AND sku NOT IN (SELECT sku FROM free) UNION SELECT sku, xmax::text FROM batches WHERE sku = ANY (ARRAY(SELECT sku FROM asked)) AND open \
         AND reference NOT IN (SELECT reference FROM free_batches)";
    let found: Vec<(String, String)> = statement::<(Text, Text)>(LOCKED)
        .array::<Text, _>(scope.skus.iter().map(Sku::as_str).collect())
        .array::<Text, _>(scope.batches.iter().map(Reference::as_str).collect())
        .array::<Text, _>(scope.orders.iter().map(OrderId::as_str).collect())
        .rows(conn)
        .await
        .map_err(store_error)?;
    let mut locked = Lockers::new();
    for (name, locker) in found {
        locked.entry(sku(&name)?).or_default().insert(locker);
    }
    Ok(locked)
}
