//! The outermost layer: every request gets an id, a span and a count, and every answer leaves in the same form.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody, None as NoBody};
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use tracing::Instrument;
use uuid::Uuid;

use super::api::Api;
use super::problem::Problem;
use super::{once, openapi};

/// The header that a request's id comes and goes in.
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a caller: it is stored with every event that the request causes.
const MAX_REQUEST_ID: usize = 64;

/// What requests to no route are counted under.
const UNMATCHED: &str = "unmatched";

/// The id of a request, as its extensions keep it.
#[derive(Debug, Clone)]
struct RequestId(Arc<str>);

/// The id of a request: the correlation id of the events it causes.
pub(super) fn request_id(request: &HttpRequest) -> Arc<str> {
    let known = request.extensions().get::<RequestId>().map(|id| Arc::clone(&id.0));
    known.unwrap_or_else(fresh_id)
}

fn fresh_id() -> Arc<str> {
    let mut text = Uuid::encode_buffer();
    Arc::from(&*Uuid::now_v7().hyphenated().encode_lower(&mut text))
}

/// The caller's id, if it is one that can safely be stored and logged.
fn callers_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let id = headers.get(&X_REQUEST_ID)?.to_str().ok()?;
    let sane = (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    sane.then(|| Arc::from(id))
}

/// Wraps every request.
pub(super) async fn around(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let id = callers_id(request.headers()).unwrap_or_else(fresh_id);
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let method = request.method().clone();
    let is_head = method == Method::HEAD;
    if is_head {
        // HEAD is GET without the body, which is left out below.
        request.head_mut().method = Method::GET;
    }
    // For those who look closely. Making it for every request would cost more than reading the request does.
    let span = tracing::debug_span!("request", %method, request_id = %id);
    let mut response = if let Some(condition) = unchecked_condition(&request) {
        let problem = Problem::condition_not_supported(condition);
        request.into_response(problem.error_response())
    } else {
        match once::serve(request, next).instrument(span.clone()).await {
            Ok(response) => response,
            Err(error) => {
                // No handler or layer of ours answers so; a framework that does is not let through as it is.
                tracing::error!(%method, request_id = %id, %error, "a request failed outside its handler");
                return Err(Problem::internal().into());
            }
        }
    };
    let took = began.elapsed();
    let pattern = response.request().match_pattern();
    let route = pattern.as_deref().unwrap_or(UNMATCHED);
    let status = response.status();
    let ms = took.as_secs_f64() * 1_000.0;
    let problem = response.response().error().and_then(Error::as_error::<Problem>);
    // Too much to do is nothing that went wrong, and a line for each of those who hear so would make it more.
    let turned_away =
        status == StatusCode::SERVICE_UNAVAILABLE && problem.is_some_and(|problem| !problem.has_a_cause());
    if status.is_server_error() && !turned_away {
        // What goes wrong is told with its request at every level.
        tracing::warn_span!(parent: None, "request", %method, request_id = %id).in_scope(|| {
            if let Some(problem) = problem {
                problem.log();
            }
            tracing::warn!(route, status = status.as_u16(), ms, "answered");
        });
    } else {
        span.in_scope(|| tracing::debug!(route, status = status.as_u16(), ms, "answered"));
    }
    if let Some(api) = response.request().app_data::<web::Data<Api>>() {
        api.metrics().requested(&method, route, status, took);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID.clone(), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_head {
        // A body of known size stays, for its length; the codec writes nothing of it.
        response = response.map_body(|_, body| match body.size() {
            BodySize::Sized(_) => body,
            BodySize::None | BodySize::Stream => BoxBody::new(NoBody::new()),
        });
    }
    Ok(response)
}

/// The header that makes a write conditional, if there is one and it is not looked at where the write is read. A client that sends it counts on the write not being
/// executed on other state than it has seen, so it must not be passed over.
fn unchecked_condition(request: &ServiceRequest) -> Option<&'static str> {
    if request.method().is_safe() {
        return None;
    }
    let headers = request.headers();
    if headers.contains_key(header::IF_MATCH) && !has_a_version(request.path()) {
        return Some("If-Match");
    }
    headers
        .contains_key(header::IF_UNMODIFIED_SINCE)
        .then_some("If-Unmodified-Since")
}

/// Whether what is at a path has a version: every write below these looks at `If-Match`.
fn has_a_version(path: &str) -> bool {
    ["/v1/batches/", "/v1/products/"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// A path, and the methods it has.
struct Known {
    path: ResourceDef,
    methods: Vec<&'static str>,
}

/// Every path there is. The document knows the routes; the explorer alone stands outside it.
fn known() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let documented = openapi::document().paths.paths.iter().map(|(path, item)| Known {
            path: ResourceDef::new(path.as_str()),
            methods: openapi::methods(item),
        });
        let explorer = ["/docs", "/docs/{file:.*}"].map(|path| Known {
            path: ResourceDef::new(path),
            methods: vec!["GET"],
        });
        documented.chain(explorer).collect()
    })
}

/// Whether there is such a path with such a method.
pub(super) fn is_route(path: &str, method: &Method) -> bool {
    let mut matching = known().iter().filter(|known| known.path.is_match(path));
    matching.any(|known| known.methods.contains(&method.as_str()))
}

/// Answers what no route does: 405 where the path exists, else 404.
pub(super) async fn nowhere(request: HttpRequest) -> HttpResponse {
    let mut allowed: Vec<&str> = known()
        .iter()
        .filter(|known| known.path.is_match(request.path()))
        .flat_map(|known| known.methods.iter().copied())
        .collect();
    if allowed.is_empty() {
        return Problem::not_found(request.path()).error_response();
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    allowed.dedup();
    let problem = Problem::method_not_allowed(request.method().as_str(), allowed.join(", "));
    debug_assert_eq!(problem.status(), StatusCode::METHOD_NOT_ALLOWED);
    problem.error_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(value: &[u8]) -> Option<Arc<str>> {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(value).expect("a header value");
        headers.insert(X_REQUEST_ID.clone(), value);
        callers_id(&headers)
    }

    #[test]
    fn a_callers_id_is_taken_if_it_is_sane() {
        assert_eq!(id_of(b"abc-123").as_deref(), Some("abc-123"));
        for bad in [&b""[..], b"two words", b"tab\there", b"\xc3\xa9", &[b'x'; 65]] {
            assert_eq!(id_of(bad), None);
        }
    }
}
