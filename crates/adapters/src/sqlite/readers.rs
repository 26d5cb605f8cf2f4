//! Those who answer questions: a few threads, each with a connection of its own.
//!
//! A thread keeps its connection and the statements that it has prepared, and takes one question after the other. That
//! costs a question one hand-over each way, and a caller that goes away tears nothing.

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::connect::Address;
use super::error::{OpenError, store_error};
use super::statement::{Statement, statement};

/// How many questions wait for a reader; beyond that their callers wait to ask. A question takes some ten microseconds,
/// so that these are a few milliseconds' worth.
const WAITING: usize = 256;

/// A question with the place that its answer goes to. What it leaves: whether the connection is still good.
type Question = Box<dyn FnOnce(&mut SqliteConnection) -> Left + Send>;

/// How a question leaves its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// As it was.
    Good,
    /// In a state that nobody knows: it must not be used again.
    Torn,
}

/// The handle on the threads. Dropped, it lets each finish what was asked, and waits for that.
pub(super) struct Readers {
    /// `None` only while it is being dropped.
    questions: Option<mpsc::Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub(super) fn open(address: &Address, readers: usize) -> Result<Self, OpenError> {
        let (questions, asked) = mpsc::channel(WAITING);
        let asked = Arc::new(Mutex::new(asked));
        let start = |number| {
            let reader = Reader {
                address: address.clone(),
                connection: Some(address.open_reader()?),
                _file: address.hold()?,
                asked: Arc::clone(&asked),
            };
            thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || reader.work())
                .map_err(|why| OpenError::CutShort(why.to_string()))
        };
        let threads = (0..readers).map(start).collect::<Result<_, _>>()?;
        Ok(Self {
            questions: Some(questions),
            threads,
        })
    }

    /// Asks a question. It is passed over when the caller goes away before its turn.
    pub(super) async fn ask<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        self.hand_in(|connection| (question(connection), Left::Good)).await
    }

    /// Asks a question of several statements: all of them see one state.
    pub(super) async fn ask_in_one_snapshot<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        self.hand_in(|connection| {
            if let Err(error) = control("BEGIN").execute(connection) {
                return (Err(store_error(error)), Left::Good);
            }
            let answer = question(connection);
            match control("ROLLBACK").execute(connection) {
                Ok(_) => (answer, Left::Good),
                // The answer was read in whole; it is the connection that can't go on.
                Err(_) => (answer, Left::Torn),
            }
        })
        .await
    }

    async fn hand_in<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut SqliteConnection) -> (Result<T, StoreError>, Left) + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<Result<T, StoreError>, Box<dyn Any + Send>>>();
        let question: Question = Box::new(move |connection| {
            if answer.is_closed() {
                return Left::Good;
            }
            let (placing_event, left) = match catch_unwind(AssertUnwindSafe(|| question(connection))) {
                Ok((placing_event, left)) => (Ok(placing_event), left),
                Err(panic) => (Err(panic), Left::Torn),
            };
            // Nobody waits for it when the caller has gone away meanwhile.
            drop(answer.send(placing_event));
            left
        });
        let questions = self.questions.as_ref().ok_or_else(gone)?;
        questions.send(question).await.map_err(|_| gone())?;
        match answered.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone()),
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // Without a sender the threads end once they have answered what was asked.
        drop(self.questions.take());
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

fn control(text: &'static str) -> Statement<'static> {
    statement(text)
}

/// A thread's own.
struct Reader {
    address: Address,
    /// `None` after a question that tore it: the next one opens another.
    connection: Option<SqliteConnection>,
    /// Not to be closed before the connection is.
    _file: Arc<File>,
    /// Whoever is free takes the next.
    asked: Arc<Mutex<mpsc::Receiver<Question>>>,
}

impl Reader {
    fn work(mut self) {
        loop {
            // Nothing but the taking happens under the lock, so one that was poisoned is as good as any.
            let next = self
                .asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .blocking_recv();
            let Some(question) = next else { return };
            let mut connection = match self.connection.take().map_or_else(|| self.address.open_reader(), Ok) {
                Ok(connection) => connection,
                Err(why) => {
                    // The question is dropped, and its caller hears that it is not answered.
                    tracing::warn!(%why, "a connection to the SQLite file could not be opened anew");
                    continue;
                }
            };
            if question(&mut connection) == Left::Good {
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

    /// Asks, and says whether the answer has to be waited for.
    async fn waits(question: &mut (impl Future + Unpin)) -> bool {
        poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *question).poll(context).is_pending())).await
    }

    fn readers(folder: &tempfile::TempDir) -> Readers {
        let address = Address::new(&folder.path().join("shop.db")).expect("a path");
        drop(address.open_writer().expect("a file"));
        Readers::open(&address, 1).expect("they open")
    }

    #[tokio::test]
    async fn a_question_that_panics_takes_nobody_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let readers = Arc::new(readers(&folder));
        let asked = Arc::clone(&readers);
        let panics = tokio::spawn(async move {
            asked
                .ask_in_one_snapshot(|_| -> Result<(), StoreError> { unreachable!("asked for") })
                .await
        });
        assert!(panics.await.expect_err("the panic comes back").is_panic());
        assert_eq!(readers.ask_in_one_snapshot(one).await.expect("an answer"), 1);
    }

    #[tokio::test]
    async fn a_question_whose_caller_has_gone_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let readers = readers(&folder);
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let busy = readers.ask(move |_| {
            // Until nobody holds it back any more.
            let _ = held.recv();
            Ok(())
        });
        let mut busy = Box::pin(busy);
        assert!(waits(&mut busy).await);
        let given_up = readers.ask(|_| -> Result<(), StoreError> { unreachable!("nobody waits for it") });
        let mut given_up = Box::pin(given_up);
        assert!(waits(&mut given_up).await);
        drop(given_up);
        drop(go_on);
        busy.await.expect("an answer");
        assert_eq!(readers.ask(one).await.expect("an answer"), 1);
    }
}
