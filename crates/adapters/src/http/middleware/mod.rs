//! The outermost layer: gives every request its context, a span and a count, and every response the same form.

pub(super) mod auth;
mod cors;
mod headers;
mod proxy_path;

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody, None as NoBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use earmark_application::{Principal, Shown};
use tracing::{Instrument, Span};

use crate::http::api::Api;
use crate::http::connection::InUse;
use crate::http::idempotency;
use crate::http::openapi::description::ApiDescription;
use crate::http::request::context::{RequestContext, X_REQUEST_ID, request_id};
use crate::http::request::origin::{
    require_form, require_json, require_known_host, require_origin, require_own_origin,
};
use crate::http::request::traced;
use crate::http::response::problem::Problem;
use crate::http::response::rate_limit::RateLimit;
use crate::http::sign_in::page;
use crate::http::site::may_insist;
use crate::http::site::proxies::Client;

/// The route that requests to no route are counted under.
const UNMATCHED: &str = "unmatched";

/// The paths below which every write checks `If-Match`.
const VERSIONED_PATHS: [&str; 3] = ["/v1/batches/", "/v1/orders/", "/v1/products/"];

/// The paths at which a POST creates something.
const CREATING_PATHS: [&str; 5] = [
    "/v1/batches",
    "/v1/allocations",
    "/v1/orders",
    "/add_batch",
    "/allocate",
];

/// For how long browsers are told to call the service encrypted, and nothing else.
const A_YEAR: &str = "max-age=31536000";

/// Wraps every request.
pub(super) async fn wrap(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(api) = request.app_data::<Data<Api>>().cloned() else {
        tracing::error!("the application has been built without its data");
        return Err(Problem::internal().into());
    };
    let base_path = &api.site().base_path;
    if !base_path.is_root() {
        proxy_path::strip(&mut request, base_path);
    }
    let in_use = request.request().conn_data::<InUse>().cloned();
    if let Some(connection) = &in_use {
        connection.set(true);
    }
    let began = api.clock().monotonic();
    let id = request_id(request.headers(), api.ids());
    let method = request.method().clone();
    let is_head = method == Method::HEAD;
    if is_head {
        // HEAD is GET without the body, which is removed below.
        request.head_mut().method = Method::GET;
    }
    // At the level of debug: a span for every request would cost more than reading the request.
    let site = api.site();
    let client = site
        .proxies
        .client(request.peer_addr(), site.is_encrypted, request.headers());
    let span = tracing::debug_span!("request", %method, request_id = %id, client = client.address.map(display));
    let traced = traced::span(&request, &id, client.address);
    let insists = site.is_encrypted && host(&request).is_some_and(may_insist);
    let listed_origin = cors::listed_origin(&request, &site.cors_origins);
    let preflight = cors::preflight(&request, listed_origin.as_ref());
    let mut left = None;
    let mut response = if let Some(answer) = preflight {
        request.into_response(answer)
    } else {
        match admit(&request, &api, &id, client).instrument(traced.clone()).await {
            Err(problem) if sends_to_sign_in(&request, &problem) => request.into_response(page::to_sign_in()),
            Err(problem) => request.error_response(problem).map_into_boxed_body(),
            Ok(admitted) => {
                left = admitted.left;
                let context = RequestContext {
                    id: id.clone(),
                    principal: admitted.principal,
                    shown: admitted.shown,
                    is_encrypted: client.is_encrypted,
                    client: client.address,
                };
                request.extensions_mut().insert(context);
                let served = idempotency::middleware::serve(request, next);
                match served.instrument(span.clone()).instrument(traced.clone()).await {
                    Ok(response) => response,
                    Err(error) => {
                        // Handlers answer with problems. An error of the framework is not passed on as it is.
                        tracing::error!(%method, request_id = %id, %error, "a request failed outside its handler");
                        return Err(Problem::internal().into());
                    }
                }
            }
        }
    };
    if !base_path.is_root() {
        response = proxy_path::prefix(response, base_path);
    }
    let took = api.clock().monotonic().saturating_sub(began);
    record(&api, &method, &id, &span, &response, took);
    traced::answered(&traced, response.status());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID.clone(), id);
    }
    headers::protect(headers);
    cors::show(headers, &site.cors_origins, listed_origin);
    if let Some(left) = left {
        left.show(headers);
    }
    if insists {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(A_YEAR));
    }
    if let Some(connection) = in_use {
        // What is written without an end keeps it in use.
        connection.set(response.response().body().size() == BodySize::Stream);
    }
    if is_head {
        // A body of known size stays, for its length; the codec does not write it.
        response = response.map_body(|_, body| match body.size() {
            BodySize::Sized(_) => body,
            BodySize::None | BodySize::Stream => BoxBody::new(NoBody::new()),
        });
    }
    Ok(response)
}

/// Whom a request stands for.
struct Admitted {
    principal: Principal,
    /// What it has shown.
    shown: Shown,
    /// What is left to its sender; `None`: it may ask as often as it likes.
    left: Option<RateLimit>,
}

/// Checks what has to hold before a request reaches its route.
///
/// # Errors
/// A problem for a request of another site, without a key that opens the service, of somebody who asks too often, or with a
/// condition or a media type that is not supported.
async fn admit(request: &ServiceRequest, api: &Api, id: &Arc<str>, client: Client) -> Result<Admitted, Problem> {
    let hosts = &api.site().hosts;
    require_known_host(request.request(), hosts)?;
    let (principal, shown) = auth::admit(request, api, id, client).await?;
    let left = if auth::is_probe(request) {
        None
    } else {
        auth::count(request, api, id, client.address, (&principal, &shown))?
    };
    let is_form = auth::is_form(request);
    let is_of_a_browser = is_form || matches!(shown, Shown::Session(_));
    let admitted = Admitted { principal, shown, left };
    if request.method().is_safe() {
        return Ok(admitted);
    }
    require_own_origin(request.request(), hosts, client.is_encrypted)?;
    if is_of_a_browser {
        require_origin(request.request())?;
    }
    if !is_call(request) {
        // That there is no such call is the problem.
        return Ok(admitted);
    }
    if let Some(condition) = unsupported_condition(request) {
        return Err(Problem::condition_not_supported(condition));
    }
    if is_form {
        require_form(request.request())?;
    } else {
        require_json(request.request())?;
    }
    Ok(admitted)
}

/// The pages for people.
const PAGES: [&str; 2] = ["/", "/audit"];

/// Whether somebody who is not let in is shown where to sign in: who wants to see the page, and shows nothing else.
fn sends_to_sign_in(request: &ServiceRequest, problem: &Problem) -> bool {
    let wants_page = request.method() == Method::GET && PAGES.contains(&request.match_info().as_str());
    let shows_key = request.headers().contains_key(header::AUTHORIZATION);
    wants_page && !shows_key && problem.status() == StatusCode::UNAUTHORIZED
}

/// The host that a request names.
fn host(request: &ServiceRequest) -> Option<&str> {
    request.headers().get(header::HOST)?.to_str().ok()
}

/// Whether a request is to a route that exists.
fn is_call(request: &ServiceRequest) -> bool {
    let description = request.app_data::<Data<ApiDescription>>();
    description.is_some_and(|calls| calls.has_route(request.match_info().as_str(), request.method()))
}

/// Logs and counts a response.
fn record(api: &Api, method: &Method, id: &str, span: &Span, response: &ServiceResponse<BoxBody>, took: Duration) {
    let pattern = response.request().match_pattern();
    let route = pattern.as_deref().unwrap_or(UNMATCHED);
    let status = response.status();
    let ms = took.as_secs_f64() * 1_000.0;
    let problem = response.response().error().and_then(Error::as_error::<Problem>);
    // Overload is not a failure, and a line in the log for each refusal would add to it.
    let overloaded = status == StatusCode::SERVICE_UNAVAILABLE && problem.is_some_and(|problem| !problem.has_cause());
    if status.is_server_error() && !overloaded {
        // A failure is logged with its request at every level.
        tracing::warn_span!(parent: None, "request", %method, request_id = %id).in_scope(|| {
            if let Some(problem) = problem {
                api.log(problem);
            }
            // One line for each request would say no more of an outage.
            if !problem.is_some_and(Problem::is_outage) {
                tracing::warn!(route, status = status.as_u16(), ms, "answered");
            }
        });
    } else {
        span.in_scope(|| tracing::debug!(route, status = status.as_u16(), ms, "answered"));
    }
    api.metrics().requested(method, route, status, took);
}

/// The header of a condition that is not checked where the write is read. A client that sends a condition relies on it,
/// so it must not be ignored.
fn unsupported_condition(request: &ServiceRequest) -> Option<&'static str> {
    let headers = request.headers();
    let is_versioned = VERSIONED_PATHS.iter().any(|folder| request.path().starts_with(folder));
    let conditions = [
        (header::IF_MATCH, "If-Match", is_versioned),
        (header::IF_NONE_MATCH, "If-None-Match", may_create(request)),
        (header::IF_UNMODIFIED_SINCE, "If-Unmodified-Since", false),
        (header::IF_MODIFIED_SINCE, "If-Modified-Since", false),
        (header::IF_RANGE, "If-Range", false),
    ];
    let mut unsupported = conditions
        .into_iter()
        .filter(|(name, _, is_supported)| !is_supported && headers.contains_key(name));
    unsupported.next().map(|(_, name, _)| name)
}

/// Whether a write may create what it names, and so checks `If-None-Match`.
fn may_create(request: &ServiceRequest) -> bool {
    let path = request.path();
    match request.method().as_str() {
        "POST" => CREATING_PATHS.contains(&path),
        "PUT" => path.starts_with("/v1/products/") || path.starts_with("/v1/orders/"),
        _ => false,
    }
}

/// Answers a request that matches no route: 405 where the path exists, else 404.
pub(super) async fn no_route(request: HttpRequest, description: Data<ApiDescription>) -> HttpResponse {
    let mut allowed: Vec<&str> = description.methods_at(request.path()).collect();
    if allowed.is_empty() {
        return Problem::not_found(request.path()).error_response();
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    allowed.dedup();
    Problem::method_not_allowed(request.method().as_str(), allowed.join(", ")).error_response()
}
