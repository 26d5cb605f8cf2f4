//! The handle on the store: opening a file, and running transactions.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, InFlightSender, Store, StoreError};
use earmark_domain::Scope;

use super::connection::{Address, Readers, Writer, WriterBounds, transact_pipelined};
use super::error::OpenError;
use super::migrations;
use super::store::IdempotencyQueue;

/// How many queries run at once, unless the caller says otherwise.
pub const DEFAULT_READERS: usize = 4;

/// The store in a SQLite file. Cheap to clone: clones share the connections.
///
/// When the last clone is dropped, what is queued for the writer is still stored, and the log is copied into the file.
#[derive(Clone)]
pub struct SqliteStore {
    pub(super) writer: Arc<Writer>,
    pub(super) idempotency_queue: Arc<IdempotencyQueue>,
    pub(super) readers: Arc<Readers>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file, which is created if it is not there, with `readers` connections for queries.
    ///
    /// `migrate`: brings the schema up to date first. Several programs may do so at once; one of them does the work.
    ///
    /// # Errors
    /// [`OpenError`]; without `migrate` a schema that is not up to date is one, and no file is created.
    pub async fn open(path: impl AsRef<Path>, readers: usize, migrate: bool) -> Result<Self, OpenError> {
        Self::open_within(WriterBounds::default(), path, readers, migrate).await
    }

    /// The same, with bounds on what the writer may defer.
    pub(super) async fn open_within(
        bounds: WriterBounds,
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
                migrations::run(&mut connection)?;
            }
            let readers = Arc::new(Readers::open(&address, readers)?);
            Ok(Self {
                writer: Arc::new(Writer::start(address, connection, bounds)?),
                idempotency_queue: Arc::default(),
                readers,
            })
        })
        .await
    }

    /// Brings the schema of a file up to date, and answers the migrations that were missing. The file is created if it
    /// is not there.
    ///
    /// # Errors
    /// [`OpenError`]; a migration that fails is rolled back, and those before it with it.
    pub async fn migrate(path: impl AsRef<Path>) -> Result<Vec<String>, OpenError> {
        let address = Address::new(path.as_ref())?;
        blocking(move || migrations::run(&mut address.open_writer()?)).await
    }

    /// The migrations that a file is missing; none when its schema is up to date. Changes nothing and creates no file.
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
        migrations::pending(&mut address.open_plain()?)
    } else {
        migrations::all()
    }
}

/// Opening a file blocks its thread, so it runs on one that may be blocked.
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
        self.writer.transact(scope.clone(), decide).await
    }

    async fn transact_pipelined(
        &self,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Result<Decided, StoreError> {
        transact_pipelined(&self.writer, scope.clone(), decide, in_flight).await
    }
}
