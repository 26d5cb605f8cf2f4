//! A shop to send requests to: the whole interface, an engine and a store in memory.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Bytes;
use async_trait::async_trait;
use earmark_adapters::http::{ANYBODY, About, Api, Limits, Metrics, Ports, Readiness, Site, app};
use earmark_adapters::ids::RandomIds;
use earmark_adapters::memory::MemoryStore;
use earmark_adapters::wire::event_body;
use earmark_application::{
    AccessRecorder, Clock, Engine, EngineSettings, EventTail, IdempotencyStore, KeyRing, Meter, Principal, Roles, Store,
};
use earmark_domain::{Improve, Promising};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The settings of every shop: a batch that is overdue for more than three days is not offered.
const PROMISING: Promising = Promising {
    overdue_grace_days: Some(3),
    improve: Improve::AtRisk,
};

/// The day on which every shop opens.
pub(crate) const TODAY: &str = "2026-02-01";

/// The instant at which every shop opens.
pub(crate) fn opening() -> Timestamp {
    format!("{TODAY}T09:00:00Z").parse().expect("an instant")
}

/// A clock whose date stands still until a test advances it, in seconds since the epoch. Its monotonic time and its
/// pauses are those of the runtime, so a test that pauses the runtime's clock controls both.
struct ManualClock {
    seconds: AtomicI64,
    origin: Instant,
}

impl ManualClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
    fn at_opening() -> Self {
        Self {
            seconds: AtomicI64::new(opening().as_second()),
            origin: Instant::now(),
        }
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::Relaxed)).expect("an instant")
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// A shop that is open.
pub(crate) struct Shop {
    api: Arc<Api>,
    clock: Arc<ManualClock>,
    pub(crate) readiness: Readiness,
}

impl Shop {
    /// A shop with an empty store.
    pub(crate) async fn open() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self::with((*store).clone(), store.clone(), store).await
    }

    /// A shop that reads from `reads`, and stores commands and answers through other ports.
    pub(crate) async fn with(
        reads: MemoryStore,
        store: Arc<dyn Store>,
        idempotency: Arc<dyn IdempotencyStore>,
    ) -> Self {
        Self::made(reads, store, idempotency, Site::default(), Limits::default()).await
    }

    /// A shop with an empty store, which clients reach in another way.
    pub(crate) async fn at(site: Site) -> Self {
        let store = Arc::new(MemoryStore::new());
        Self::made((*store).clone(), store.clone(), store, site, Limits::default()).await
    }

    /// A shop with an empty store, of which clients may take so much.
    pub(crate) async fn limited(limits: Limits) -> Self {
        let store = Arc::new(MemoryStore::new());
        Self::made((*store).clone(), store.clone(), store, Site::default(), limits).await
    }

    async fn made(
        reads: MemoryStore,
        store: Arc<dyn Store>,
        idempotency: Arc<dyn IdempotencyStore>,
        site: Site,
        limits: Limits,
    ) -> Self {
        let manual_clock = Arc::new(ManualClock::at_opening());
        let clock: Arc<dyn Clock> = manual_clock.clone();
        let metrics = Arc::new(Metrics::new());
        let readiness = Readiness::new();
        let settings = EngineSettings {
            lanes: 2,
            queue: 64,
            group: 16,
            // A machine that stands still for seconds is no fault of the code that is tried.
            answer_timeout: Duration::from_secs(60),
            promising: PROMISING,
            ..EngineSettings::default()
        };
        let meter: Arc<dyn Meter> = metrics.clone();
        let reads = Arc::new(reads);
        let (engine, lanes) = Engine::new(store, reads.clone(), clock.clone(), meter, settings);
        let recorder = Arc::new(AccessRecorder::new(clock.clone(), Arc::new(RandomIds)));
        let engine = engine.recording(recorder.clone());
        for lane in lanes {
            tokio::spawn(lane.run());
        }
        let tail = EventTail::new(reads.clone(), Box::new(event_body));
        let (follower, time, stored) = (Arc::clone(&tail), clock.clone(), engine.events_stored());
        tokio::spawn(async move { follower.run(&*time, &stored).await });
        let about = About {
            version: "0.0.0",
            store: "memory <of> a test".to_owned(),
            started: clock.now(),
            promising: PROMISING,
            asyncapi: || "{}",
        };
        let ports = Ports {
            views: reads.clone(),
            outlook: reads.clone(),
            events: reads.clone(),
            inbox: reads.clone(),
            subscriptions: reads.clone(),
            keys: reads.clone(),
            sessions: reads.clone(),
            key_ring: Arc::new(KeyRing::new(
                reads.clone(),
                reads.clone(),
                clock.clone(),
                Principal::new(ANYBODY, Roles::ALL),
            )),
            access_log: reads.clone(),
            recorder,
            tail,
            health: reads,
            idempotency,
            clock,
            ids: Arc::new(RandomIds),
        };
        let api = Api::new(engine, ports, metrics, readiness.clone(), site, limits, about);
        Self {
            api: Arc::new(api),
            clock: manual_clock,
            readiness,
        }
    }

    /// Advances the clock.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Creates a batch that arrives on a day.
    pub(crate) async fn inbound(&self, reference: &str, sku: &str, quantity: u32, eta: &str) {
        let batch = json!({"reference": reference, "sku": sku, "quantity": quantity, "eta": eta});
        assert_eq!(self.post("/v1/batches", &batch).await.status, StatusCode::CREATED);
    }

    /// Creates a batch in the warehouse.
    pub(crate) async fn stock(&self, reference: &str, sku: &str, quantity: u32) {
        let batch = json!({"reference": reference, "sku": sku, "quantity": quantity});
        assert_eq!(self.post("/v1/batches", &batch).await.status, StatusCode::CREATED);
    }

    /// A request without a body, of the media type that every change wants.
    pub(crate) fn request(&self, method: &str, uri: &str) -> TestRequest {
        self.bare_request(method, uri)
            .insert_header(("content-type", "application/json"))
    }

    /// A request without headers and body.
    pub(crate) fn bare_request(&self, method: &str, uri: &str) -> TestRequest {
        let method = method.parse().expect("a method");
        TestRequest::default().method(method).uri(uri)
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(self.request("GET", uri)).await
    }

    pub(crate) async fn delete(&self, uri: &str) -> Answer {
        self.send(self.request("DELETE", uri)).await
    }

    pub(crate) async fn post(&self, uri: &str, body: &Value) -> Answer {
        self.send(self.request("POST", uri).set_json(body)).await
    }

    pub(crate) async fn put(&self, uri: &str, body: &Value) -> Answer {
        self.send(self.request("PUT", uri).set_json(body)).await
    }

    pub(crate) async fn patch(&self, uri: &str, body: &Value) -> Answer {
        self.send(self.request("PATCH", uri).set_json(body)).await
    }

    /// Every event.
    pub(crate) async fn events(&self) -> Value {
        self.get("/v1/events?limit=1000").await.json()
    }

    /// Sends a request with one header.
    pub(crate) async fn with_header(&self, method: &str, uri: &str, header: (&str, &str), body: &Value) -> Answer {
        let request = self.request(method, uri).insert_header(header);
        let request = if body.is_null() {
            request
        } else {
            request.set_json(body)
        };
        self.send(request).await
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, request: TestRequest) -> Answer {
        let (status, headers, mut stream) = self.begin(request).await;
        let mut body = Vec::new();
        while let Some(chunk) = stream.chunk().await {
            body.extend_from_slice(&chunk);
        }
        Answer { status, headers, body }
    }

    /// Sends a request and leaves its answer to be read in parts.
    pub(crate) async fn open_stream(&self, request: TestRequest) -> Stream {
        let (status, _, stream) = self.begin(request).await;
        assert_eq!(status, StatusCode::OK);
        stream
    }

    async fn begin(&self, request: TestRequest) -> (StatusCode, HeaderMap, Stream) {
        let service = init_service(app(&self.api)).await;
        let response = service
            .call(request.to_request())
            .await
            .expect("every request is answered");
        let (_, response) = response.into_parts();
        let (response, body) = response.into_parts();
        let stream = Stream {
            body,
            read: String::new(),
        };
        (response.status(), response.headers().clone(), stream)
    }
}

/// An answer that has been read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("(not text)")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A problem's code.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().expect("a code").to_owned()
    }

    /// The fields at fault of a problem.
    pub(crate) fn fields(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().expect("errors");
        let field = |error: &Value| error["field"].as_str().expect("a field").to_owned();
        errors.iter().map(field).collect()
    }
}

/// An answer that is being read.
pub(crate) struct Stream {
    body: BoxBody,
    read: String,
}

impl Stream {
    async fn chunk(&mut self) -> Option<Bytes> {
        let chunk = poll_fn(|context| Pin::new(&mut self.body).poll_next(context)).await;
        chunk.map(|chunk| chunk.expect("a chunk"))
    }

    /// All that was read so far, once it contains a text.
    pub(crate) async fn until(&mut self, text: &str) -> &str {
        while !self.read.contains(text) {
            let chunk = self.chunk().await.expect("more to read");
            self.read.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
        &self.read
    }

    /// Reads to the end.
    pub(crate) async fn end(&mut self) {
        while self.chunk().await.is_some() {}
    }
}
