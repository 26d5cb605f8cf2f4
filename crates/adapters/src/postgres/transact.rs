//! One transaction, from what is known to the commit.
//!
//! There are two ways. Lines are placed on what the store remembers of their products, in one round trip, if it
//! remembers enough; the statement that stores them checks what was taken for granted. Everything else, and what
//! did not hold, is read under locks first: a flight of look-ups, the decision, a flight of writes.
//!
//! A transaction of the first kind may be followed by another before it is answered. That one is sent behind it on the
//! same connection, decided on what the first will have left, and stored only if the first was.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Poll;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::pooled_connection::deadpool::Object;
use earmark_application::{Decide, Decided, InFlight, InFlightSender, StoreError, Undecided};
use earmark_domain::{Loaded, Scope};
use futures::{poll, try_join};

use super::PostgresStore;
use super::error::store_error;
use super::load::begin_and_load;
use super::place::{Link, Misplaced, Premise, holds, place};
use super::statement::statement;
use super::write::write;
use crate::sql::product_cache::{BaseVersions, CachedScope, PendingProducts};

/// A transaction that was sent, and has not been answered yet: the next one may be sent behind it.
struct Sent {
    store: PostgresStore,
    /// It is not kept from the pool by those who might follow.
    connection: Weak<Object<AsyncPgConnection>>,
    /// The mark that it leaves in the session.
    mark: u64,
    /// The products it changes, as it will have left them.
    pending: PendingProducts,
}

#[async_trait]
impl InFlight for Sent {
    async fn transact_next(
        self: Box<Self>,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Option<Decided> {
        let scope = scope.clone();
        in_a_task_of_its_own(async move { Ok(self.run_behind(&scope, &decide, in_flight).await) })
            .await
            .unwrap_or_else(|why| {
                tracing::debug!(%why, "not sent behind the transaction before");
                None
            })
    }
}

impl Sent {
    /// One transaction behind this one, decided on what is remembered and on what this one will have left.
    async fn run_behind(self: Box<Self>, scope: &Scope, decide: &Decide, in_flight: InFlightSender) -> Option<Decided> {
        let Self {
            store,
            connection,
            mark,
            pending,
        } = *self;
        // It has been answered by now: there is nothing to follow any more.
        let connection = connection.upgrade()?;
        let cached = store.product_cache().recall_behind(&pending, scope)?;
        let behind = Behind {
            connection,
            mark,
            pending,
        };
        let decided = store
            .on_memory(scope, decide, cached, Some(behind), Some(in_flight))
            .await;
        decided.unwrap_or_else(|why| {
            tracing::debug!(%why, "not stored behind the transaction before");
            None
        })
    }
}

/// What a transaction follows.
struct Behind {
    connection: Arc<Object<AsyncPgConnection>>,
    mark: u64,
    pending: PendingProducts,
}

/// Runs a transaction in a task of its own: a caller that goes away leaves it to run to its end, so a commit is never cut
/// off, and no connection goes back to the pool in the middle of something.
pub(super) async fn in_a_task_of_its_own<T: Send + 'static>(
    transaction: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(transaction).await {
        Ok(outcome) => outcome,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(StoreError::Unavailable("the runtime is shutting down".to_owned())),
        },
    }
}

impl PostgresStore {
    /// One transaction, from the first look to the commit.
    pub(super) async fn run(
        self,
        scope: Scope,
        decide: Decide,
        in_flight: Option<InFlightSender>,
    ) -> Result<Decided, StoreError> {
        let cached = self.product_cache().product_cache(&scope);
        if let Some(cached) = cached
            && let Some(decided) = self.on_memory(&scope, &decide, cached, None, in_flight).await?
        {
            return Ok(decided);
        }
        self.on_books(&scope, &decide).await
    }

    /// Decides on what is remembered; `None` when that turns out not to do, and nothing is stored.
    async fn on_memory(
        &self,
        scope: &Scope,
        decide: &Decide,
        cached: CachedScope,
        behind: Option<Behind>,
        in_flight: Option<InFlightSender>,
    ) -> Result<Option<Decided>, StoreError> {
        let CachedScope { loaded, base_versions } = cached;
        let premise = Premise::of(&loaded.products, &base_versions).with_nothing_of(scope);
        let decided = match decide(loaded) {
            Ok(decided) => decided,
            // Only what the books say may be called broken.
            Err(Undecided::Corrupt(_)) => return Ok(None),
            Err(undecided) => return Err(undecided.into()),
        };
        let follows = behind.as_ref().map(|behind| behind.mark);
        let (pending, connection) = match behind {
            Some(behind) => (behind.pending, Some(behind.connection)),
            None => (PendingProducts::default(), None),
        };
        if !premise.covers(&decided.changes) || !self.product_cache().only_places(&pending, &decided.changes) {
            return Ok(None);
        }
        let connection = match connection {
            Some(connection) => connection,
            None => Arc::new(self.connection().await?),
        };
        if decided.changes.is_empty() {
            return match holds(&connection, &premise, follows).await {
                Ok(true) => Ok(Some(decided)),
                // What was named need not be new, and a product may have changed: the books tell which.
                Ok(false) => Ok(None),
                Err(error) => {
                    self.misplaced(&Misplaced::Failed(error), &premise, connection, follows);
                    Ok(None)
                }
            };
        }
        let mark = in_flight.is_some().then(|| self.marks.fetch_add(1, Ordering::Relaxed));
        let link = Link { behind: follows, mark };
        let left = self.product_cache().left_by(&pending, &decided.changes);
        let placed = {
            let mut placing = pin!(place(&connection, &premise, &decided.changes, link));
            match poll!(placing.as_mut()) {
                Poll::Ready(placed) => placed,
                Poll::Pending => {
                    if let (Some(in_flight), Some(mark)) = (in_flight, mark) {
                        let sent = Sent {
                            store: self.clone(),
                            connection: Arc::downgrade(&connection),
                            mark,
                            pending: left.clone(),
                        };
                        // Perhaps nobody waits for it any more.
                        drop(in_flight.send(Box::new(sent)));
                    }
                    placing.await
                }
            }
        };
        match placed {
            Ok(()) => {
                self.product_cache().adopt(left);
                Ok(Some(decided))
            }
            Err(why) => {
                self.misplaced(&why, &premise, connection, follows);
                Ok(None)
            }
        }
    }

    /// Learns from lines that were not placed. In each case the books tell what is so: what has been stored all the same,
    /// by a connection that was lost after it was, is found there by its keys. At worst a refusal is told twice.
    fn misplaced(
        &self,
        why: &Misplaced,
        premise: &Premise,
        connection: Arc<Object<AsyncPgConnection>>,
        follows: Option<u64>,
    ) {
        match why {
            Misplaced::NotNew => {}
            // Behind another transaction that may be for no other reason than that one's failure.
            Misplaced::Failed(StoreError::Conflict | StoreError::Corrupt(_)) if follows.is_none() => {
                tracing::debug!("the books are not as they were remembered");
                self.product_cache().doubt(premise.skus());
            }
            Misplaced::Failed(why) => {
                tracing::debug!(%why, "lines were not placed on what is remembered");
                // Whoever is the last to hold a connection that was lost takes it out of the pool.
                if let Some(mut connection) = Arc::into_inner(connection)
                    && connection.is_broken()
                {
                    drop(Object::take(connection));
                }
            }
        }
    }

    /// Reads under locks, decides, and stores.
    async fn on_books(&self, scope: &Scope, decide: &Decide) -> Result<Decided, StoreError> {
        let (connection, loaded, base_versions) = self.begin_with(scope).await?;
        let premise = Premise::of(&loaded.products, &base_versions);
        self.product_cache().learn(&loaded, &base_versions);
        // A decision that panics must not leave the locks behind: the panic goes on when they are released.
        let decided = match catch_unwind(AssertUnwindSafe(|| decide(loaded))) {
            Ok(Ok(decided)) => decided,
            Ok(Err(undecided)) => {
                give_up(connection).await;
                return Err(undecided.into());
            }
            Err(panic) => {
                give_up(connection).await;
                resume_unwind(panic);
            }
        };
        if decided.changes.is_empty() {
            give_up(connection).await;
            return Ok(decided);
        }
        let stored = if premise.covers(&decided.changes)
            && self
                .product_cache()
                .only_places(&PendingProducts::default(), &decided.changes)
        {
            // It fails where it does not do all it was told, and then the commit behind it is a rollback.
            let placing = async { Ok(place(&connection, &premise, &decided.changes, Link::default()).await?) };
            try_join!(placing, commit(&connection)).map(|_| ())
        } else {
            match write(&connection, &decided.changes).await {
                Ok(()) => commit(&connection).await,
                Err(error) => Err(error),
            }
        };
        match stored {
            Ok(()) => {
                self.product_cache().apply(&decided.changes);
                Ok(decided)
            }
            Err(error) => {
                give_up(connection).await;
                Err(error)
            }
        }
    }

    /// A connection with a transaction begun on it, and what the scope reads, with the forms of its products.
    ///
    /// A connection may have died without anybody noticing; nothing has been changed on it yet, so the next one is
    /// tried. Each dead one leaves the pool: after as many as the pool holds, one must be new.
    async fn begin_with(&self, scope: &Scope) -> Result<(Object<AsyncPgConnection>, Loaded, BaseVersions), StoreError> {
        let mut left = self.pool.status().max_size;
        loop {
            let mut connection = self.connection().await?;
            match begin_and_load(&connection, scope).await {
                Ok((loaded, base_versions)) => return Ok((connection, loaded, base_versions)),
                Err(_) if left > 0 && connection.is_broken() => {
                    drop(Object::take(connection));
                    left -= 1;
                }
                Err(error) => {
                    give_up(connection).await;
                    return Err(error);
                }
            }
        }
    }
}

async fn commit(conn: &AsyncPgConnection) -> Result<(), StoreError> {
    statement::<()>("COMMIT")
        .write(conn)
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Ends a transaction that stores nothing. A connection that can't even do that is closed, and the server rolls back.
pub(super) async fn give_up(connection: Object<AsyncPgConnection>) {
    // Where a commit came behind what failed, the transaction has ended already, and the server only warns.
    if let Err(why) = statement::<()>("ROLLBACK").write(&connection).await {
        tracing::debug!(%why, "a connection is closed, its transaction could not be rolled back");
        drop(Object::take(connection));
    }
}
