//! The readers: a few threads, each with a connection of its own.
//!
//! A thread keeps its connection and the statements that it has prepared, and takes one query after the other. A query
//! costs one hand-over each way, and a caller that goes away interrupts nothing.
//!
//! Queries of different length do not share threads: a search that reads ten thousand products must not stand before a
//! look-up that reads three rows, and a probe is answered whatever else is asked.

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::super::error::{OpenError, store_error};
use super::super::file::FileGuard;
use super::super::statement::{Statement, statement};
use super::connect::Address;

/// How many queries wait for a reader; beyond that their callers wait to queue them. A query takes some ten
/// microseconds, so these are a few milliseconds' worth.
const WAITING: usize = 256;

/// A query with the channel for its result. Answers the state in which it leaves the connection.
type Job = Box<dyn FnOnce(&mut SqliteConnection) -> ConnectionState + Send>;

/// The state in which a query leaves its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    /// As it was.
    Good,
    /// Unknown: it must not be used again.
    Broken,
}

/// The readers, by how long their queries take.
pub(in crate::sqlite) struct ReaderPools {
    /// Queries by a key: a few rows.
    pub(in crate::sqlite) by_key: Readers,
    /// Searches, exports and other pages: up to some thousand rows, and what is read to find them.
    pub(in crate::sqlite) long: Readers,
    /// Probes.
    pub(in crate::sqlite) probe: Readers,
}

impl ReaderPools {
    /// Opens `by_key` connections for queries by a key, half as many for long ones, and one for probes: long queries
    /// leave half of the processors that queries use to the others.
    pub(in crate::sqlite) fn open(
        address: &Address,
        by_key: usize,
        guard: Option<&Arc<FileGuard>>,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            by_key: Readers::open(address, "key", by_key, guard)?,
            long: Readers::open(address, "long", (by_key / 2).max(1), guard)?,
            probe: Readers::open(address, "probe", 1, guard)?,
        })
    }
}

/// The handle on the threads. Dropped, it lets each finish what is queued, and waits for that.
pub(in crate::sqlite) struct Readers {
    /// `None` only while it is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    /// `None`: nothing is written to the file.
    guard: Option<Arc<FileGuard>>,
    address: Address,
}

impl Readers {
    /// Opens the connections and starts the threads, which `class` is in the names of.
    fn open(address: &Address, class: &str, readers: usize, guard: Option<&Arc<FileGuard>>) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::channel(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        let start = |number| {
            let reader = ReaderThread {
                address: address.clone(),
                connection: Some(address.open_reader()?),
                _file: address.hold()?,
                queue: Arc::clone(&queue),
            };
            thread::Builder::new()
                .name(format!("sqlite-{class}-{number}"))
                .spawn(move || reader.run())
                .map_err(|why| OpenError::CutShort(why.to_string()))
        };
        let threads = (0..readers).map(start).collect::<Result<_, _>>()?;
        Ok(Self {
            jobs: Some(jobs),
            threads,
            guard: guard.cloned(),
            address: address.clone(),
        })
    }

    /// Runs a query. It is skipped when the caller goes away before its turn.
    pub(in crate::sqlite) async fn query<T, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        self.run(|connection| (query(connection), ConnectionState::Good)).await
    }

    /// Runs a query of several statements: all of them see one state.
    pub(in crate::sqlite) async fn query_snapshot<T, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        self.run(|connection| {
            if let Err(error) = control("BEGIN").execute(connection) {
                return (Err(store_error(error)), ConnectionState::Good);
            }
            let result = query(connection);
            match control("ROLLBACK").execute(connection) {
                Ok(_) => (result, ConnectionState::Good),
                // The result is complete; only the connection is lost.
                Err(_) => (result, ConnectionState::Broken),
            }
        })
        .await
    }

    async fn run<T, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> (Result<T, StoreError>, ConnectionState) + Send + 'static,
    {
        if let Some(guard) = &self.guard {
            guard.sound()?;
        } else if self.address.was_opened_meanwhile() {
            let why = "another program has opened the SQLite file meanwhile, which this one reads without locks";
            return Err(StoreError::Unavailable(why.to_owned()));
        }
        let (reply, result) = oneshot::channel::<Result<Result<T, StoreError>, Box<dyn Any + Send>>>();
        let job: Job = Box::new(move |connection| {
            if reply.is_closed() {
                return ConnectionState::Good;
            }
            let (result, state) = match catch_unwind(AssertUnwindSafe(|| query(connection))) {
                Ok((result, state)) => (Ok(result), state),
                Err(panic) => (Err(panic), ConnectionState::Broken),
            };
            // The caller may have gone away meanwhile.
            drop(reply.send(result));
            state
        });
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        match result.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone()),
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // Without a sender the threads end once the queue is empty.
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that reads the SQLite file panicked");
            }
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the threads that read the SQLite file have ended".to_owned())
}

// By hand, as all transaction control: the builder has none, and diesel's own transactions are prepared anew each time.
fn control(text: &'static str) -> Statement<'static> {
    statement(text)
}

/// A thread's own state.
struct ReaderThread {
    address: Address,
    /// `None` after a query that broke it: the next one opens another.
    connection: Option<SqliteConnection>,
    /// Must not be closed before the connection is.
    _file: Arc<File>,
    /// Any thread that is free takes the next.
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
}

impl ReaderThread {
    fn run(mut self) {
        loop {
            // Only the receiving happens under the lock, so one that was poisoned is as good as any.
            let next = self
                .queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .blocking_recv();
            let Some(job) = next else { return };
            let mut connection = match self.connection.take().map_or_else(|| self.address.open_reader(), Ok) {
                Ok(connection) => connection,
                Err(why) => {
                    // The job is dropped, and its caller gets "unavailable".
                    tracing::warn!(%why, "a connection to the SQLite file could not be opened again");
                    continue;
                }
            };
            if job(&mut connection) == ConnectionState::Good {
                self.connection = Some(connection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use diesel::sql_types::BigInt;

    use super::*;

    fn one(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
        statement::<BigInt>("SELECT 1")
            .get_result(connection)
            .map_err(store_error)
    }

    /// Polls a query once, and answers whether it is pending.
    async fn is_pending(query: &mut (impl Future + Unpin)) -> bool {
        poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *query).poll(context).is_pending())).await
    }

    fn readers(folder: &tempfile::TempDir) -> Readers {
        let address = Address::new(&folder.path().join("shop.db")).expect("a path");
        drop(address.open_writer().expect("a file"));
        Readers::open(&address, "test", 1, None).expect("they open")
    }

    #[tokio::test]
    async fn a_query_that_panics_ends_no_other_query() {
        let folder = tempfile::tempdir().expect("a folder");
        let readers = Arc::new(readers(&folder));
        let others = Arc::clone(&readers);
        let panics = tokio::spawn(async move {
            others
                .query_snapshot(|_| -> Result<(), StoreError> { unreachable!("the test asks for it") })
                .await
        });
        assert!(panics.await.expect_err("the panic reaches the caller").is_panic());
        assert_eq!(readers.query_snapshot(one).await.expect("an answer"), 1);
    }

    #[tokio::test]
    async fn a_query_whose_caller_has_gone_away_is_skipped() {
        let folder = tempfile::tempdir().expect("a folder");
        let readers = readers(&folder);
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let busy = readers.query(move |_| {
            // Until the sender is dropped.
            let _ = held.recv();
            Ok(())
        });
        let mut busy = Box::pin(busy);
        assert!(is_pending(&mut busy).await);
        let given_up = readers.query(|_| -> Result<(), StoreError> { unreachable!("its caller has gone away") });
        let mut given_up = Box::pin(given_up);
        assert!(is_pending(&mut given_up).await);
        drop(given_up);
        drop(go_on);
        busy.await.expect("an answer");
        assert_eq!(readers.query(one).await.expect("an answer"), 1);
    }
}
