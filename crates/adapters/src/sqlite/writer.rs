//! The one who writes: a thread with the only connection that changes the books.
//!
//! A transaction runs on that thread from its beginning to its end. The caller only waits for the answer, so a caller
//! that goes away tears nothing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{self, JoinHandle};

use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{Decide, Decided, StoreError};
use earmark_domain::Scope;
use tokio::sync::{mpsc, oneshot};

use super::connect::Address;
use super::error::{OpenError, store_error};
use super::load::load;
use super::log::{Log, LogBounds};
use super::statement::{Statement, statement};
use super::write::write;

/// How many transactions wait for the writer; beyond that their callers wait to hand them in. The engine has one under
/// way for each of its few lanes, so this is never the bottleneck; it bounds what is left to do at the end.
const WAITING: usize = 64;

/// What a decision's panic left behind.
type Panic = Box<dyn Any + Send>;

type Ended = Result<Result<Decided, StoreError>, Panic>;

struct Job {
    scope: Scope,
    decide: Decide,
    answer: oneshot::Sender<Ended>,
}

/// The handle on the thread. Dropped, it lets the thread finish what was handed in, and waits for that.
pub(super) struct Writer {
    /// `None` only while it is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection that is set up.
    pub(super) fn start(address: Address, connection: SqliteConnection, bounds: LogBounds) -> Result<Self, OpenError> {
        let (jobs, handed_in) = mpsc::channel(WAITING);
        let desk = Desk {
            log: Log::start(&address, bounds)?,
            address,
            connection: Some(connection),
        };
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || desk.work(handed_in))
            .map_err(|why| OpenError::CutShort(why.to_string()))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Hands a transaction in and waits for its end.
    pub(super) async fn run(&self, scope: Scope, decide: Decide) -> Result<Decided, StoreError> {
        let (answer, ended) = oneshot::channel();
        let job = Job { scope, decide, answer };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        match ended.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone()),
        }
    }

    /// Whether transactions are still taken.
    pub(super) fn ready(&self) -> Result<(), StoreError> {
        match &self.jobs {
            Some(jobs) if !jobs.is_closed() => Ok(()),
            _ => Err(gone()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread ends once it has run what was handed in.
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

fn gone() -> StoreError {
    StoreError::Unavailable("the thread that writes to the SQLite file has ended".to_owned())
}

/// The thread's own.
struct Desk {
    log: Log,
    address: Address,
    /// `None` after a transaction that could not even be rolled back: the next one opens another.
    connection: Option<SqliteConnection>,
}

impl Desk {
    fn work(mut self, mut handed_in: mpsc::Receiver<Job>) {
        while let Some(Job { scope, decide, answer }) = handed_in.blocking_recv() {
            let ended = self.run(&scope, &decide);
            // The decision may hold the caller's own things: they are let go before the caller goes on.
            drop(decide);
            if answer.send(ended).is_err() {
                tracing::debug!("the caller of a transaction went away before its answer");
            }
            if let Some(connection) = &mut self.connection {
                self.log.tend(connection);
            }
        }
        if let Some(connection) = &mut self.connection {
            self.log.close(connection);
        }
    }

    /// One transaction, from its beginning to its commit.
    fn run(&mut self, scope: &Scope, decide: &Decide) -> Ended {
        let mut connection = match self.connection.take().map_or_else(|| self.address.open_writer(), Ok) {
            Ok(connection) => connection,
            Err(why) => return Ok(Err(StoreError::Unavailable(why.to_string()))),
        };
        if let Err(error) = control("BEGIN IMMEDIATE").execute(&mut connection) {
            self.connection = Some(connection);
            return Ok(Err(store_error(error)));
        }
        let ended = catch_unwind(AssertUnwindSafe(|| transact(&mut connection, scope, decide)));
        let (stored, ended) = match ended {
            Ok(Ok((stored, decided))) => (stored, Ok(Ok(decided))),
            Ok(Err(error)) => (false, Ok(Err(error))),
            Err(panic) => (false, Err(panic)),
        };
        if stored || roll_back(&mut connection) {
            self.connection = Some(connection);
        }
        ended
    }
}

/// Reads, decides, and stores, within a transaction that is open; answers whether the transaction is committed. Where
/// it is not, nothing is stored and the transaction is still open.
fn transact(connection: &mut SqliteConnection, scope: &Scope, decide: &Decide) -> Result<(bool, Decided), StoreError> {
    let loaded = load(connection, scope)?;
    let decided = decide(loaded)?;
    if decided.changes.is_empty() {
        return Ok((false, decided));
    }
    write(connection, &decided.changes)?;
    control("COMMIT").execute(connection).map_err(store_error)?;
    Ok((true, decided))
}

/// Ends a transaction that stores nothing. `false`: the connection is not to be used any more; closing it ends the
/// transaction.
fn roll_back(connection: &mut SqliteConnection) -> bool {
    match control("ROLLBACK").execute(connection) {
        Ok(_) => true,
        Err(why) => {
            tracing::warn!(%why, "the connection that writes is closed, its transaction could not be rolled back");
            false
        }
    }
}

fn control(text: &'static str) -> Statement<'static> {
    statement(text)
}
