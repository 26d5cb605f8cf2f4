//! Pages of other origins: those that the settings name may read, and none may change anything.
//!
//! A browser shows a page the answer to a request to another origin only if that origin says so (CORS), and asks before
//! it sends a key with it. The layer that answers is the outermost, so that problems are shown, too.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};

use crate::http::site::CorsOrigins;

/// What such a page may ask with.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// The headers that it may send: a key among them.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("authorization, last-event-id, x-request-id");

/// The headers of an answer that it may read.
const RESPONSE_HEADERS: HeaderValue =
    HeaderValue::from_static("etag, ratelimit, ratelimit-policy, retry-after, x-request-id");

/// For how long, in seconds, a browser need not ask again. Browsers cut it to two hours and less.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origin of the page that a request comes from, if the settings name it.
pub(super) fn listed_origin(request: &ServiceRequest, origins: &CorsOrigins) -> Option<HeaderValue> {
    let origin = request.headers().get(ORIGIN)?;
    let is_listed = origin.to_str().is_ok_and(|origin| origins.list(origin));
    is_listed.then(|| origin.clone())
}

/// The answer to a browser that asks whether a page of another origin may send what it has. `None`: it is no such question.
pub(super) fn preflight(request: &ServiceRequest, listed: Option<&HeaderValue>) -> Option<HttpResponse> {
    let wanted = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD)?;
    if request.method() != Method::OPTIONS {
        return None;
    }
    let mut response = HttpResponse::NoContent();
    // Without these headers the browser takes it for a no.
    if listed.is_some() && matches!(wanted.as_bytes(), b"GET" | b"HEAD") {
        response
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
            .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
    }
    Some(response.finish())
}

/// Has the page of a listed origin see the answer.
pub(super) fn show(headers: &mut HeaderMap, origins: &CorsOrigins, listed: Option<HeaderValue>) {
    if origins.is_empty() {
        return;
    }
    // A cache must not give the answer for one origin to another.
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = listed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
}
