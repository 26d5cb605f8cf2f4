//! The middleware for calls with an `Idempotency-Key`.
//!
//! It reads the whole request first, since a key belongs to one request. Then it acquires the lease on the key. The
//! call that gets the lease is run and its response stored; any other gets that response, waits for it, or is refused
//! because the key belongs to another request. From the lease on the work is a task of its own: a client that leaves
//! does not leave a lease behind that ends without an answer.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::rt;
use actix_web::web::{Data, Payload};
use actix_web::{Error, HttpResponse};
use bytes::Bytes;
use earmark_application::{CommandError, Fingerprint, IdempotencyKey, LeaseOutcome, LeaseRequest, LeaseToken};
use futures::FutureExt;
use tracing::Instrument;

use super::in_flight::KeyedCall;
use super::key::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, fingerprint, is_preview, key_of};
use super::stored_response;
use crate::http::api::Api;
use crate::http::openapi::description::ApiDescription;
use crate::http::request::body::whole_body;
use crate::http::request::context::RequestContext;
use crate::http::response::problem::Problem;
use crate::timeout::timeout;
use crate::wire::answers::kinds;

/// How long a call waits for another of this process under its key, which is sure to be answered.
const WAIT: Duration = Duration::from_secs(30);

/// How long a call waits for one of another process, which may have crashed: longer than nearly every command takes.
/// After that the client is told to come again, and finds the lease ended in the end.
const WAIT_ELSEWHERE: Duration = Duration::from_secs(3);

/// The pause before the store is asked again about a call of another process: at first as long as a command takes, then
/// twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest such pause, and so the longest delay of an answer.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The path of bulk streams, each of whose lines is a call of its own.
const BULK: &str = "/v1/bulk";

/// The paths of calls whose answers are not kept.
const KEYS: &str = "/v1/keys";

/// Serves a request, and one with a key at most once. A request without a key costs the look for the header only.
pub(crate) async fn serve<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.headers().contains_key(&IDEMPOTENCY_KEY) && takes_key(&request)? {
        if !is_preview(request.query_string()) {
            return Box::pin(serve_once(request, next)).await;
        }
        // A preview stores nothing, so its key means nothing; but it shows whether the call could be made.
        if let Err(problem) = key_of(request.headers()) {
            return Ok(request.error_response(problem.of_preview_if(true)));
        }
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

/// Whether the call knows keys. They are ignored where there is no such call, where nothing is changed, and in the book's
/// API, which does not know the header.
fn takes_key(request: &ServiceRequest) -> Result<bool, Problem> {
    let changes = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    ) && path(request).starts_with("/v1/");
    Ok(changes && data::<ApiDescription>(request)?.has_route(path(request), request.method()))
}

/// The path as the router reads it, with needless encoding removed.
fn path(request: &ServiceRequest) -> &str {
    request.match_info().as_str()
}

async fn serve_once<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let api = data::<Api>(&request)?;
    let (key, body) = match read(&api, &mut request).await {
        Ok(read) => read,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    let deadline = api.clock().monotonic() + WAIT_ELSEWHERE;
    let Some(guard) = timeout(api.clock(), WAIT, api.keyed_calls().lock(key.clone())).await else {
        return Ok(request.error_response(in_use(WAIT)));
    };
    let Some(in_flight) = api.keyed_calls().admit(guard) else {
        return Ok(request.error_response(Problem::from(&CommandError::Busy)));
    };
    let mut call = Call {
        fingerprint: fingerprint(&request, &body),
        token: LeaseToken(api.ids().token()),
        key,
        request,
        next,
        in_flight,
    };
    if !body.is_empty() {
        call.request.set_payload(body.into());
    }
    let mut pause = FIRST_PAUSE;
    loop {
        // The lease is acquired in the task too: a client that leaves meanwhile may have got it.
        let attempt = rt::spawn(call.attempt(api.clone()).in_current_span());
        call = match attempt.await {
            Ok(Attempt::Answered(response)) => return response,
            Ok(Attempt::InProgress(call)) => call,
            // The worker is ending, or the framework itself panicked.
            Err(why) => return Err(Problem::defect(&why).into()),
        };
        let left = deadline.saturating_sub(api.clock().monotonic());
        if left.is_zero() {
            return Ok(call.request.error_response(in_use(WAIT_ELSEWHERE)));
        }
        // A service that drains does not wait for another process.
        tokio::select! {
            () = api.clock().pause(pause.min(left)) => {}
            () = api.readiness().draining() => {
                return Ok(call.request.error_response(Problem::from(&CommandError::ShuttingDown)));
            }
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The key and the whole body.
async fn read(api: &Api, request: &mut ServiceRequest) -> Result<(IdempotencyKey, Bytes), Problem> {
    let key = key_of(request.headers())?.of(&RequestContext::of(request.request()).principal);
    if path(request) == BULK {
        return Err(Problem::new(
            &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED,
            "a stream takes no Idempotency-Key: each of its lines is idempotent by its own key, so the lines can be \
             sent again without one",
        ));
    }
    if path(request).starts_with(KEYS) {
        return Err(Problem::new(
            &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED,
            "a call about access keys takes no Idempotency-Key: its answer may have a secret in it, which is not kept",
        ));
    }
    let payload = request.extract::<Payload>().await;
    let payload = payload.map_err(|why| Problem::defect(&why))?;
    let body = whole_body(api.body_time(), request.request(), payload).await?;
    Ok((key, body))
}

/// What the application has been given.
fn data<T: 'static>(request: &ServiceRequest) -> Result<Data<T>, Problem> {
    let data = request.app_data::<Data<T>>().cloned();
    data.ok_or_else(|| Problem::defect(&"the application has been built without its data"))
}

fn in_use(waited: Duration) -> Problem {
    Problem::new(
        &kinds::IDEMPOTENCY_KEY_IN_USE,
        format!(
            "a call under this key is in progress and was not answered within {} seconds",
            waited.as_secs()
        ),
    )
}

/// A request that has the exclusive use of its key in this process.
struct Call<B> {
    request: ServiceRequest,
    next: Next<B>,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
    token: LeaseToken,
    in_flight: KeyedCall,
}

/// The result of an attempt.
enum Attempt<B> {
    /// The response.
    Answered(Result<ServiceResponse<BoxBody>, Error>),
    /// Another process has the lease and has not answered yet.
    InProgress(Call<B>),
}

impl<B: MessageBody + 'static> Call<B> {
    /// Requests the lease on the key and acts on the outcome.
    async fn attempt(self, api: Data<Api>) -> Attempt<B> {
        let request = LeaseRequest::at(api.now(), self.key.clone(), self.fingerprint, self.token);
        let answer = match api.idempotency().acquire(&request).await {
            Ok(LeaseOutcome::Acquired) => return Attempt::Answered(self.run(&api).await),
            Ok(LeaseOutcome::InProgress) => return Attempt::InProgress(self),
            Ok(LeaseOutcome::Answered(answer)) => stored_response::decode(answer)
                .map(replayed)
                .ok_or_else(|| Problem::defect(&format!("the response stored under {} can't be read", self.key))),
            Ok(LeaseOutcome::Mismatch) => Err(Problem::new(
                &kinds::IDEMPOTENCY_KEY_REUSED,
                "the Idempotency-Key belongs to another request: each request has a key of its own",
            )),
            Err(error) => Err(Problem::from(&error)),
        };
        let response = match answer {
            Ok(response) => self.request.into_response(response),
            Err(problem) => self.request.error_response(problem),
        };
        Attempt::Answered(Ok(response))
    }

    /// Runs the call and stores its response.
    async fn run(self, api: &Data<Api>) -> Result<ServiceResponse<BoxBody>, Error> {
        let Self {
            request,
            next,
            key,
            token,
            in_flight,
            ..
        } = self;
        let served = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        let answered = match served {
            // A failure of the service is not the answer to the call: sent again, the call is run again.
            Ok(Ok(response)) if response.status().is_server_error() => {
                release_key(api, &key, token).await;
                Ok(response.map_into_boxed_body())
            }
            Ok(Ok(response)) => store(api, &key, token, response).await,
            Ok(Err(error)) => {
                release_key(api, &key, token).await;
                Err(error)
            }
            Err(_) => {
                release_key(api, &key, token).await;
                Err(Problem::internal().into())
            }
        };
        drop(in_flight);
        answered
    }
}

/// A stored answer, marked as one.
fn replayed(mut response: HttpResponse) -> HttpResponse {
    response
        .headers_mut()
        .insert(IDEMPOTENT_REPLAYED.clone(), HeaderValue::from_static("true"));
    response
}

async fn release_key(api: &Api, key: &IdempotencyKey, token: LeaseToken) {
    if let Err(error) = api.idempotency().release(key, token).await {
        tracing::warn!(%error, %key, "a key could not be released; it can be used again when its lease ends");
    }
}

/// Stores a response and passes it on, whether it could be stored or not: the command has been run.
async fn store<B: MessageBody + 'static>(
    api: &Api,
    key: &IdempotencyKey,
    token: LeaseToken,
    response: ServiceResponse<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let body = match to_bytes(body).await {
        Ok(body) => body,
        Err(why) => {
            release_key(api, key, token).await;
            let why: Box<dyn std::error::Error> = why.into();
            return Err(Problem::defect(&why).into());
        }
    };
    match stored_response::encode(head.status(), head.headers(), &body) {
        Some(answer) => match api.idempotency().complete(key, token, &answer).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%key, "a response was not stored: its lease had ended"),
            Err(error) => tracing::warn!(%error, %key, "a response could not be stored"),
        },
        None => tracing::error!(%key, "a response was not stored: a header is not text"),
    }
    Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(body))))
}
