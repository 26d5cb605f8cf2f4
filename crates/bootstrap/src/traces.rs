//! Traces: spans for a collector, by OTLP over HTTP, with whatever trace the caller has begun.
//!
//! A collector that is away, or hangs, costs spans and nothing else: a span that ends is put into a bounded queue, or
//! dropped where that is full, and a thread of its own takes them from there. At the end what is in the queue is sent, for a
//! bounded time.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, SpanBuilder, SpanKind, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient as OtlpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample,
    Span as SdkSpan,
};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::{Level, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;
use crate::http_client::{HttpClient, http_client, root_cause};
use crate::settings::CollectorUrl;

/// The target of the spans that are collected.
const TARGET: &str = "earmark::traces";

/// The spans that wait at most: those of a second or so of a busy service.
const QUEUE: usize = 8_192;

/// The spans of a request to the collector at most.
const BATCH: usize = 512;

/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(1);

/// How long the collector may take to answer. While it is waited for spans are queued.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end of the service waits for the collector.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer of a collector that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The traces of a process.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Traces for a collector, whose requests run on this runtime.
    ///
    /// # Errors
    /// When the collector is encrypted and this machine trusts nobody, or the environment has headers that are none.
    pub(crate) fn to(collector: &CollectorUrl, runtime: &Handle) -> Result<Self, Failure> {
        let failed = |why: String| Failure::Failed(format!("can't send traces: {why}"));
        let sender = Sender {
            client: http_client(collector.traces())?,
            runtime: runtime.clone(),
            is_away: AtomicBool::new(false),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(collector.traces().as_str())
            .with_timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let service = [
            KeyValue::new("service.name", "earmark"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ];
        // What OTEL_RESOURCE_ATTRIBUTES says outranks these.
        let resource = Resource::builder_empty()
            .with_attributes(service)
            .with_detector(Box::new(EnvResourceDetector::new()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(Requests)))
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// The layer that makes spans of the collector from those of the service.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = Callers {
            tracer: self.provider.tracer("earmark"),
            propagator: TraceContextPropagator::new(),
        };
        OpenTelemetryLayer::new(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(TARGET, Level::TRACE))
    }

    /// Sends what is queued, for a bounded time.
    pub(crate) fn end(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last traces were not delivered");
        }
    }
}

/// Of what begins no trace of a caller's: a request is a trace; a command of the service's own is none.
#[derive(Debug, Clone)]
struct Requests;

impl ShouldSample for Requests {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = match kind {
            SpanKind::Server => Sampler::AlwaysOn,
            _ => Sampler::AlwaysOff,
        };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// Begins spans below those of callers: a span that has none above it, and the context of a trace among its fields.
struct Callers {
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl Tracer for Callers {
    type Span = SdkSpan;

    fn build_with_context(&self, mut builder: SpanBuilder, parent: &Context) -> SdkSpan {
        let mut headers: HashMap<String, String> = HashMap::new();
        if let Some(attributes) = &mut builder.attributes {
            attributes.retain(|attribute| {
                let is_header = matches!(attribute.key.as_str(), "traceparent" | "tracestate");
                if is_header {
                    headers.insert(attribute.key.to_string(), attribute.value.to_string());
                }
                !is_header
            });
        }
        if headers.is_empty() || parent.has_active_span() {
            return self.tracer.build_with_context(builder, parent);
        }
        let callers = self.propagator.extract_with_context(parent, &headers);
        self.tracer.build_with_context(builder, &callers)
    }
}

/// Sends to the collector, on the runtime of the service: the thread that sends has none.
struct Sender {
    client: HttpClient<Full<Bytes>>,
    runtime: Handle,
    /// Whether the last request failed: an outage is told once.
    is_away: AtomicBool,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

#[async_trait]
impl OtlpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = async move {
            let sent = client.request(request.map(Full::new)).await;
            let (head, body) = sent.map_err(|error| root_cause(&error))?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| root_cause(&*error))?.to_bytes();
            Ok::<_, String>(Response::from_parts(head, body))
        };
        let exchange = self
            .runtime
            .spawn(async move { timeout(ANSWER_TIMEOUT, exchange).await });
        let answered = match exchange.await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(format!(
                "there is no answer within {} seconds",
                ANSWER_TIMEOUT.as_secs()
            )),
            Err(error) => Err(error.to_string()),
        };
        let answered = answered.and_then(|answer| match answer.status() {
            status if status.is_success() => Ok(answer),
            status => Err(format!("the collector answers {status}")),
        });
        let was_away = self.is_away.swap(answered.is_err(), Ordering::Relaxed);
        match (&answered, was_away) {
            (Err(why), false) => tracing::warn!(%why, "traces are not delivered"),
            (Ok(_), true) => tracing::info!("traces are delivered again"),
            _ => {}
        }
        answered.map_err(HttpError::from)
    }
}
