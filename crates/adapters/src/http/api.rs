//! The state that all handlers share: the engine, the ports, the calls in flight, the metrics.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use earmark_application::{Clock, Engine, EventFeed, Health, IdempotencyStore, Ids, StoreError, Views};
use earmark_domain::Promising;
use jiff::Timestamp;
use jiff::civil::Date;

use super::idempotency::in_flight::KeyedCalls;
use super::metrics::Metrics;
use super::open_streams::OpenStreams;
use super::readiness::Readiness;
use super::response::problem::Problem;

/// What runs: for the dashboard.
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

/// The application as this interface reaches it.
pub struct Api {
    engine: Engine,
    ports: Ports,
    keyed_calls: KeyedCalls,
    streams: OpenStreams,
    metrics: Arc<Metrics>,
    readiness: Readiness,
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
    pub fn new(engine: Engine, ports: Ports, metrics: Arc<Metrics>, readiness: Readiness, about: About) -> Self {
        Self {
            engine,
            ports,
            keyed_calls: KeyedCalls::default(),
            streams: OpenStreams::counted_by(metrics.streams().clone()),
            metrics,
            readiness,
            about,
        }
    }

    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.ports.clock
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

    /// The open event streams.
    pub(super) const fn streams(&self) -> &OpenStreams {
        &self.streams
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub(super) const fn about(&self) -> &About {
        &self.about
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    pub(super) fn today(&self) -> Date {
        self.ports.clock.today()
    }

    /// Reads from a port.
    ///
    /// # Errors
    /// A problem when the store does not answer.
    pub(super) async fn read<'a, T, F>(&'a self, question: impl FnOnce(&'a Ports) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        question(&self.ports).await.map_err(|error| Problem::from(&error))
    }
}
