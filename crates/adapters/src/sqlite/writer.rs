//! The one who writes: a thread with the only connection that changes the books.
//!
//! A transaction runs on that thread from its beginning to its end. The caller only waits for the answer, so a caller
//! that goes away tears nothing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{self, JoinHandle};

use diesel::SqliteConnection;
use earmark_application::{Decide, Decided, StoreError};
use earmark_domain::Scope;
use tokio::sync::{mpsc, oneshot};

use super::connect::Address;
use super::error::OpenError;
use super::filing::FilingBounds;
use super::log::{Log, LogBounds};
use super::transact::Books;

/// How many transactions wait for the writer; beyond that their callers wait to hand them in. The engine has two under
/// way for each of its few lanes at most, so this is never the bottleneck; it bounds what is left to do at the end.
const WAITING: usize = 64;

/// What a decision's panic left behind.
type Panic = Box<dyn Any + Send>;

type Ended = Result<Result<Decided, StoreError>, Panic>;

/// What the writer leaves for later, and how much of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    pub(super) log: LogBounds,
    pub(super) filing: FilingBounds,
}

enum Job {
    /// A decision to be taken and stored.
    Transact {
        scope: Scope,
        decide: Decide,
        answer: oneshot::Sender<Ended>,
    },
    /// Something else that writes, in transactions of its own.
    Errand(Errand),
}

/// Something that writes beside the commands. It is given the connection outside any transaction, or the reason why there
/// is none, and leaves it outside any; `false`: it could not, and the connection is not to be used any more.
pub(super) type Errand = Box<dyn FnOnce(Result<&mut SqliteConnection, StoreError>) -> bool + Send>;

/// The handle on the thread. Dropped, it lets the thread finish what was handed in, and waits for that.
pub(super) struct Writer {
    /// `None` only while it is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection that is set up.
    pub(super) fn start(address: Address, connection: SqliteConnection, bounds: Bounds) -> Result<Self, OpenError> {
        let (jobs, handed_in) = mpsc::channel(WAITING);
        let desk = Desk {
            log: Log::start(&address, bounds.log)?,
            address,
            books: Some(Books::new(connection, bounds.filing)),
            filing: bounds.filing,
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
        self.hand_in(Job::Transact { scope, decide, answer }).await?;
        match ended.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone()),
        }
    }

    /// Hands an errand in, and does not wait for its end.
    pub(super) async fn send(&self, errand: Errand) -> Result<(), StoreError> {
        self.hand_in(Job::Errand(errand)).await
    }

    async fn hand_in(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())
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

pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("the thread that writes to the SQLite file has ended".to_owned())
}

/// The thread's own.
struct Desk {
    log: Log,
    address: Address,
    filing: FilingBounds,
    /// `None` after a transaction that could not even be rolled back: the next one opens them again.
    books: Option<Books>,
}

impl Desk {
    fn work(mut self, mut handed_in: mpsc::Receiver<Job>) {
        while let Some(job) = handed_in.blocking_recv() {
            match job {
                Job::Transact { scope, decide, answer } => {
                    let ended = self.run(&scope, &decide);
                    // The decision may hold the caller's own things: they are let go before the caller goes on.
                    drop(decide);
                    if answer.send(ended).is_err() {
                        tracing::debug!("the caller of a transaction went away before its answer");
                    }
                }
                Job::Errand(errand) => self.go(errand),
            }
            if let Some(books) = &mut self.books {
                self.log.tend(&mut books.connection);
            }
        }
        if let Some(mut books) = self.books {
            // Nobody waits any more. What is left unfiled is found all the same.
            if let Err(why) = books.file_all() {
                tracing::debug!(%why, "the newest events are left to be filed another time");
            }
            self.log.close(books.connection);
        }
    }

    /// One transaction.
    fn run(&mut self, scope: &Scope, decide: &Decide) -> Ended {
        let mut books = match self.opened() {
            Ok(books) => books,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = books.begin() {
            self.books = Some(books);
            return Ok(Err(error));
        }
        let ended = catch_unwind(AssertUnwindSafe(|| books.transact(scope, decide)));
        let (stored, ended) = match ended {
            Ok(Ok((stored, decided))) => (stored, Ok(Ok(decided))),
            Ok(Err(error)) => (false, Ok(Err(error))),
            Err(panic) => (false, Err(panic)),
        };
        if stored || books.roll_back() {
            self.books = Some(books);
        }
        ended
    }

    /// One errand.
    fn go(&mut self, errand: Errand) {
        match self.opened() {
            Ok(mut books) => {
                let went = catch_unwind(AssertUnwindSafe(|| errand(Ok(&mut books.connection))));
                if went.is_ok_and(|good| good) {
                    self.books = Some(books);
                }
            }
            Err(error) => {
                errand(Err(error));
            }
        }
    }

    /// The connection, opened anew where there is none.
    fn opened(&mut self) -> Result<Books, StoreError> {
        match self.books.take() {
            Some(books) => Ok(books),
            None => self
                .address
                .open_writer()
                .map(|connection| Books::new(connection, self.filing))
                .map_err(|why| StoreError::Unavailable(why.to_string())),
        }
    }
}
