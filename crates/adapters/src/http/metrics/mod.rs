//! Metrics for Prometheus: what the engine reports through its port, and what this interface counts.

mod consumers;
mod deliveries;
mod jobs;
mod registry;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use earmark_application::{CommandError, Meter, QueueDepth};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use registry::{Labels, MetricRegistry};

pub use consumers::ConsumerMetrics;
pub use deliveries::DeliveryMetrics;
pub use jobs::JobMetrics;
pub use registry::MetricDescription;

/// The media type that [`Metrics::text`] is written in.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From a store in memory to a request that has waited in a queue, in seconds.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// From a single command to the largest group.
const COMMANDS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What is said of labels that several metrics have.
const LANE: Labels = &[("lane", "the lane of the engine, from 0")];
const METHOD: (&str, &str) = ("method", "the method; unusual ones are `other`");
const ROUTE: (&str, &str) = (
    "route",
    "the path's pattern, as in `/v1/batches/{reference}`; `unmatched`: there is no such path",
);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabels {
    lane: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

/// The methods with series of their own. All others share the last, so that a client can't create series.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// The classes of status, from the hundreds up.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The series of one route, each looked up by its labels once: a look-up for every request would cost several times the
/// counting.
#[derive(Debug, Default)]
struct RouteSeries {
    /// By method.
    seconds: [OnceLock<Histogram>; METHODS.len()],
    /// By method and class of status.
    requests: [[OnceLock<Counter>; CLASSES.len()]; METHODS.len()],
}

/// All metrics: the engine's [`Meter`] and the source of `/metrics`.
#[derive(Debug)]
pub struct Metrics {
    registry: MetricRegistry,
    ready: Gauge,
    commands: Family<CommandLabels, Counter>,
    group_size: Histogram,
    store_seconds: Histogram,
    conflicts: Counter,
    queued: Family<LaneLabels, Gauge>,
    queue_places: Family<LaneLabels, Gauge>,
    events: Counter,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// The series of the routes that have been requested.
    routes: RwLock<HashMap<String, Arc<RouteSeries>>>,
    event_streams: Gauge,
    bulk_streams: Gauge,
    deliveries: DeliveryMetrics,
    consumers: ConsumerMetrics,
    jobs: JobMetrics,
    /// Whether the last group that was answered could not be stored.
    write_failed: AtomicBool,
    /// How many answers said so.
    failed_writes: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = MetricRegistry::new();
        let ready = Gauge::default();
        registry.counts(
            "ready",
            "1 if the service would answer `/health/ready` with 200 at the moment of the scrape",
            &[],
            ready.clone(),
        );
        let commands = Family::default();
        registry.counts(
            "commands",
            "Commands answered",
            &[
                (
                    "command",
                    "what was asked, as in `allocate`, `place_order`, `change_batch`",
                ),
                (
                    "outcome",
                    "`ok`, or the code of the problem, as in `out_of_stock`, `busy`, `unavailable`",
                ),
            ],
            commands.clone(),
        );
        let group_size = Histogram::new(COMMANDS);
        registry.counts(
            "group_commands",
            "Commands that shared one transaction",
            &[],
            group_size.clone(),
        );
        let store_seconds = Histogram::new(SECONDS);
        registry.seconds(
            "store",
            "Time that a group's transaction took, with retries and the wait for the group before",
            &[],
            store_seconds.clone(),
        );
        let conflicts = Counter::default();
        registry.counts(
            "conflicts",
            "Decisions taken again because the state had changed",
            &[],
            conflicts.clone(),
        );
        let queued = Family::default();
        registry.counts(
            "queued_commands",
            "Commands that wait at the moment of the scrape",
            LANE,
            queued.clone(),
        );
        let queue_places = Family::default();
        registry.counts(
            "queue_places",
            "Commands that may wait; in a full queue the next ones are answered 503 `busy`",
            LANE,
            queue_places.clone(),
        );
        let events = Counter::default();
        registry.counts("events_stored", "Events stored", &[], events.clone());
        let requests = Family::default();
        registry.counts(
            "http_requests",
            "Requests answered",
            &[
                METHOD,
                ROUTE,
                ("status", "the class of the answer's status: `1xx` to `5xx`"),
            ],
            requests.clone(),
        );
        let request_seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        registry.seconds(
            "http_request",
            "Time from a request's head to the answer's head",
            &[METHOD, ROUTE],
            request_seconds.clone(),
        );
        let event_streams = Gauge::default();
        registry.counts(
            "http_event_streams",
            "Event streams that are open",
            &[],
            event_streams.clone(),
        );
        let bulk_streams = Gauge::default();
        registry.counts(
            "http_bulk_streams",
            "Bulk streams that are open",
            &[],
            bulk_streams.clone(),
        );
        let deliveries = DeliveryMetrics::register(&mut registry);
        let consumers = ConsumerMetrics::register(&mut registry);
        let jobs = JobMetrics::register(&mut registry);
        Self {
            registry,
            ready,
            commands,
            group_size,
            store_seconds,
            conflicts,
            queued,
            queue_places,
            events,
            requests,
            request_seconds,
            routes: RwLock::default(),
            event_streams,
            bulk_streams,
            deliveries,
            consumers,
            jobs,
            write_failed: AtomicBool::new(false),
            failed_writes: AtomicU64::new(0),
        }
    }

    /// The series of deliveries, for the relays.
    #[must_use]
    pub fn deliveries(&self) -> DeliveryMetrics {
        self.deliveries.clone()
    }

    /// The series of consumers.
    #[must_use]
    pub fn consumers(&self) -> ConsumerMetrics {
        self.consumers.clone()
    }

    /// The series of background jobs.
    #[must_use]
    pub fn jobs(&self) -> JobMetrics {
        self.jobs.clone()
    }

    /// All metrics as OpenMetrics text, which Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        self.registry.text().expect("writing to a string does not fail")
    }

    /// What each metric is.
    #[must_use]
    pub fn descriptions(&self) -> &[MetricDescription] {
        self.registry.descriptions()
    }

    /// Notes what is looked up for a scrape: whether the service is ready, and how full the queues are.
    pub(crate) fn scraped(&self, is_ready: bool, queues: &[QueueDepth]) {
        self.ready.set(i64::from(is_ready));
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for (lane, queue) in (0..).zip(queues) {
            let labels = LaneLabels { lane };
            self.queued.get_or_create(&labels).set(number(queue.waiting));
            self.queue_places.get_or_create(&labels).set(number(queue.places));
        }
    }

    /// Counts an answered request. `route` is a pattern, never a path: the number of series is bounded by the routes.
    pub(crate) fn requested(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let series = self.series_of(route);
        let method = method_index(method);
        let class = class_index(status);
        series.requests[method][class]
            .get_or_init(|| {
                self.requests.get_or_create_owned(&RequestLabels {
                    method: METHODS[method],
                    route: route.to_owned(),
                    status: CLASSES[class],
                })
            })
            .inc();
        series.seconds[method]
            .get_or_init(|| {
                self.request_seconds.get_or_create_owned(&RouteLabels {
                    method: METHODS[method],
                    route: route.to_owned(),
                })
            })
            .observe(took.as_secs_f64());
    }

    fn series_of(&self, route: &str) -> Arc<RouteSeries> {
        // Nothing panics with these locks held, so a poisoned one is as good as any.
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = routes.get(route) {
            return Arc::clone(known);
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(route.to_owned()).or_default())
    }

    /// The number of open event streams.
    pub(crate) const fn event_streams(&self) -> &Gauge {
        &self.event_streams
    }

    /// The number of open bulk streams.
    pub(crate) const fn bulk_streams(&self) -> &Gauge {
        &self.bulk_streams
    }

    /// How many commands have failed because the store took none, if the last one has.
    pub(crate) fn failed_writes(&self) -> Option<u64> {
        let failed = self.write_failed.load(Ordering::Relaxed);
        failed.then(|| self.failed_writes.load(Ordering::Relaxed))
    }
}

impl Meter for Metrics {
    fn answered(&self, command: &'static str, outcome: &'static str, times: u64) {
        let labels = CommandLabels { command, outcome };
        self.commands.get_or_create(&labels).inc_by(times);
        if outcome == CommandError::Unavailable.code() {
            self.failed_writes.fetch_add(times, Ordering::Relaxed);
            self.write_failed.store(true, Ordering::Relaxed);
        }
    }

    fn stored(&self, commands: usize, events: usize, took: Duration) {
        self.write_failed.store(false, Ordering::Relaxed);
        // A group has some hundred commands at most, which a float holds exactly.
        self.group_size
            .observe(u32::try_from(commands).map_or(f64::INFINITY, f64::from));
        self.events.inc_by(u64::try_from(events).unwrap_or(u64::MAX));
        self.store_seconds.observe(took.as_secs_f64());
    }

    fn conflicted(&self) {
        self.conflicts.inc();
    }
}

/// The index of a method in [`METHODS`].
fn method_index(method: &Method) -> usize {
    let known = METHODS.iter().position(|known| *known == method.as_str());
    known.unwrap_or(METHODS.len() - 1)
}

/// The index of a status in [`CLASSES`].
fn class_index(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reports_of_the_engine_are_in_the_text() {
        let depth = |waiting| QueueDepth { waiting, places: 8 };
        let metrics = Metrics::new();
        metrics.answered("allocate", "ok", 1);
        metrics.answered("allocate", "out_of_stock", 1);
        metrics.stored(3, 5, Duration::from_millis(2));
        metrics.conflicted();
        metrics.scraped(true, &[depth(0), depth(7)]);
        let text = metrics.text();
        for line in [
            "earmark_commands_total{command=\"allocate\",outcome=\"out_of_stock\"} 1",
            "earmark_events_stored_total 5",
            "earmark_conflicts_total 1",
            "earmark_ready 1",
            "earmark_queued_commands{lane=\"1\"} 7",
            "earmark_queue_places{lane=\"1\"} 8",
            "earmark_group_commands_bucket{le=\"4.0\"} 1",
            "earmark_store_seconds_count 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn a_client_can_not_create_series() {
        let metrics = Metrics::new();
        for method in ["BREW", "STEEP"] {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            metrics.requested(&method, "unmatched", StatusCode::NOT_FOUND, Duration::ZERO);
        }
        assert!(
            metrics
                .text()
                .contains("earmark_http_requests_total{method=\"other\",route=\"unmatched\",status=\"4xx\"} 2")
        );
    }
}
