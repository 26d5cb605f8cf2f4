//! The state that all handlers share: the engine, the ports, the calls in flight, the metrics.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use earmark_application::{
    AccessLog, AccessRecorder, Clock, Engine, EventFeed, EventTail, Health, IdempotencyStore, Ids, Inbox, KeyRing,
    Keys, Outlook, Principal, Sessions, StoreError, Subscriptions, Views, events_for, views_for,
};
use earmark_domain::Promising;
use jiff::Timestamp;
use jiff::civil::Date;

use super::idempotency::in_flight::KeyedCalls;
use super::limits::{BodyTime, Limiter, Limits};
use super::metrics::Metrics;
use super::open_streams::OpenStreams;
use super::readiness::Readiness;
use super::response::outage_log::OutageLog;
use super::response::problem::Problem;
use super::site::Site;
use super::write_health::WriteHealth;

/// For how long an event stream keeps its place when all are taken: so that clients that are too many do not spend their
/// time on connecting.
const EVENT_STREAM_KEPT_FOR: Duration = Duration::from_secs(60);

/// What runs.
#[derive(Debug, Clone)]
pub struct About {
    /// The version of the binary.
    pub version: &'static str,
    /// The kind of store, for people: `PostgreSQL`, `SQLite`, `memory`. Never an address with a password in it.
    pub store: String,
    /// When it started.
    pub started: Timestamp,
    /// The shop's settings for promises: the same that the engine has.
    pub promising: Promising,
    /// The AsyncAPI document of the messages that it sends and takes, as JSON: made when it is first asked for.
    pub asyncapi: fn() -> &'static str,
}

/// The ports that this interface uses.
#[derive(Clone)]
pub struct Ports {
    /// Batches, orders and products.
    pub views: Arc<dyn Views>,
    /// What planners ask.
    pub outlook: Arc<dyn Outlook>,
    /// Events.
    pub events: Arc<dyn EventFeed>,
    /// The messages that carried commands.
    pub inbox: Arc<dyn Inbox>,
    /// Who is told of events.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// The log as it is written.
    pub tail: Arc<EventTail>,
    /// Access keys.
    pub keys: Arc<dyn Keys>,
    /// The sessions of browsers.
    pub sessions: Arc<dyn Sessions>,
    /// Whom keys and sessions stand for.
    pub key_ring: Arc<KeyRing>,
    /// What was refused, and who has changed who may do what.
    pub access_log: Arc<dyn AccessLog>,
    /// What is refused.
    pub recorder: Arc<AccessRecorder>,
    /// Whether the store answers.
    pub health: Arc<dyn Health>,
    /// Answers under idempotency keys.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Correlation ids and tokens.
    pub ids: Arc<dyn Ids>,
}

/// The application as this interface reaches it.
pub struct Api {
    engine: Engine,
    ports: Ports,
    keyed_calls: KeyedCalls,
    event_streams: OpenStreams,
    bulk_streams: OpenStreams,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    write_health: WriteHealth,
    outages: OutageLog,
    site: Site,
    limits: Limits,
    limiter: Limiter,
    about: About,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// The interface to an engine and the ports of its store.
    #[must_use]
    pub fn new(
        engine: Engine,
        ports: Ports,
        metrics: Arc<Metrics>,
        readiness: Readiness,
        site: Site,
        limits: Limits,
        about: About,
    ) -> Self {
        Self {
            limiter: Limiter::new(&limits, &ports.clock),
            engine,
            ports,
            keyed_calls: KeyedCalls::default(),
            event_streams: OpenStreams::new(
                limits.event_streams.get(),
                EVENT_STREAM_KEPT_FOR,
                metrics.event_streams().clone(),
            ),
            bulk_streams: OpenStreams::new(limits.bulk_streams.get(), Duration::MAX, metrics.bulk_streams().clone()),
            metrics,
            readiness,
            write_health: WriteHealth::default(),
            outages: OutageLog::default(),
            site,
            limits,
            about,
        }
    }

    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn key_ring(&self) -> &KeyRing {
        &self.ports.key_ring
    }

    pub(super) fn recorder(&self) -> &AccessRecorder {
        &self.ports.recorder
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.ports.clock
    }

    /// How long the body of a call may take to arrive.
    pub(super) fn body_time(&self) -> BodyTime<'_> {
        BodyTime {
            clock: self.clock(),
            limit: self.limits.body,
        }
    }

    /// What clients may take.
    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The requests of this process, counted by caller.
    pub(super) const fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    pub(super) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.ports.clock)
    }

    pub(super) fn ids(&self) -> &dyn Ids {
        &*self.ports.ids
    }

    pub(super) fn idempotency(&self) -> &dyn IdempotencyStore {
        &*self.ports.idempotency
    }

    /// The calls with a key that are in flight.
    pub(super) const fn keyed_calls(&self) -> &KeyedCalls {
        &self.keyed_calls
    }

    /// The log as it is written.
    pub(super) const fn tail(&self) -> &Arc<EventTail> {
        &self.ports.tail
    }

    /// The open event streams.
    pub(super) const fn event_streams(&self) -> &OpenStreams {
        &self.event_streams
    }

    /// The open bulk streams.
    pub(super) const fn bulk_streams(&self) -> &OpenStreams {
        &self.bulk_streams
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Logs what went wrong inside.
    pub(super) fn log(&self, problem: &Problem) {
        problem.log(&self.outages, self.ports.clock.monotonic());
    }

    /// Whether the last write failed, lately.
    pub(super) fn writes_fail(&self) -> bool {
        let failures = self.metrics.failed_writes();
        !self.write_health.is_ready(failures, self.ports.clock.monotonic())
    }

    /// The path that a proxy puts before those of the service.
    #[must_use]
    pub fn base_path(&self) -> &str {
        self.site.base_path.as_str()
    }

    /// Where clients reach the service.
    pub(super) const fn site(&self) -> &Site {
        &self.site
    }

    pub(super) const fn about(&self) -> &About {
        &self.about
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    pub(super) fn day_of(&self, instant: Timestamp) -> Date {
        self.ports.clock.day_of(instant)
    }

    /// Batches, orders and products, as far as who asks knows of them.
    pub(super) fn views(&self, principal: &Principal) -> Arc<dyn Views> {
        views_for(principal, &self.ports.views)
    }

    /// Events, as far as who asks knows of them.
    pub(super) fn events(&self, principal: &Principal) -> Arc<dyn EventFeed> {
        events_for(principal, &self.ports.events)
    }

    /// Reads from a port. What has bounds is read by [`views`](Self::views) and [`events`](Self::events).
    ///
    /// # Errors
    /// A problem when the store does not answer.
    pub(super) async fn read<'a, T, F>(&'a self, question: impl FnOnce(&'a Ports) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        question(&self.ports).await.map_err(|error| Problem::from(&error))
    }

    /// Changes something by a port: what is no command, since it is about messages and not about stock.
    ///
    /// # Errors
    /// A problem when the store does not answer.
    pub(super) async fn write<'a, T, F>(&'a self, change: impl FnOnce(&'a Ports) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        change(&self.ports).await.map_err(|error| Problem::from(&error))
    }
}
