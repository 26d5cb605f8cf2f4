//! The books in a SQLite file: one service on one machine, with nothing to install.
//!
//! One thread owns the one connection that writes (`writer`): transactions run one after the other, whole, whoever
//! waits for them or goes away. A few other threads answer questions (`readers`, `queries`) beside it, each on the state
//! that was last stored. The tables guard the first rule of stock themselves: see the migrations.
//!
//! The file is kept with a write-ahead log and every commit reaches the disk before it is answered. Another thread
//! puts the log into the file (`log`).

mod answers;
mod columns;
mod connect;
mod deadlines;
mod error;
mod events;
mod filing;
mod flush;
mod history;
mod load;
mod log;
mod migrate;
mod queries;
mod readers;
mod row;
mod rows;
mod statement;
mod sums;
#[cfg(test)]
mod tests;
mod transact;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, Store, StoreError};
use earmark_domain::Scope;

pub use self::error::OpenError;

use self::answers::Errands;
use self::connect::Address;
use self::readers::Readers;
use self::writer::{Bounds, Writer};

/// How many questions are answered at once, unless somebody says otherwise.
pub const DEFAULT_READERS: usize = 4;

/// The books, kept in a SQLite file. Cheap to clone: clones share the connections.
///
/// When the last clone is dropped, what was handed to the writer is still stored, and the log is put into the file.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    errands: Arc<Errands>,
    readers: Arc<Readers>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the books in a file, which is made if it is not there, with `readers` connections for questions.
    ///
    /// `migrate`: brings the schema up to date first. Several programs may do so at once; one of them does the work.
    ///
    /// # Errors
    /// [`OpenError`]; without `migrate` a schema that is not up to date is one, and no file is made.
    pub async fn open(path: impl AsRef<Path>, readers: usize, migrate: bool) -> Result<Self, OpenError> {
        Self::open_within(Bounds::default(), path, readers, migrate).await
    }

    /// The same, with bounds on what the writer leaves for later.
    async fn open_within(
        bounds: Bounds,
        path: impl AsRef<Path>,
        readers: usize,
        migrate: bool,
    ) -> Result<Self, OpenError> {
        if readers == 0 {
            return Err(OpenError::NoReaders);
        }
        let address = Address::new(path.as_ref())?;
        blocking(move || {
            if !migrate {
                let pending = pending(&address)?;
                if !pending.is_empty() {
                    return Err(OpenError::Pending(pending));
                }
            }
            let mut connection = address.open_writer()?;
            if migrate {
                migrate::run(&mut connection)?;
            }
            let readers = Arc::new(Readers::open(&address, readers)?);
            Ok(Self {
                writer: Arc::new(Writer::start(address, connection, bounds)?),
                errands: Arc::default(),
                readers,
            })
        })
        .await
    }

    /// Brings the schema of a file up to date, and answers the migrations that were missing. The file is made if it is
    /// not there.
    ///
    /// # Errors
    /// [`OpenError`]; a migration that fails is rolled back, and those before it with it.
    pub async fn migrate(path: impl AsRef<Path>) -> Result<Vec<String>, OpenError> {
        let address = Address::new(path.as_ref())?;
        blocking(move || migrate::run(&mut address.open_writer()?)).await
    }

    /// The migrations that a file is missing; none when its schema is up to date. Changes nothing and makes no file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn pending_migrations(path: impl AsRef<Path>) -> Result<Vec<String>, OpenError> {
        let address = Address::new(path.as_ref())?;
        blocking(move || pending(&address)).await
    }
}

fn pending(address: &Address) -> Result<Vec<String>, OpenError> {
    if address.exists() {
        migrate::pending(&mut address.open_plain()?)
    } else {
        migrate::all()
    }
}

/// Opening a file blocks the thread it happens on: one that may be blocked.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(why) => Err(OpenError::CutShort(why.to_string())),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        self.writer.run(scope.clone(), decide).await
    }
}
