//! One transaction, from its beginning to its commit.
//!
//! What a decision needs of the products it places lines of, their records and the first of their open batches, this
//! connection has mostly just read or written itself. SQLite tells whether anybody else has changed the file since; if
//! nobody has, that is how the products stand, and only the lines and orders that are named need to be looked for.

use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{Decide, Decided, StoreError, Undecided};
use earmark_domain::{ChangeSet, Loaded, Scope};

use super::error::store_error;
use super::filing::{Filing, FilingBounds};
use super::load::{are_new, load};
use super::statement::statement;
use super::write::{last_sequence, write};
use crate::sql::new_lines::NewLines;
use crate::sql::product_cache::{BaseVersions, ProductCache};

/// The connection that writes, and what it remembers.
pub(super) struct Books {
    pub(super) connection: SqliteConnection,
    product_cache: ProductCache,
    filing: Filing,
    /// What SQLite said the last time it was asked whether others had changed the file.
    version: Option<i64>,
}

impl Books {
    pub(super) fn new(connection: SqliteConnection, bounds: FilingBounds) -> Self {
        Self {
            connection,
            product_cache: ProductCache::default(),
            filing: Filing::new(bounds),
            version: None,
        }
    }

    /// Begins a transaction, in which nobody else writes.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        self.control("BEGIN IMMEDIATE")
    }

    /// Reads, decides, and stores, within a transaction that is open; answers whether the transaction is committed.
    /// Where it is not, nothing is stored and the transaction is still open.
    pub(super) fn transact(&mut self, scope: &Scope, decide: &Decide) -> Result<(bool, Decided), StoreError> {
        if let Some(cached) = self.cached(scope)? {
            match decide(cached) {
                Ok(decided) => return self.store(decided),
                // Only what the books say may be called broken.
                Err(Undecided::Corrupt(why)) => {
                    tracing::warn!(%why, "what was remembered of the books can't be true");
                    self.product_cache.forget_all();
                }
                Err(undecided) => return Err(undecided.into()),
            }
        }
        if scope.release.is_some() {
            // Who has to leave a batch is told by all lines in it.
            self.filing.file_all(&mut self.connection)?;
        }
        let loaded = load(&mut self.connection, scope)?;
        self.product_cache.fill(&loaded, &BaseVersions::default());
        let decided = decide(loaded)?;
        self.store(decided)
    }

    /// Ends a transaction that stores nothing. `false`: the connection is not to be used any more; closing it ends the
    /// transaction.
    pub(super) fn roll_back(&mut self) -> bool {
        self.filing.forget();
        match self.control("ROLLBACK") {
            Ok(()) => true,
            Err(why) => {
                tracing::warn!(%why, "the connection that writes is closed, its transaction could not be rolled back");
                false
            }
        }
    }

    /// What the scope would read, if that is known without reading it.
    fn cached(&mut self, scope: &Scope) -> Result<Option<Loaded>, StoreError> {
        let version: i64 = statement::<BigInt>("PRAGMA data_version")
            .get_result(&mut self.connection)
            .map_err(store_error)?;
        if self.version.replace(version) != Some(version) {
            self.product_cache.forget_all();
        }
        let Some(cached) = self.product_cache.get(scope) else {
            return Ok(None);
        };
        Ok(are_new(&mut self.connection, scope)?.then_some(cached.loaded))
    }

    fn store(&mut self, decided: Decided) -> Result<(bool, Decided), StoreError> {
        if decided.changes.is_empty() {
            return Ok((false, decided));
        }
        let stored = self.write(&decided.changes).and_then(|()| self.control("COMMIT"));
        if let Err(why) = stored {
            // It is read anew before it is decided on again.
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
        self.filing.tend(&mut self.connection, &placed, &changes.events, last)
    }

    /// Files all that waits to be filed, in a transaction of its own.
    pub(super) fn file_all(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        let filed = self.filing.file_all(&mut self.connection);
        let ended = filed.and_then(|()| self.control("COMMIT"));
        if ended.is_err() {
            self.roll_back();
        }
        ended
    }

    fn control(&mut self, text: &'static str) -> Result<(), StoreError> {
        let ended = statement::<()>(text).execute(&mut self.connection);
        ended.map(drop).map_err(store_error)
    }
}
