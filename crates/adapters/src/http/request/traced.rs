//! The span of a request for a collector of traces, below that of the caller.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName};
use earmark_application::is_trace_context;
use tracing::Span;
use tracing::field::Empty;

/// The target of spans that are made for a collector and no log.
const TRACES: &str = "earmark::traces";

/// The headers of a trace (W3C Trace Context).
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The one value of a header. Of several it is not known which counts.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The context of the caller's trace, if there is one.
pub(crate) fn callers_context(headers: &HeaderMap) -> Option<&str> {
    only(headers, &TRACEPARENT).filter(|context| is_trace_context(context))
}

/// The span of a request. Costs nothing if nobody collects it.
pub(crate) fn span(request: &ServiceRequest, id: &str, client: Option<IpAddr>) -> Span {
    let name = || match request.match_pattern() {
        Some(route) => format!("{} {route}", request.method()),
        None => request.method().to_string(),
    };
    tracing::trace_span!(
        target: TRACES,
        parent: None,
        "request",
        otel.name = name(),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %request.method(),
        http.route = request.match_pattern(),
        http.response.status_code = Empty,
        client.address = client.map(tracing::field::display),
        earmark.request_id = id,
        traceparent = callers_context(request.headers()),
        tracestate = only(request.headers(), &TRACESTATE),
    )
}

/// Says how a request was answered.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const CONTEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT.clone(), HeaderValue::from_static(value));
        }
        callers_context(&headers).map(str::to_owned)
    }

    #[test]
    fn the_context_of_a_trace_is_sent_once_and_well_formed() {
        assert_eq!(of(&[CONTEXT]).as_deref(), Some(CONTEXT));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[CONTEXT, CONTEXT]), None);
        assert_eq!(of(&["00-nonsense"]), None);
    }
}
