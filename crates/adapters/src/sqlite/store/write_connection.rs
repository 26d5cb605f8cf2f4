//! The connection that writes: one transaction, from its beginning to its commit.
//!
//! What a decision needs of the products it places lines of, their records and the first of their open batches, this
//! connection has mostly just read or written itself. SQLite reports whether another connection has changed the file
//! since; if none has, the product cache holds the current state, and only the lines and orders that are named are
//! looked for.

use std::sync::Arc;

use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{Decide, Decided, StoreError, Undecided};
use earmark_domain::{ChangeSet, Loaded, Scope};

use super::super::error::store_error;
use super::super::file::{Checked, FileConnection, FileGuard, LogLength, bind_to};
use super::super::statement::statement;
use super::deferred_index::{DeferredIndex, DeferredIndexBounds};
use super::load::{are_new, load, processed};
use super::write::{last_sequence, write};
use crate::sql::new_lines::NewLines;
use crate::sql::product_cache::{BaseVersions, ProductCache};

/// The connection that writes, and what it caches.
pub(in crate::sqlite) struct WriteConnection {
    pub(in crate::sqlite) connection: FileConnection,
    guard: Arc<FileGuard>,
    /// What the guard found last.
    checked: Checked,
    /// The generation of the log that the file is bound to; `None`: it is to be looked up.
    bound_to: Option<u32>,
    product_cache: ProductCache,
    deferred_index: DeferredIndex,
    /// SQLite's data version when it was last read: another connection's commit changes it.
    data_version: Option<i64>,
}

impl WriteConnection {
    pub(in crate::sqlite) fn new(
        connection: FileConnection,
        guard: Arc<FileGuard>,
        bounds: DeferredIndexBounds,
    ) -> Self {
        Self {
            connection,
            guard,
            checked: Checked::default(),
            bound_to: None,
            product_cache: ProductCache::default(),
            deferred_index: DeferredIndex::new(bounds),
            data_version: None,
        }
    }

    /// Begins a transaction, in which no other connection writes.
    pub(in crate::sqlite) fn begin(&mut self) -> Result<(), StoreError> {
        self.control("BEGIN IMMEDIATE")
    }

    /// Reads, decides, and stores, within an open transaction; answers whether the transaction is committed. Where it
    /// is not, nothing is stored and the transaction is still open.
    pub(in crate::sqlite) fn transact(
        &mut self,
        scope: &Scope,
        decide: &Decide,
    ) -> Result<(bool, Decided), StoreError> {
        if let Some(cached) = self.cached(scope)? {
            match decide(cached) {
                Ok(decided) => return self.store(decided),
                // Only what the tables hold may be reported as corrupt.
                Err(Undecided::Corrupt(why)) => {
                    tracing::warn!(%why, "the product cache can't be right, and is cleared");
                    self.product_cache.forget_all();
                }
                Err(undecided) => return Err(undecided.into()),
            }
        }
        if scope.continues || scope.reallocates {
            // Which lines may move to another batch follows from all lines in it.
            self.deferred_index.write_all(&mut self.connection)?;
        }
        let loaded = load(&mut self.connection, &mut self.deferred_index, scope)?;
        self.product_cache.fill(&loaded, &BaseVersions::default());
        let decided = decide(loaded)?;
        self.store(decided)
    }

    /// Ends a transaction that stores nothing. `false`: the connection must not be used any more; closing it ends the
    /// transaction.
    pub(in crate::sqlite) fn roll_back(&mut self) -> bool {
        self.deferred_index.forget();
        match self.control("ROLLBACK") {
            Ok(()) => true,
            Err(why) => {
                tracing::warn!(%why, "a transaction could not be rolled back; the connection that writes is closed");
                false
            }
        }
    }

    /// Confirms, before anybody is told so, that what was committed is in the file that its path leads to. Outside any
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]. When the file is lost, the connection stays open until the process ends.
    pub(in crate::sqlite) fn confirm(&mut self) -> Result<(), StoreError> {
        let checked = self.guard.check(&mut self.connection);
        if self.guard.sound().is_err() {
            self.connection.abandon();
        }
        self.checked = checked?;
        if let Some(generation) = self.checked.generation
            && self.bound_to != Some(generation)
        {
            // The log has restarted, which it does not do twice before the next try.
            match bind_to(&mut self.connection, generation) {
                Ok(()) => {
                    self.bound_to = Some(generation);
                    // That was a commit, too.
                    self.checked = self.guard.check(&mut self.connection)?;
                }
                Err(why) => tracing::warn!(%why, "the SQLite file can't be bound to its log yet"),
            }
        }
        Ok(())
    }

    /// How long the log was when it was looked at last.
    pub(in crate::sqlite) const fn log_length(&self) -> LogLength {
        self.checked.length
    }

    /// Runs a step in a transaction of its own: stored whole, or not at all. Answers its result, and whether the
    /// connection is still good.
    pub(in crate::sqlite) fn in_one_transaction<T>(
        &mut self,
        step: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> (Result<T, StoreError>, bool) {
        if let Err(error) = self.begin() {
            return (Err(error), true);
        }
        let done = step(&mut self.connection).and_then(|done| self.control("COMMIT").map(|()| done));
        let good = done.is_ok() || self.control("ROLLBACK").is_ok();
        (done.and_then(|done| self.confirm().map(|()| done)), good)
    }

    /// What the scope would read, if the product cache has it. Processed messages are looked for: there is no other writer.
    fn cached(&mut self, scope: &Scope) -> Result<Option<Loaded>, StoreError> {
        // By hand, as every PRAGMA: the builder has none.
        let version: i64 = statement::<BigInt>("PRAGMA data_version")
            .get_result(&mut *self.connection)
            .map_err(store_error)?;
        if self.data_version.replace(version) != Some(version) {
            self.product_cache.forget_all();
            // Another program may have taken the binding back when it ended.
            self.bound_to = None;
        }
        let Some(cached) = self.product_cache.get(scope) else {
            return Ok(None);
        };
        if !are_new(&mut self.connection, scope)? {
            return Ok(None);
        }
        Ok(Some(Loaded {
            processed: processed(&mut self.connection, &scope.messages)?,
            ..cached.loaded
        }))
    }

    fn store(&mut self, decided: Decided) -> Result<(bool, Decided), StoreError> {
        if decided.changes.is_empty() {
            return Ok((false, decided));
        }
        let stored = self.write(&decided.changes).and_then(|()| self.control("COMMIT"));
        if let Err(why) = stored {
            // The products are read again before the next decision on them.
            self.product_cache.forget_all();
            return Err(why);
        }
        self.product_cache.apply(&decided.changes);
        Ok((true, decided))
    }

    fn write(&mut self, changes: &ChangeSet) -> Result<(), StoreError> {
        let placed = NewLines::of(changes);
        let last = last_sequence(&mut self.connection, changes)?;
        write(&mut self.connection, changes, &placed, last)?;
        self.deferred_index
            .advance(&mut self.connection, &placed, &changes.events, last)
    }

    /// Writes all pending entries of the deferred index, in a transaction of its own.
    pub(in crate::sqlite) fn complete_index(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        let written = self.deferred_index.write_all(&mut self.connection);
        let ended = written.and_then(|()| self.control("COMMIT"));
        if ended.is_err() {
            self.roll_back();
        }
        ended
    }

    fn control(&mut self, text: &'static str) -> Result<(), StoreError> {
        let ended = statement::<()>(text).execute(&mut *self.connection);
        ended.map(drop).map_err(store_error)
    }
}
