//! Decisions on cached products, and the pipeline of their transactions.
//!
//! A transaction on the fast path can have a successor before it is answered. The successor is sent behind it on the
//! same connection, is decided on the products as the predecessor will leave them ([`PendingProducts`]), and is stored
//! only if the predecessor was.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Poll;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, InFlight, InFlightSender, StoreError, Undecided};
use earmark_domain::Scope;
use futures::poll;

use super::PostgresStore;
use super::detached::run_to_end;
use super::fast_path::{FastPathError, PipelineLink, ReadSet, is_valid, place_lines};
use super::unknown_outcome::UnknownOutcome;
use crate::postgres::connections::PooledSession;
use crate::postgres::error::{Fault, store_error};
use crate::sql::product_cache::{CachedScope, PendingProducts};

/// The handle of a transaction that was sent and has not been answered yet.
struct InFlightTransaction {
    store: PostgresStore,
    /// Weak, because handles do not keep the connection from the pool.
    connection: Weak<PooledSession>,
    /// The pipeline token that it leaves in the session.
    token: u64,
    /// The products it changes, as it will leave them.
    pending: PendingProducts,
}

#[async_trait]
impl InFlight for InFlightTransaction {
    async fn transact_next(
        self: Box<Self>,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Option<Decided> {
        let scope = scope.clone();
        let clock = Arc::clone(&self.store.clock);
        run_to_end(clock, async move { self.send_next(&scope, &decide, in_flight).await })
            .await
            .unwrap_or_else(|why| {
                tracing::debug!(%why, "not stored behind the predecessor");
                None
            })
    }
}

impl InFlightTransaction {
    /// Runs the successor, decided on the cache and on what this transaction will leave.
    async fn send_next(
        self: Box<Self>,
        scope: &Scope,
        decide: &Decide,
        in_flight: InFlightSender,
    ) -> Result<Option<Decided>, StoreError> {
        // If this transaction has been answered, there is nothing to be sent behind any more.
        let Some(connection) = self.connection.upgrade() else {
            return Ok(None);
        };
        if self.store.suspects.are_named_in(scope) {
            return Ok(None);
        }
        let products = self.store.product_cache_for(&connection);
        let epoch = connection.epoch();
        let Some(scope_in_cache) = products.and_then(|mut products| products.get_behind(&self.pending, scope)) else {
            return Ok(None);
        };
        let cached = CachedInEpoch {
            scope: scope_in_cache,
            epoch,
        };
        let predecessor = Predecessor {
            connection,
            token: self.token,
            pending: self.pending,
        };
        self.store
            .transact_cached(scope, decide, cached, Some(predecessor), Some(in_flight))
            .await
    }
}

/// What is cached for a scope, and in which epoch that is so.
pub(super) struct CachedInEpoch {
    scope: CachedScope,
    epoch: u64,
}

/// The transaction that another is sent behind.
pub(super) struct Predecessor {
    connection: Arc<PooledSession>,
    token: u64,
    pending: PendingProducts,
}

impl PostgresStore {
    /// What is cached for a scope.
    pub(super) fn cached(&self, scope: &Scope) -> Option<CachedInEpoch> {
        if !scope.messages.is_empty() {
            // The one statement of the fast path does not write the inbox.
            return None;
        }
        let mut products = self.product_cache();
        let epoch = products.epoch();
        products.get(scope).map(|scope| CachedInEpoch { scope, epoch })
    }

    /// Decides on cached products, and stores on the fast path. `None`: that is not possible, and nothing is stored.
    pub(super) async fn transact_cached(
        &self,
        scope: &Scope,
        decide: &Decide,
        cached: CachedInEpoch,
        predecessor: Option<Predecessor>,
        in_flight: Option<InFlightSender>,
    ) -> Result<Option<Decided>, StoreError> {
        let CachedInEpoch {
            scope: CachedScope { loaded, base_versions },
            epoch,
        } = cached;
        let read_set = ReadSet::of(&loaded.products, &base_versions).with_absent(scope);
        let decided = match decide(loaded) {
            Ok(decided) => decided,
            // Only stored state may be reported as corrupt.
            Err(Undecided::Corrupt(_)) => return Ok(None),
            Err(undecided) => return Err(undecided.into()),
        };
        let (connection, predecessor, pending) = match predecessor {
            Some(before) => (Some(before.connection), Some(before.token), before.pending),
            None => (None, None, PendingProducts::default()),
        };
        let changes = &decided.changes;
        if !read_set.covers(changes) || !self.product_cache().only_places(&pending, changes) {
            return Ok(None);
        }
        let connection = match connection {
            Some(connection) => connection,
            None => Arc::new(self.commands().get().await?),
        };
        if connection.epoch() != epoch {
            // The database tells another history than the one that the decision was taken in.
            return Ok(None);
        }
        if changes.is_empty() {
            return match is_valid(&connection, &read_set, predecessor).await {
                Ok(true) => Ok(Some(decided)),
                // An order or a line may exist, or a product may have changed: the general path finds out.
                Ok(false) => Ok(None),
                Err(error) => self.fast_path_failed(FastPathError::Failed(error), &read_set, predecessor),
            };
        }
        let token = in_flight
            .is_some()
            .then(|| self.pipeline_tokens.fetch_add(1, Ordering::Relaxed));
        let link = PipelineLink { predecessor, token };
        let left = self.product_cache().left_by(&pending, changes);
        let outcome = UnknownOutcome::of(self, changes);
        let stored = {
            let mut storing = pin!(place_lines(&connection, &read_set, changes, link));
            match poll!(storing.as_mut()) {
                Poll::Ready(stored) => stored,
                Poll::Pending => {
                    if let (Some(in_flight), Some(token)) = (in_flight, token) {
                        let handle = InFlightTransaction {
                            store: self.clone(),
                            connection: Arc::downgrade(&connection),
                            token,
                            pending: left.clone(),
                        };
                        // The receiver may be gone: then there is no successor.
                        drop(in_flight.send(Box::new(handle)));
                    }
                    storing.await
                }
            }
        };
        match stored {
            Ok(()) => {
                outcome.settle();
                if let Some(mut products) = self.product_cache_for(&connection) {
                    products.apply_pending(left);
                }
                Ok(Some(decided))
            }
            Err(error) => {
                if !error.leaves_outcome_unknown() {
                    outcome.settle();
                }
                self.fast_path_failed(error, &read_set, predecessor)
            }
        }
    }

    /// What follows when the fast path stored nothing, or nobody knows. `Ok(None)`: the general path comes next and
    /// finds out what is stored: what a connection stored before it was lost is found there by its keys. At worst a
    /// refusal is reported twice.
    ///
    /// # Errors
    /// Those that the general path would meet as well, after as long a wait.
    fn fast_path_failed(
        &self,
        error: FastPathError,
        read_set: &ReadSet,
        predecessor: Option<u64>,
    ) -> Result<Option<Decided>, StoreError> {
        let FastPathError::Failed(error) = error else {
            return Ok(None);
        };
        match error.fault() {
            // Behind a predecessor the cause may be that one's failure alone.
            Fault::Conflict | Fault::Corrupt if predecessor.is_none() => {
                tracing::debug!("the cached products are not current");
                self.product_cache().distrust(read_set.skus());
                Ok(None)
            }
            Fault::Conflict | Fault::Corrupt | Fault::Lost | Fault::Statement => {
                tracing::debug!(%error, "the fast path stored nothing");
                Ok(None)
            }
            Fault::LockNotGiven | Fault::NoAnswer | Fault::Passing => Err(store_error(error)),
        }
    }
}
