//! What every handler needs: the engine, the books to ask, the clock, and whether the service is going down.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use actix_web::{HttpRequest, HttpResponse};
use earmark_application::{
    Answer, Clock, CommandError, Engine, Envelope, EventFeed, Health, IdempotencyStore, Ids, Principal, StoreError,
    Views,
};
use earmark_domain::{Command, Outcome, Promising, Refusal, Sku};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::{Semaphore, watch};

use super::asked::{IfMatch, NO_VERSION};
use super::edge::request_id;
use super::kinds;
use super::metrics::Metrics;
use super::once::MAX_KEYED_CALLS;
use super::overlay::{Put, as_it_would_stand};
use super::present::ProductJson;
use super::problem::Problem;
use super::reply::Reply;
use super::stream::MAX_STREAMS;
use super::turns::Turns;

/// The principal of requests.
static PRINCIPAL: OnceLock<Principal> = OnceLock::new();

/// What runs, for the page and for those who ask.
#[derive(Debug, Clone)]
pub struct About {
    /// The version of the binary.
    pub version: &'static str,
    /// The kind of store, for people: `PostgreSQL`, `SQLite`, `memory`. Never an address with a password in it.
    pub store: String,
    /// Since when it runs.
    pub started: Timestamp,
    /// What the shop has settled about its promises: the same that the engine was told.
    pub promising: Promising,
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

/// The ports that this interface uses.
#[derive(Clone)]
pub struct Ports {
    /// Batches, orders and products.
    pub views: Arc<dyn Views>,
    /// Events.
    pub events: Arc<dyn EventFeed>,
    /// Whether the store answers.
    pub health: Arc<dyn Health>,
    /// Answers under idempotency keys.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Correlation ids and tokens.
    pub ids: Arc<dyn Ids>,
}

/// How a command is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mode {
    /// Whether it is only decided, and nothing stored.
    pub(super) preview: bool,
    /// The version of the product that the caller has seen; `None`: any.
    pub(super) if_version: Option<u64>,
}

/// The application as this interface reaches it.
pub struct Api {
    engine: Engine,
    ports: Ports,
    turns: Turns,
    keyed_calls: Arc<Semaphore>,
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
    pub fn new(engine: Engine, ports: Ports, metrics: Arc<Metrics>, readiness: Readiness, about: About) -> Self {
        Self {
            engine,
            ports,
            turns: Turns::default(),
            keyed_calls: Arc::new(Semaphore::new(MAX_KEYED_CALLS)),
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
    pub(super) fn idempotency(&self) -> &dyn IdempotencyStore {
        &*self.ports.idempotency
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
        self.ports.clock.now()
    }

    pub(super) fn today(&self) -> Date {
        self.ports.clock.today()
    }

    /// Asks the books.
    ///
    /// # Errors
    /// A problem when they do not answer.
    pub(super) async fn ask<'a, T, F>(&'a self, question: impl FnOnce(&'a Ports) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        question(&self.ports).await.map_err(|error| Problem::unanswered(&error))
    }

    /// A command with who asks for it.
    pub(super) fn envelope(command: Command, request_id: Arc<str>, mode: Mode) -> Envelope {
        let principal = PRINCIPAL.get_or_init(|| Principal::new("http"));
        Envelope {
            if_version: mode.if_version,
            preview: mode.preview,
            ..Envelope::new(command, principal.clone(), request_id)
        }
    }

    /// Runs a command and answers the request that asked for it.
    ///
    /// # Errors
    /// The refusal, or why there is no outcome, as a problem.
    pub(super) async fn run(
        &self,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Result<HttpResponse, Problem> {
        let answer = self.execute(request, command, mode).await;
        self.answer(answer, mode).await
    }

    /// Runs a command on a product or a batch of it, if the condition holds that the request makes.
    ///
    /// # Errors
    /// As [`run`](Self::run), and where the condition does not hold.
    pub(super) async fn run_if(
        &self,
        condition: Option<IfMatch>,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Result<HttpResponse, Problem> {
        let mut versions = match condition {
            None => return self.run(request, command, mode).await,
            Some(IfMatch::Any) => {
                self.must_be_there(&command)
                    .await
                    .map_err(|problem| problem.of_preview_if(mode.preview))?;
                return self.run(request, command, mode).await;
            }
            Some(IfMatch::Versions(versions)) => versions,
        };
        // One version is tried at a time; a refusal tells which one stands, and that may be another of those named.
        let mut version = versions.pop().unwrap_or(NO_VERSION);
        loop {
            let if_version = Some(version);
            let answer = self
                .execute(request, command.clone(), Mode { if_version, ..mode })
                .await;
            let stands = match &answer {
                Err(CommandError::Refused(Refusal::StaleVersion { version })) => *version,
                _ => return self.answer(answer, mode).await,
            };
            let Some(other) = versions.iter().position(|named| *named == stands) else {
                return self.answer(answer, mode).await;
            };
            version = versions.swap_remove(other);
        }
    }

    /// Holds a command to writing on something that is there. Of those that may be conditional, only one would make what
    /// it writes on; and a product that is there stays there, so it makes no difference that it is asked about before.
    async fn must_be_there(&self, command: &Command) -> Result<(), Problem> {
        let Command::PutProduct(put) = command else {
            return Ok(());
        };
        let now = self.now();
        match self.ask(|ports| ports.views.product(&put.sku, now)).await? {
            Some(_) => Ok(()),
            None => Err(Problem::of(&Refusal::StaleVersion { version: 0 }.into())),
        }
    }

    /// Runs a command.
    pub(super) async fn execute(&self, request: &HttpRequest, command: Command, mode: Mode) -> Answer {
        let envelope = Self::envelope(command, request_id(request), mode);
        self.engine.execute(envelope).await
    }

    /// What a command is answered with.
    async fn answer(&self, answer: Answer, mode: Mode) -> Result<HttpResponse, Problem> {
        let reply = match answer {
            Ok(outcome) if mode.preview => self.preview(&outcome).await.map(Reply::of_preview),
            Ok(outcome) => self.reply(&outcome).await,
            Err(error) => Err(Problem::of(&error)),
        };
        match reply {
            Ok(reply) => Ok(reply.response()),
            Err(problem) => Err(problem.of_preview_if(mode.preview)),
        }
    }

    /// What an outcome is answered with: a product that was put is shown whole.
    pub(super) async fn reply(&self, outcome: &Outcome) -> Result<Reply, Problem> {
        match outcome {
            Outcome::ProductPut { sku, .. } => self.product(sku.clone()).await,
            other => Ok(Reply::of(other)),
        }
    }

    /// What an outcome would be answered with, of which nothing was stored.
    async fn preview(&self, outcome: &Outcome) -> Result<Reply, Problem> {
        let Some(put) = Put::of(outcome) else {
            return Ok(Reply::of(outcome));
        };
        let now = self.now();
        let stored = self.ask(|ports| ports.views.product(put.sku, now)).await?;
        let product = as_it_would_stand(&put, stored);
        let batches = product.batch_views(self.today());
        let json = ProductJson::of(&product.summary, &batches);
        Ok(Reply::new(actix_web::http::StatusCode::OK, &json))
    }

    /// A product as it is shown.
    pub(super) async fn product(&self, sku: Sku) -> Result<Reply, Problem> {
        let now = self.now();
        let product = self.ask(|ports| ports.views.product(&sku, now)).await?;
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
