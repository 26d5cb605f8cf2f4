//! One transaction, from what is known to the commit.
//!
//! There are two ways. Lines are placed on what the store remembers of their products, in one round trip, if it
//! remembers enough; the statement that stores them checks what was taken for granted. Everything else, and what
//! did not hold, is read under locks first: a flight of look-ups, the decision, a flight of writes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::pooled_connection::deadpool::Object;
use earmark_application::{Decide, Decided, StoreError, Undecided};
use earmark_domain::{Loaded, Scope};
use futures::try_join;

use super::PostgresStore;
use super::error::store_error;
use super::load::begin_and_load;
use super::place::{Misplaced, Premise, holds, place};
use super::statement::statement;
use super::write::write;

impl PostgresStore {
    /// One transaction, from the first look to the commit.
    pub(super) async fn run(self, scope: Scope, decide: Decide) -> Result<Decided, StoreError> {
        let remembered = self.recall().recall(&scope);
        if let Some(remembered) = remembered
            && let Some(decided) = self.on_memory(&scope, &decide, remembered).await?
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
        remembered: Loaded,
    ) -> Result<Option<Decided>, StoreError> {
        let premise = Premise::of(&remembered.products).with_nothing_of(scope);
        let decided = match decide(remembered) {
            Ok(decided) => decided,
            // Only what the books say may be called broken.
            Err(Undecided::Corrupt(_)) => return Ok(None),
            Err(undecided) => return Err(undecided.into()),
        };
        if !premise.covers(&decided.changes) || !self.recall().only_places(&decided.changes) {
            return Ok(None);
        }
        let mut connection = self.connection().await?;
        let placed = if decided.changes.is_empty() {
            match holds(&connection, &premise).await {
                Ok(true) => return Ok(Some(decided)),
                // What was named need not be new, and a product may have changed: the books tell which.
                Ok(false) => return Ok(None),
                Err(error) => Err(Misplaced::Failed(error)),
            }
        } else {
            place(&connection, &premise, &decided.changes).await
        };
        match placed {
            Ok(()) => {
                self.recall().apply(&decided.changes);
                Ok(Some(decided))
            }
            Err(Misplaced::NotNew) => Ok(None),
            Err(Misplaced::Failed(StoreError::Conflict | StoreError::Corrupt(_))) => {
                tracing::debug!("the books are not as they were remembered");
                self.recall().doubt(premise.skus());
                Ok(None)
            }
            // The connection may have died before the statement was sent, or after it was carried out. Either way the
            // books tell: what has been stored is found there by its keys. At worst a refusal is told twice.
            Err(_) if connection.is_broken() => {
                drop(Object::take(connection));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads under locks, decides, and stores.
    async fn on_books(&self, scope: &Scope, decide: &Decide) -> Result<Decided, StoreError> {
        let (connection, loaded) = self.begin_with(scope).await?;
        let premise = Premise::of(&loaded.products);
        self.recall().learn(&loaded);
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
        let stored = if premise.covers(&decided.changes) && self.recall().only_places(&decided.changes) {
            // It fails where it does not do all it was told, and then the commit behind it is a rollback.
            let placing = async { Ok(place(&connection, &premise, &decided.changes).await?) };
            try_join!(placing, commit(&connection)).map(|_| ())
        } else {
            match write(&connection, &decided.changes).await {
                Ok(()) => commit(&connection).await,
                Err(error) => Err(error),
            }
        };
        match stored {
            Ok(()) => {
                self.recall().apply(&decided.changes);
                Ok(decided)
            }
            Err(error) => {
                give_up(connection).await;
                Err(error)
            }
        }
    }

    /// A connection with a transaction begun on it, and what the scope reads.
    ///
    /// A connection may have died without anybody noticing; nothing has been changed on it yet, so the next one is
    /// tried. Each dead one leaves the pool: after as many as the pool holds, one must be new.
    async fn begin_with(&self, scope: &Scope) -> Result<(Object<AsyncPgConnection>, Loaded), StoreError> {
        let mut left = self.pool.status().max_size;
        loop {
            let mut connection = self.connection().await?;
            match begin_and_load(&connection, scope).await {
                Ok(loaded) => return Ok((connection, loaded)),
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
