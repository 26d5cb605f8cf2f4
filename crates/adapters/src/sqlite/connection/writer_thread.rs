//! The writer: a thread with the only connection that changes the tables.
//!
//! A transaction runs on that thread from its beginning to its end. The caller only waits for the result, so a caller
//! that goes away interrupts nothing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use earmark_application::{Decide, Decided, StoreError};
use earmark_domain::Scope;
use tokio::sync::{mpsc, oneshot};

use super::super::error::OpenError;
use super::super::file::{FileConnection, FileGuard};
use super::super::store::{DeferredIndexBounds, WriteConnection};
use super::checkpoint::{Checkpoint, CheckpointBounds};
use super::connect::Address;
use super::position::Position;

/// How many jobs wait for the writer; beyond that their callers wait to queue them. The engine has at most two
/// transactions for each of its few lanes, so this is never the bottleneck; it bounds what is left to do at the end.
const WAITING: usize = 64;

/// The payload of a decision's panic.
type Panic = Box<dyn Any + Send>;

type Ended = Result<Result<Decided, StoreError>, Panic>;

/// How much work the writer may defer.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sqlite) struct WriterBounds {
    pub(in crate::sqlite) checkpoint: CheckpointBounds,
    pub(in crate::sqlite) deferred_index: DeferredIndexBounds,
}

enum Job {
    /// A decision to be taken and stored.
    Transact {
        scope: Box<Scope>,
        decide: Decide,
        position: Position,
        reply: oneshot::Sender<Ended>,
    },
    /// A write beside the commands, in transactions of its own.
    Write(WriteTask),
}

/// A write beside the commands. It gets the connection outside any transaction, or the reason why there is none, and
/// leaves it outside any; `false`: it could not, and the connection must not be used any more.
type WriteTask = Box<dyn FnOnce(Result<&mut WriteConnection, StoreError>) -> bool + Send>;

/// The handle on the thread. Dropped, it lets the thread finish what is queued, and waits for that.
pub(in crate::sqlite) struct Writer {
    /// `None` only while it is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection that is set up.
    pub(in crate::sqlite) fn start(
        address: Address,
        connection: FileConnection,
        guard: Arc<FileGuard>,
        bounds: WriterBounds,
    ) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::channel(WAITING);
        let writer = WriterThread {
            checkpoint: Checkpoint::start(&address, Arc::clone(&guard), bounds.checkpoint)?,
            address,
            connection: Some(WriteConnection::new(
                connection,
                Arc::clone(&guard),
                bounds.deferred_index,
            )),
            guard,
            deferred_index: bounds.deferred_index,
        };
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|why| OpenError::CutShort(why.to_string()))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Queues a transaction and waits for its end.
    pub(in crate::sqlite) async fn transact(&self, scope: Scope, decide: Decide) -> Result<Decided, StoreError> {
        let queued = self.queue_transaction(scope, decide, Position::default()).await?;
        queued.wait().await
    }

    /// Queues a transaction at its place in a pipeline.
    pub(super) async fn queue_transaction(
        &self,
        scope: Scope,
        decide: Decide,
        position: Position,
    ) -> Result<QueuedTransaction, StoreError> {
        let (reply, ended) = oneshot::channel();
        self.queue(Job::Transact {
            scope: Box::new(scope),
            decide,
            position,
            reply,
        })
        .await?;
        Ok(QueuedTransaction(ended))
    }

    /// Queues a write beside the commands, and does not wait for its end.
    pub(in crate::sqlite) async fn write(
        &self,
        task: impl FnOnce(Result<&mut WriteConnection, StoreError>) -> bool + Send + 'static,
    ) -> Result<(), StoreError> {
        self.queue(Job::Write(Box::new(task))).await
    }

    async fn queue(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())
    }

    /// Whether the writer still takes transactions.
    pub(in crate::sqlite) fn ready(&self) -> Result<(), StoreError> {
        match &self.jobs {
            Some(jobs) if !jobs.is_closed() => Ok(()),
            _ => Err(gone()),
        }
    }
}

/// A transaction that the writer will run, whether or not anybody waits for it.
pub(super) struct QueuedTransaction(oneshot::Receiver<Ended>);

impl QueuedTransaction {
    pub(super) async fn wait(self) -> Result<Decided, StoreError> {
        match self.0.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread ends once the queue is empty.
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A decision may hold the last handle, and be dropped on the very thread: that one can't wait for itself.
            let waits = thread.thread().id() != thread::current().id();
            if waits && thread.join().is_err() {
                tracing::error!("the thread that writes to the SQLite file panicked");
            }
        }
    }
}

pub(in crate::sqlite) fn gone() -> StoreError {
    StoreError::Unavailable("the thread that writes to the SQLite file has ended".to_owned())
}

/// The thread's own state.
struct WriterThread {
    checkpoint: Checkpoint,
    address: Address,
    guard: Arc<FileGuard>,
    deferred_index: DeferredIndexBounds,
    /// `None` after a transaction that could not even be rolled back: the next one opens another.
    connection: Option<WriteConnection>,
}

impl WriterThread {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(job) = queue.blocking_recv() {
            match job {
                Job::Transact {
                    scope,
                    decide,
                    position,
                    reply,
                } => {
                    let ended = if position.may_run() {
                        self.transact(&scope, &decide)
                    } else {
                        // The callers of its predecessor came first, and are served first.
                        Ok(Err(StoreError::Conflict))
                    };
                    if matches!(ended, Ok(Ok(_))) {
                        position.record_stored();
                    }
                    // The decision may hold things of the caller: they are dropped before the caller goes on.
                    drop(decide);
                    if reply.send(ended).is_err() {
                        tracing::debug!("the caller of a transaction went away before its result");
                    }
                }
                Job::Write(task) => self.write(task),
            }
            if let Some(writes) = &mut self.connection
                && self.guard.sound().is_ok()
            {
                let length = writes.log_length();
                self.checkpoint.advance(&mut writes.connection, length);
            }
        }
        if let Some(mut writes) = self.connection {
            if let Err(why) = writes.confirm() {
                tracing::error!(%why, "the SQLite file and its log are left as they are");
                return;
            }
            // No caller waits any more. Readers find events without an entry all the same.
            if let Err(why) = writes.complete_index() {
                tracing::debug!(%why, "the newest events are left without entries in the deferred index");
            }
            self.checkpoint.close(writes.connection);
        }
    }

    /// One transaction.
    fn transact(&mut self, scope: &Scope, decide: &Decide) -> Ended {
        let mut writes = match self.connected() {
            Ok(writes) => writes,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = writes.begin() {
            self.connection = Some(writes);
            return Ok(Err(error));
        }
        let ended = catch_unwind(AssertUnwindSafe(|| writes.transact(scope, decide)));
        let (stored, ended) = match ended {
            Ok(Ok((stored, decided))) => (stored, Ok(Ok(decided))),
            Ok(Err(error)) => (false, Ok(Err(error))),
            Err(panic) => (false, Err(panic)),
        };
        let good = stored || writes.roll_back();
        // A decision that stores nothing is answered from the same file, and what failed may have failed by its loss.
        let confirmed = writes.confirm();
        if good {
            self.connection = Some(writes);
        }
        match (ended, confirmed) {
            (Ok(Ok(_)), Err(why)) => Ok(Err(why)),
            (Ok(Err(StoreError::Unavailable(_) | StoreError::Corrupt(_))), Err(why)) if self.guard.sound().is_err() => {
                Ok(Err(why))
            }
            (ended, _) => ended,
        }
    }

    /// One write beside the commands.
    fn write(&mut self, task: WriteTask) {
        match self.connected() {
            Ok(mut writes) => {
                let good = catch_unwind(AssertUnwindSafe(|| task(Ok(&mut writes))));
                if good.is_ok_and(|good| good) {
                    self.connection = Some(writes);
                }
            }
            Err(error) => {
                task(Err(error));
            }
        }
    }

    /// The connection, opened again where there is none.
    fn connected(&mut self) -> Result<WriteConnection, StoreError> {
        self.guard.sound()?;
        match self.connection.take() {
            Some(writes) => Ok(writes),
            None => self
                .address
                .open_writer_again()
                .map(|connection| WriteConnection::new(connection, Arc::clone(&self.guard), self.deferred_index))
                .map_err(|why| StoreError::Unavailable(why.to_string())),
        }
    }
}
