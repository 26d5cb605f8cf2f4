//! What every handler needs: the engine, the books to ask, the clock, and whether the service is going down.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use actix_web::{HttpRequest, HttpResponse};
use earmark_application::{Clock, Engine, Envelope, Queries, RememberedAnswers, StoreError};
use earmark_domain::{Command, Outcome, Sku};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::{Semaphore, watch};

use super::edge::request_id;
use super::kinds;
use super::metrics::Metrics;
use super::once::MAX_KEYED_CALLS;
use super::present::ProductJson;
use super::problem::Problem;
use super::reply::Reply;
use super::stream::MAX_STREAMS;
use super::turns::Turns;

/// Who the events name that are caused by requests.
static ACTOR: OnceLock<Arc<str>> = OnceLock::new();

/// What runs, for the page and for those who ask.
#[derive(Debug, Clone)]
pub struct About {
    /// The version of the binary.
    pub version: &'static str,
    /// The kind of store, for people: `PostgreSQL`, `SQLite`, `memory`. Never an address with a password in it.
    pub store: String,
    /// Since when it runs.
    pub started: Timestamp,
}

/// Whether the service takes work or drains. Cheap to clone; all clones are one switch.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<bool>>);

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// A service that takes work.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// From now on the service is not ready, and event streams end. There is no way back.
    pub fn drain(&self) {
        self.0.send_replace(true);
    }

    /// Whether it drains.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it drains.
    pub async fn draining(&self) {
        // The sender is in `self`, so waiting can't fail.
        let _ = self.0.subscribe().wait_for(|draining| *draining).await;
    }
}

/// The application as this interface reaches it.
pub struct Api {
    engine: Engine,
    queries: Arc<dyn Queries>,
    answers: Arc<dyn RememberedAnswers>,
    turns: Turns,
    keyed_calls: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    about: About,
    streams: Arc<Semaphore>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// The interface to an engine and its books.
    #[must_use]
    pub fn new(
        engine: Engine,
        queries: Arc<dyn Queries>,
        answers: Arc<dyn RememberedAnswers>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        readiness: Readiness,
        about: About,
    ) -> Self {
        Self {
            engine,
            queries,
            answers,
            turns: Turns::default(),
            keyed_calls: Arc::new(Semaphore::new(MAX_KEYED_CALLS)),
            clock,
            metrics,
            readiness,
            about,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        }
    }

    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where answers to calls with a key are kept.
    pub(super) fn answers(&self) -> &dyn RememberedAnswers {
        &*self.answers
    }

    /// Who is being served under which key.
    pub(super) const fn turns(&self) -> &Turns {
        &self.turns
    }

    /// One permit a call with a key that is being served.
    pub(super) const fn keyed_calls(&self) -> &Arc<Semaphore> {
        &self.keyed_calls
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub(super) const fn about(&self) -> &About {
        &self.about
    }

    /// One permit an open event stream.
    pub(super) const fn streams(&self) -> &Arc<Semaphore> {
        &self.streams
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn today(&self) -> Date {
        self.clock.today()
    }

    /// Asks the books.
    ///
    /// # Errors
    /// A problem when they do not answer.
    pub(super) async fn ask<'a, T, F>(&'a self, question: impl FnOnce(&'a dyn Queries) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        question(&*self.queries)
            .await
            .map_err(|error| Problem::unanswered(&error))
    }

    /// A command with who asks for it.
    pub(super) fn envelope(command: Command, request_id: Arc<str>) -> Envelope {
        Envelope {
            command,
            actor: Arc::clone(ACTOR.get_or_init(|| Arc::from("http"))),
            correlation_id: request_id,
        }
    }

    /// Runs a command and answers the request that asked for it.
    ///
    /// # Errors
    /// The refusal, or why there is no outcome, as a problem.
    pub(super) async fn run(&self, request: &HttpRequest, command: Command) -> Result<HttpResponse, Problem> {
        let outcome = self
            .execute(request, command)
            .await
            .map_err(|error| Problem::of(&error))?;
        Ok(self.reply(&outcome).await?.response())
    }

    /// Runs a command.
    pub(super) async fn execute(&self, request: &HttpRequest, command: Command) -> earmark_application::Answer {
        self.engine.execute(Self::envelope(command, request_id(request))).await
    }

    /// What an outcome is answered with: a product that was named is shown whole.
    pub(super) async fn reply(&self, outcome: &Outcome) -> Result<Reply, Problem> {
        match outcome {
            Outcome::ProductNamed { sku, .. } => self.product(sku.clone()).await,
            other => Ok(Reply::of(other)),
        }
    }

    /// A product as it is shown.
    pub(super) async fn product(&self, sku: Sku) -> Result<Reply, Problem> {
        let product = self.ask(|queries| queries.product(&sku)).await?;
        let Some(product) = product else {
            return Err(unknown_sku(&sku));
        };
        let batches = product.batch_views(self.today());
        let json = ProductJson::of(&product.summary, &batches);
        let mut reply = Reply::new(actix_web::http::StatusCode::OK, &json);
        reply.version = Some(product.summary.version);
        Ok(reply)
    }
}

/// No such product.
pub(super) fn unknown_sku(sku: &Sku) -> Problem {
    Problem::new(&kinds::UNKNOWN_SKU, format!("unknown SKU: {sku}")).with("skus", vec![sku.as_str()])
}
