//! Traces: what a collector gets, and that one that is away, or hangs, costs nobody anything.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::service::{Service, TIMEOUT};

/// The trace of a caller, its span, and the two as the caller tells them.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector that speaks OTLP over HTTP, and keeps what it gets.
struct Collector {
    url: String,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let collector = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            requests: Arc::default(),
            heads: Arc::default(),
        };
        let (requests, heads) = (Arc::clone(&collector.requests), Arc::clone(&collector.heads));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (requests, heads) = (Arc::clone(&requests), Arc::clone(&heads));
                thread::spawn(move || {
                    let mut connection = connection.expect("a client");
                    while let Some((head, body)) = read(&mut connection) {
                        let request = ExportTraceServiceRequest::decode(&*body).expect("a request of OTLP");
                        requests.lock().expect("a list").push(request);
                        heads.lock().expect("a list").push(head);
                        let answer =
                            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                        connection.write_all(answer.as_bytes()).expect("a reader");
                    }
                });
            }
        });
        collector
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().expect("a list");
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The first span of this name.
    fn waits_for(&self, name: &str) -> Span {
        let started = Instant::now();
        loop {
            if let Some(span) = self.spans().into_iter().find(|span| span.name == name) {
                return span;
            }
            assert!(started.elapsed() < TIMEOUT, "no {name} in {:?}", names(&self.spans()));
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A request with a body of a known length.
fn read(connection: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut read, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).expect("text").to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            let body = &read[end + 4..];
            if body.len() >= length {
                return Some((head, body[..length].to_vec()));
            }
        }
        match connection.read(&mut chunk) {
            Ok(length @ 1..) => read.extend_from_slice(&chunk[..length]),
            _ => return None,
        }
    }
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        AnyValue::StringValue(text) => Some(text.clone()),
        AnyValue::IntValue(number) => Some(number.to_string()),
        other => unreachable!("{other:?}"),
    }
}

fn service(sandbox: &Sandbox, collector: &str) -> Service {
    let mut command = sandbox.command(["serve", "--store", "memory:", "--listen", "127.0.0.1:0"]);
    Service::spawn(command.env("EARMARK__TELEMETRY__OTLP_URL", collector))
}

/// The answer to a batch that is bought in the trace of a caller.
fn buys(service: &Service, reference: &str, headers: &str) -> String {
    let body = format!("{{\"reference\": \"{reference}\", \"sku\": \"LAMP\", \"quantity\": 5}}");
    service.post_with("/v1/batches", headers, &body)
}

#[test]
fn a_request_is_a_span_below_that_of_its_caller_and_its_command_one_below_that() {
    let (sandbox, collector) = (Sandbox::empty(), Collector::open());
    let service = service(&sandbox, &collector.url);
    let headers = format!("traceparent: {TRACEPARENT}\r\ntracestate: shop=1\r\n");
    let answer = buys(&service, "B-1", &headers);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    // Nobody has asked for it.
    for header in ["traceparent:", "tracestate:", "traceresponse:"] {
        assert!(!answer.to_lowercase().contains(&format!("\n{header}")), "{answer}");
    }
    let request = collector.waits_for("POST /v1/batches");
    assert_eq!(
        (hex(&request.trace_id), hex(&request.parent_span_id)),
        (TRACE.to_owned(), CALLER.to_owned())
    );
    assert_eq!(
        (request.kind(), request.trace_state.as_str()),
        (SpanKind::Server, "shop=1")
    );
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/batches"),
        ("http.response.status_code", "201"),
        ("client.address", "127.0.0.1"),
        ("earmark.request_id", TRACEPARENT),
    ] {
        assert_eq!(attribute(&request, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(attribute(&request, "traceparent"), None);
    let command = collector.waits_for("create_batch");
    assert_eq!(
        (&command.trace_id, &command.parent_span_id),
        (&request.trace_id, &request.span_id)
    );
    assert!(request.start_time_unix_nano <= command.start_time_unix_nano);
    assert!(command.end_time_unix_nano <= request.end_time_unix_nano);
    // A refusal is no failure.
    drop(service.post_with(
        "/v1/batches",
        &headers,
        "{\"reference\": \"B-1\", \"sku\": \"LAMP\", \"quantity\": 6}",
    ));
    drop(service.end());
    let spans = collector.spans();
    let refused = spans.iter().rfind(|span| span.name == "create_batch").expect("a span");
    assert_eq!(attribute(refused, "earmark.refused").as_deref(), Some("batch_exists"));
    assert!(
        refused
            .status
            .as_ref()
            .is_none_or(|status| status.code() != StatusCode::Error)
    );
    let requests = collector.requests.lock().expect("a list");
    let resource = requests[0].resource_spans[0].resource.as_ref().expect("a resource");
    let named = |key: &str| resource.attributes.iter().any(|attribute| attribute.key == key);
    assert!(named("service.name") && named("service.version"), "{resource:?}");
    let heads = collector.heads.lock().expect("a list");
    assert!(heads[0].starts_with("post /v1/traces http/1.1\r\n"), "{}", heads[0]);
    assert!(
        heads[0].contains("content-type: application/x-protobuf"),
        "{}",
        heads[0]
    );
}

#[test]
fn an_event_belongs_to_the_trace_of_the_caller_also_without_a_collector() {
    let sandbox = Sandbox::empty();
    let service = Service::start(&sandbox, &["serve", "--store", "memory:"]);
    drop(buys(&service, "B-1", &format!("traceparent: {TRACEPARENT}\r\n")));
    // What the caller calls it outranks its trace, and what is no context is none.
    drop(buys(
        &service,
        "B-2",
        &format!("traceparent: {TRACEPARENT}\r\nx-request-id: mine\r\n"),
    ));
    drop(buys(&service, "B-3", "traceparent: 00-nonsense-01\r\n"));
    let answer = service.get("/v1/events?type=BatchCreated");
    let events: Value = serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    let id = |index: usize| {
        events["items"][index]["correlation_id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    assert_eq!((id(0).as_str(), id(1).as_str()), (TRACEPARENT, "mine"));
    assert!(id(2).len() == 36, "{}", id(2));
}

#[test]
fn the_caller_decides_what_is_traced_and_else_every_request_is() {
    let (sandbox, collector) = (Sandbox::empty(), Collector::open());
    let service = service(&sandbox, &collector.url);
    let unsampled = TRACEPARENT.replace("-01", "-00");
    drop(buys(&service, "B-1", &format!("traceparent: {unsampled}\r\n")));
    drop(service.get("/health/live"));
    // It has waited for no others: the end sends it.
    drop(service.end());
    let spans = collector.spans();
    assert_eq!(names(&spans), ["GET /health/live"]);
    assert!(spans[0].parent_span_id.is_empty());
    assert_ne!(hex(&spans[0].trace_id), TRACE);
}

#[test]
fn a_collector_that_is_away_or_hangs_delays_nobody() {
    let hangs = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let away = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("an address");
    for address in [hangs.local_addr().expect("an address"), away] {
        let sandbox = Sandbox::empty();
        let service = service(&sandbox, &format!("http://{address}"));
        let started = Instant::now();
        for number in 0..300 {
            let answer = buys(&service, &format!("B-{number}"), "");
            assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
            if number == 0 {
                // So that something is under way.
                thread::sleep(Duration::from_millis(1_500));
            }
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        // It is told once.
        thread::sleep(Duration::from_secs(6));
        let ending = Instant::now();
        let output = service.end();
        assert!(ending.elapsed() < Duration::from_secs(20), "{:?}", ending.elapsed());
        assert!(output.status.success());
        let log = String::from_utf8(output.stderr).expect("text");
        assert_eq!(log.matches("traces are not delivered").count(), 1, "{log}");
    }
}

#[test]
fn an_address_of_a_collector_has_no_password() {
    let sandbox = Sandbox::empty();
    let mut command = sandbox.command(["settings"]);
    let run = crate::sandbox::Run::of(command.env("EARMARK__TELEMETRY__OTLP_URL", "http://me:s3cret@collector"));
    let run = run.fails_with(2);
    assert!(
        run.err.contains("OTEL_EXPORTER_OTLP_HEADERS") && !run.err.contains("s3cret"),
        "{}",
        run.err
    );
}
