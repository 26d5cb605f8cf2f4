//! The handle on the store: opening a file, and running transactions.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use diesel::SqliteConnection;
use earmark_application::{Decide, Decided, InFlightSender, Store, StoreError};
use earmark_domain::Scope;
use tokio::sync::oneshot;

use super::connection::{Address, Purpose, ReaderPools, Writer, WriterBounds, gone, transact_pipelined};
use super::epochs;
use super::error::OpenError;
use super::file::FileGuard;
use super::migrations;
use super::store::IdempotencyQueue;

/// How many queries by a key run at once, unless the caller says otherwise. Half as many long queries run beside them.
pub const DEFAULT_READERS: usize = 4;

/// The store in a SQLite file. Cheap to clone: clones share the connections.
///
/// When the last clone is dropped, what is queued for the writer is still stored, and the log is copied into the file.
#[derive(Clone)]
pub struct SqliteStore {
    /// Closed before the writer, which leaves the file in order when it is the last.
    pub(super) readers: Arc<ReaderPools>,
    /// `None`: the file was opened to be read.
    pub(super) writer: Option<Arc<Writer>>,
    pub(super) guard: Option<Arc<FileGuard>>,
    pub(super) idempotency_queue: Arc<IdempotencyQueue>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file, which is created if it is not there, with `readers` connections for queries by a key and half as
    /// many for long ones. What is created can be read and written by its owner alone.
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
        let opening = Opening::ToWrite { migrate };
        blocking(move || open(address, bounds, readers, opening)).await
    }

    /// Opens a file to read it. Where nothing can be written, nothing is; a file that is in use, or was when its program
    /// was killed, is opened as [`open`](Self::open) does it, because only who can write can leave it in order.
    ///
    /// # Errors
    /// [`OpenError`]; a schema that is not up to date is one.
    pub async fn open_to_read(path: impl AsRef<Path>, readers: usize) -> Result<Self, OpenError> {
        if readers == 0 {
            return Err(OpenError::NoReaders);
        }
        let address = Address::new(path.as_ref())?;
        blocking(move || {
            let has_log = address.inspect(Purpose::Read)?;
            if has_log && address.inspect(Purpose::Write).is_ok() {
                return open(address, WriterBounds::default(), readers, Opening::ToRead);
            }
            up_to_date(&address)?;
            let address = address.to_read();
            Ok(Self {
                readers: Arc::new(ReaderPools::open(&address, readers, None)?),
                writer: None,
                guard: None,
                idempotency_queue: Arc::default(),
            })
        })
        .await
    }

    /// The writer.
    ///
    /// # Errors
    /// When the file was opened to be read.
    pub(super) fn writer(&self) -> Result<&Arc<Writer>, StoreError> {
        let opened_to_read = || StoreError::Unavailable("the SQLite file was opened to be read only".to_owned());
        self.writer.as_ref().ok_or_else(opened_to_read)
    }

    /// Has a step written beside the commands, in a transaction of its own: it is stored whether or not the caller still
    /// waits.
    pub(super) async fn write_beside<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, written) = oneshot::channel();
        self.writer()?
            .write(move |connection| {
                let (written, good) = match connection {
                    Ok(connection) => connection.in_one_transaction(step),
                    Err(error) => (Err(error), true),
                };
                // The caller may have gone away meanwhile.
                drop(reply.send(written));
                good
            })
            .await?;
        written.await.map_err(|_| gone())?
    }

    /// Brings the schema of a file up to date, and answers the migrations that were missing. The file is created if it
    /// is not there.
    ///
    /// # Errors
    /// [`OpenError`]; a migration that fails is rolled back, and those before it with it.
    pub async fn migrate(path: impl AsRef<Path>) -> Result<Vec<String>, OpenError> {
        let address = Address::new(path.as_ref())?;
        blocking(move || {
            address.inspect(Purpose::Write)?;
            let mut connection = address.open_writer()?;
            migrations::run(&mut connection)
        })
        .await
    }

    /// Takes a file for complete though the log that it was used with is missing: the commits in that log are lost.
    /// Answers whether it was missing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn give_up_log(path: impl AsRef<Path>) -> Result<bool, OpenError> {
        let address = Address::new(path.as_ref())?;
        blocking(move || match address.inspect(Purpose::Write) {
            // The last connection leaves the file without a log. The file tells less than it has told before.
            Err(OpenError::LogMissing(_)) => {
                let mut connection = address.open_plain()?;
                epochs::mark_as_copy(&mut connection).map_err(|why| OpenError::Unreachable {
                    path: address.path().to_owned(),
                    why: why.to_string(),
                })?;
                Ok(true)
            }
            inspected => inspected.map(|_| false),
        })
        .await
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

/// What a file that can be written is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// To be used as books.
    ToWrite {
        /// Whether the schema is brought up to date.
        migrate: bool,
    },
    /// To be read, and left in order.
    ToRead,
}

fn open(address: Address, bounds: WriterBounds, readers: usize, opening: Opening) -> Result<SqliteStore, OpenError> {
    address.inspect(Purpose::Write)?;
    let migrate = opening == Opening::ToWrite { migrate: true };
    if !migrate {
        up_to_date(&address)?;
    }
    let mut connection = address.open_writer()?;
    if migrate {
        migrations::run(&mut connection)?;
    }
    if opening != Opening::ToRead {
        epochs::begin_if_new(&mut connection, address.path())?;
    }
    let guard = address.guard(&mut connection)?;
    Ok(SqliteStore {
        readers: Arc::new(ReaderPools::open(&address, readers, Some(&guard))?),
        writer: Some(Arc::new(Writer::start(
            address,
            connection,
            Arc::clone(&guard),
            bounds,
        )?)),
        guard: Some(guard),
        idempotency_queue: Arc::default(),
    })
}

fn up_to_date(address: &Address) -> Result<(), OpenError> {
    let pending = pending(address)?;
    if pending.is_empty() {
        Ok(())
    } else {
        Err(OpenError::Pending(pending))
    }
}

fn pending(address: &Address) -> Result<Vec<String>, OpenError> {
    if address.exists() {
        address.inspect(Purpose::Read)?;
        let mut connection = address.to_read().open_plain()?;
        migrations::pending(&mut connection)
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
        self.writer()?.transact(scope.clone(), decide).await
    }

    async fn transact_pipelined(
        &self,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Result<Decided, StoreError> {
        transact_pipelined(self.writer()?, scope.clone(), decide, in_flight).await
    }
}
