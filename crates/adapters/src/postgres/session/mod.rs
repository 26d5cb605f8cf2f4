//! A session: a connection with bounds in time, which is closed rather than used again when it is not at rest.
//!
//! Every statement runs through [`Session::run`], which asks for an answer within the session's patience. That bound
//! is the program's own: it holds against a server that is stopped behind a live connection, too. The server has
//! bounds of its own ([`SessionLimits`]), which are shorter, so that it mostly answers first, with an error that tells
//! more.
//!
//! A session that was dropped in the middle of a transaction, or with a statement that was not answered, or that has
//! failed, is not at rest: [`Session::is_reusable`] says so, the pool drops it, and the server is asked to cancel what
//! it is doing and sees the connection close.

mod server_messages;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use diesel::ConnectionError;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use earmark_application::Clock;
use futures::FutureExt;
use futures::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_postgres::{CancelToken, Config, NoTls};

use super::error::StatementError;
use server_messages::{ServerMessages, SessionLog};

/// Runs a future for at most this long; `None`: it took longer, and was dropped.
pub(super) async fn at_most<T>(clock: &dyn Clock, time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    // Most work is done at once or soon: a timer that is not needed costs more than this.
    if let Some(done) = future.as_mut().now_or_never() {
        return Some(done);
    }
    match select(future, clock.pause(time)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// The bounds that a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionLimits {
    /// How long the server waits for a lock (`lock_timeout`); zero: for ever.
    pub(super) lock: Duration,
    /// How long the server works on one statement (`statement_timeout`); zero: for ever.
    pub(super) statement: Duration,
    /// How long a transaction may stand still between two statements (`idle_in_transaction_session_timeout`) before
    /// the server ends it, and gives its locks free; zero: for ever.
    pub(super) idle_in_transaction: Duration,
    /// How long this program waits for the answer to a statement. Longer than the server may work on it.
    pub(super) patience: Duration,
}

impl SessionLimits {
    /// The settings of the server's session.
    pub(super) fn settings(&self) -> String {
        format!(
            "SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            self.lock.as_millis(),
            self.statement.as_millis(),
            self.idle_in_transaction.as_millis()
        )
    }
}

/// Asks the server behind a connection to cancel what that does. It may fail, and nobody waits for it.
pub(super) type Cancel = Arc<dyn Fn(CancelToken) + Send + Sync>;

/// A connection to the server. Statements that are polled together are pipelined.
pub(super) struct Session {
    connection: AsyncPgConnection,
    log: Arc<SessionLog>,
    state: State,
    clock: Arc<dyn Clock>,
    /// In milliseconds.
    patience: AtomicU64,
    epoch: u64,
}

/// Whether a session is at rest. Dropped when it is not, it closes the connection at once.
struct State {
    /// How many statements were sent.
    sent: AtomicU64,
    /// The last statement that was answered. The server answers in order, so those before it have been, too.
    answered: AtomicU64,
    in_transaction: AtomicBool,
    /// Whether nothing may be sent any more.
    ended: AtomicBool,
    /// Whether that is because the connection was lost.
    lost: AtomicBool,
    driver: AbortHandle,
    cancel_token: CancelToken,
    cancel: Cancel,
}

impl State {
    fn is_at_rest(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
            && !self.in_transaction.load(Ordering::Acquire)
            && self.sent.load(Ordering::Acquire) == self.answered.load(Ordering::Acquire)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if !self.is_at_rest() {
            (self.cancel)(self.cancel_token.clone());
            // The driver would wait for the answers that are due, and keep the connection open as long.
            self.driver.abort();
        }
    }
}

impl Session {
    /// Starts a session on a stream to the server. It runs on the current runtime.
    ///
    /// # Errors
    /// Those of the server and of the connection.
    pub(super) async fn start<S>(
        stream: S,
        config: &Config,
        limits: SessionLimits,
        clock: Arc<dyn Clock>,
        cancel: Cancel,
    ) -> Result<Self, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let log = Arc::<SessionLog>::default();
        let stream = ServerMessages::on(stream, Arc::clone(&log));
        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(ConnectError::Start)?;
        let ending = Arc::clone(&log);
        let driver = tokio::spawn(async move {
            let mut connection = pin!(connection);
            if let Err(why) = connection.as_mut().await {
                tracing::debug!(%why, "a connection has ended");
            }
            // Before the connection is dropped, which fails the statements that wait.
            ending.close();
        });
        let cancel_token = client.cancel_token();
        let state = State {
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            in_transaction: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            driver: driver.abort_handle(),
            cancel_token,
            cancel,
        };
        let connection = AsyncPgConnection::try_from(client).await.map_err(ConnectError::SetUp)?;
        Ok(Self {
            connection,
            log,
            state,
            clock,
            patience: AtomicU64::new(millis(limits.patience)),
            epoch: 0,
        })
    }

    /// The same session, which was found to be one with books in this epoch.
    pub(super) fn in_epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    /// The epoch that its books are in; 0: that was not asked.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Runs settings, as they stand.
    ///
    /// # Errors
    /// Those of the server and of the connection.
    pub(super) async fn set(&self, settings: &str) -> Result<(), StatementError> {
        let mut connection = &self.connection;
        self.run(connection.batch_execute(settings)).await?;
        self.log.pass_over_warnings();
        Ok(())
    }

    /// The connection, to send a statement on; within [`run`](Self::run).
    pub(super) const fn connection(&self) -> &AsyncPgConnection {
        &self.connection
    }

    /// The connection alone, without bounds in time: for migrations.
    pub(super) fn into_connection(self) -> AsyncPgConnection {
        self.connection
    }

    /// The process that serves the session, as the server said at its start.
    pub(super) fn process_id(&self) -> i32 {
        self.log.process_id()
    }

    /// Changes how long answers are waited for.
    pub(super) fn set_patience(&self, patience: Duration) {
        self.patience.store(millis(patience), Ordering::Relaxed);
    }

    /// Whether it can be used by another caller.
    pub(super) fn is_reusable(&self) -> bool {
        self.state.is_at_rest() && !self.log.is_closed()
    }

    /// Whether the connection was lost: what has changed nothing may be tried on another one.
    pub(super) fn is_lost(&self) -> bool {
        self.state.lost.load(Ordering::Acquire) || self.log.is_closed()
    }

    /// Runs a statement, and waits for its answer no longer than the session's patience.
    ///
    /// # Errors
    /// [`StatementError`]. After one that ends the session, it is not used again.
    pub(super) async fn run<T>(&self, statement: impl Future<Output = QueryResult<T>>) -> Result<T, StatementError> {
        let number = self.state.sent.fetch_add(1, Ordering::AcqRel) + 1;
        let patience = Duration::from_millis(self.patience.load(Ordering::Relaxed));
        let answer = match at_most(&*self.clock, patience, statement).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(StatementError::of(
                error,
                |message| self.log.state_of(message),
                self.log.is_closed(),
            )),
            None => Err(StatementError::no_answer(patience)),
        };
        if let Err(error) = &answer
            && error.ends_session()
        {
            self.state.lost.fetch_or(error.is_lost(), Ordering::AcqRel);
            self.end();
        } else {
            self.state.answered.fetch_max(number, Ordering::AcqRel);
        }
        answer
    }

    /// Begins a transaction with this statement. From when it is sent the session is not reusable, until the
    /// transaction has ended.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) async fn begin(&self, statement: &'static str) -> Result<(), StatementError> {
        self.state.in_transaction.store(true, Ordering::Release);
        self.plain(statement).await
    }

    /// Ends the transaction.
    ///
    /// # Errors
    /// As [`run`](Self::run). Whether it was stored is not known then, unless the error says that it was not.
    pub(super) async fn commit(&self) -> Result<(), StatementError> {
        self.plain("COMMIT").await?;
        self.state.in_transaction.store(false, Ordering::Release);
        Ok(())
    }

    /// Ends the transaction, if there is one, and stores nothing of it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) async fn roll_back(&self) -> Result<(), StatementError> {
        self.plain("ROLLBACK").await?;
        self.state.in_transaction.store(false, Ordering::Release);
        Ok(())
    }

    /// Checks, after a commit, that the server has acknowledged it without reserve: a commit whose wait for a
    /// synchronous standby was cancelled is stored here alone, and the server only warns.
    ///
    /// # Errors
    /// Whether the commit lasts is not known. The session has ended.
    pub(super) fn check_acknowledged(&self) -> Result<(), StatementError> {
        if self.log.has_warned() {
            self.end();
            return Err(StatementError::not_acknowledged());
        }
        Ok(())
    }

    /// Ends it though it answers: its server is not the one any more that the service works on.
    pub(super) fn give_up(&self) {
        self.state.lost.store(true, Ordering::Release);
        self.end();
    }

    /// From now on nothing is sent any more.
    fn end(&self) {
        self.state.ended.store(true, Ordering::Release);
    }

    async fn plain(&self, statement: &'static str) -> Result<(), StatementError> {
        let mut connection = &self.connection;
        let statement = diesel_async::RunQueryDsl::execute(Plain(statement), &mut connection);
        self.run(statement).await.map(|_| ())
    }
}

/// A statement without values. Like all others it is prepared once a session: statements of a flight keep their order
/// because each waits for its turn to be prepared. One that is not prepared would overtake them.
struct Plain(&'static str);

impl QueryId for Plain {
    type QueryId = ();

    // Without an id of its type the connection's cache knows a statement by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Plain {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}

impl Query for Plain {
    type SqlType = ();
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Why a session could not be started.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The server or the network refused.
    Start(tokio_postgres::Error),
    /// The driver could not set it up.
    SetUp(ConnectionError),
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // The server's own message if there is one.
            Self::Start(error) => match error.as_db_error() {
                Some(answer) => f.write_str(answer.message()),
                None => write_with_causes(error, f),
            },
            Self::SetUp(error) => write!(f, "{error}"),
        }
    }
}

fn write_with_causes(error: &dyn std::error::Error, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(why) = cause {
        write!(f, ": {why}")?;
        cause = why.source();
    }
    Ok(())
}
