//! Transactions: the fast path if the cache serves the scope, else the general path.
//!
//! The general path reads under locks: a flight of look-ups, the decision, a flight of writes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, InFlightSender, Store, StoreError};
use earmark_domain::{Loaded, Scope};
use futures::try_join;

use super::detached::run_to_end;
use super::fast_path::{PipelineLink, ReadSet, place_lines};
use super::load::begin_and_load;
use super::unknown_outcome::UnknownOutcome;
use super::write::write;
use super::{PostgresStore, roll_back};
use crate::postgres::connections::PooledSession;
use crate::postgres::error::store_error;
use crate::postgres::session::Session;
use crate::sql::product_cache::{BaseVersions, PendingProducts};

#[async_trait]
impl Store for PostgresStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        run_to_end(Arc::clone(&self.clock), self.clone().run(scope.clone(), decide, None)).await
    }

    async fn transact_pipelined(
        &self,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Result<Decided, StoreError> {
        let transaction = self.clone().run(scope.clone(), decide, Some(in_flight));
        run_to_end(Arc::clone(&self.clock), transaction).await
    }
}

impl PostgresStore {
    async fn run(self, scope: Scope, decide: Decide, in_flight: Option<InFlightSender>) -> Result<Decided, StoreError> {
        if self.suspects.are_named_in(&scope) {
            self.check_suspects(&scope).await?;
        }
        match self.run_either(&scope, &decide, in_flight).await {
            // What the lock is on is found out here, where it is known what was asked for.
            Err(StoreError::Locked(skus)) if skus.is_empty() => Err(self.locked(&scope).await),
            outcome => outcome,
        }
    }

    /// The fast path, if it is possible, or the general path.
    async fn run_either(
        &self,
        scope: &Scope,
        decide: &Decide,
        in_flight: Option<InFlightSender>,
    ) -> Result<Decided, StoreError> {
        let cached = self.cached(scope);
        if let Some(cached) = cached
            && let Some(decided) = self.transact_cached(scope, decide, cached, None, in_flight).await?
        {
            return Ok(decided);
        }
        // In a box: most transactions do not get here, and need no room for it.
        Box::pin(self.transact_loaded(scope, decide)).await
    }

    /// The general path.
    async fn transact_loaded(&self, scope: &Scope, decide: &Decide) -> Result<Decided, StoreError> {
        if self.suspects.may_be_led_to_by(scope) {
            self.check_suspects(scope).await?;
        }
        let (connection, loaded, base_versions) = self.begin_and_load(scope).await?;
        // Nothing else is placed beside pending work on a product, and the statement that places lines would see to that.
        // What was read under locks needs no other validation, so such products are left out.
        let read_set = ReadSet::of(
            loaded.products.iter().filter(|product| product.pending.is_none()),
            &base_versions,
        );
        if let Some(mut products) = self.product_cache_for(&connection) {
            products.fill(&loaded, &base_versions);
        }
        // A decision that panics must not leave its locks behind: the panic goes on when they are released.
        let decided = match catch_unwind(AssertUnwindSafe(|| decide(loaded))) {
            Ok(Ok(decided)) => decided,
            Ok(Err(undecided)) => {
                roll_back(connection).await;
                return Err(undecided.into());
            }
            Err(panic) => {
                roll_back(connection).await;
                resume_unwind(panic);
            }
        };
        let changes = &decided.changes;
        if changes.is_empty() {
            roll_back(connection).await;
            return Ok(decided);
        }
        let only_places = read_set.covers(changes)
            && self
                .product_cache_for(&connection)
                .is_some_and(|mut products| products.only_places(&PendingProducts::default(), changes));
        let outcome = UnknownOutcome::of(self, changes);
        let stored = if only_places {
            // One statement writes all of it. If it fails, the COMMIT that is pipelined behind it is a rollback.
            let storing = async { Ok(place_lines(&connection, &read_set, changes, PipelineLink::default()).await?) };
            try_join!(storing, commit(&connection)).map(|_| ())
        } else {
            match write(&connection, changes).await {
                Ok(()) => commit(&connection).await,
                Err(error) => Err(error),
            }
        };
        match stored {
            Ok(()) => {
                outcome.settle();
                if let Some(mut products) = self.product_cache_for(&connection) {
                    products.apply(changes);
                }
                Ok(decided)
            }
            Err(error) => {
                roll_back(connection).await;
                Err(error)
            }
        }
    }

    /// A connection with a transaction begun on it, and what the scope reads, with the base versions of its products.
    ///
    /// A connection may have died unnoticed. Nothing was changed on it yet, so the next one is tried. Each dead one
    /// leaves the pool: after as many as the pool holds, one must be new.
    async fn begin_and_load(&self, scope: &Scope) -> Result<(PooledSession, Loaded, BaseVersions), StoreError> {
        let mut left = self.commands().max_size();
        loop {
            let connection = self.commands().get().await?;
            match begin_and_load(&connection, scope).await {
                Ok((loaded, base_versions)) => return Ok((connection, loaded, base_versions)),
                Err(_) if left > 0 && connection.is_lost() => left -= 1,
                Err(error) => {
                    roll_back(connection).await;
                    return Err(error);
                }
            }
        }
    }
}

async fn commit(conn: &Session) -> Result<(), StoreError> {
    conn.commit().await.map_err(store_error)?;
    conn.check_acknowledged().map_err(store_error)
}
