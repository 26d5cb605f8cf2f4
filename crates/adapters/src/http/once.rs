//! Calls that bear an `Idempotency-Key`: whoever sends one again hears the first answer again.
//!
//! The whole request is read first, so that it is known what is called. Then the key is claimed; whoever wins it has the
//! call served and its answer kept, others hear that answer, wait for it, or are told that the key stands for something
//! else. From the claim on the work is a task of its own: a client that leaves does not leave a key behind that nobody
//! answers for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::rt;
use actix_web::web::{Data, Payload};
use earmark_application::{CommandError, Fingerprint, IdempotencyKey, LeaseOutcome, LeaseRequest, LeaseToken};
use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;
use uuid::Uuid;

use super::api::Api;
use super::call_key::{IDEMPOTENCY_KEY, fingerprint, is_preview, key_of};
use super::edge::is_route;
use super::input::whole_body;
use super::problem::Problem;
use super::turns::Turn;
use super::{kept, kinds};

/// How long a call waits for the answer to another under its key: as long as a client waits for anything. It is shorter
/// than the lease, so that who waits for a claim that a crash has left hears of it rather than waits it out.
const WAIT: Duration = Duration::from_secs(30);

/// How long to wait before the store is asked again what has become of a claim of another process: at first as long as a
/// command takes, then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest such wait: nobody hears an answer later than that.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The most calls with a key that are served at once. They go on when their clients leave, so that connections do not
/// bound them; as many as a full engine has waiting, and those whose keys are being claimed and answered.
pub(super) const MAX_KEYED_CALLS: usize = 4_096;

/// The path of the stream, each of whose lines is a call of its own.
const STREAM: &str = "/v1/bulk";

/// Serves a request, once if it bears a key. One that bears none costs the look for the header.
pub(super) async fn serve<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.headers().contains_key(&IDEMPOTENCY_KEY) && takes_key(&request) {
        Box::pin(serve_once(request, next)).await
    } else {
        next.call(request).await.map(ServiceResponse::map_into_boxed_body)
    }
}

/// Whether the key is looked at. Where there is no such call, where nothing is changed or stored, and in the book's API,
/// which knows no such header, it says nothing.
fn takes_key(request: &ServiceRequest) -> bool {
    matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    ) && path(request).starts_with("/v1/")
        && !is_preview(request.query_string())
        && is_route(path(request), request.method())
}

/// The path as the router reads it, whatever of it is encoded without need.
fn path(request: &ServiceRequest) -> &str {
    request.match_info().as_str()
}

async fn serve_once<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (key, body) = match read(&mut request).await {
        Ok(read) => read,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    let deadline = Instant::now() + WAIT;
    let api = api(&request)?;
    let Ok(turn) = timeout_at(deadline, api.turns().wait_for(key.clone())).await else {
        return Ok(request.error_response(in_use()));
    };
    let Ok(permit) = Arc::clone(api.keyed_calls()).try_acquire_owned() else {
        return Ok(request.error_response(Problem::of(&CommandError::Busy)));
    };
    let mut call = Call {
        fingerprint: fingerprint(&request, &body),
        token: LeaseToken(Uuid::new_v4().into_bytes()),
        key,
        request,
        next,
        held: Held {
            _turn: turn,
            _permit: permit,
        },
    };
    if !body.is_empty() {
        call.request.set_payload(body.into());
    }
    let mut pause = FIRST_PAUSE;
    loop {
        // The claim too is made in the task: a client that leaves amid it may have won.
        let attempt = rt::spawn(call.attempt(api.clone()).in_current_span());
        call = match attempt.await {
            Ok(Attempt::Answered(response)) => return response,
            Ok(Attempt::Running(call)) => call,
            // The worker is ending, or a panic came from the innermost of the framework.
            Err(why) => return Err(Problem::defect(&why).into()),
        };
        let now = Instant::now();
        if now >= deadline {
            return Ok(call.request.error_response(in_use()));
        }
        // A service that is going down does not stay for what another may take half a minute over.
        tokio::select! {
            () = sleep_until(deadline.min(now + pause)) => {}
            () = api.readiness().draining() => {
                return Ok(call.request.error_response(Problem::of(&CommandError::ShuttingDown)));
            }
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The key and the whole body.
async fn read(request: &mut ServiceRequest) -> Result<(IdempotencyKey, bytes::Bytes), Problem> {
    let key = key_of(request.headers())?;
    if path(request) == STREAM {
        return Err(Problem::new(
            &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED,
            "a stream takes no Idempotency-Key: each of its lines is idempotent by its own key, so the lines can be sent \
             again without one",
        ));
    }
    let payload = request.extract::<Payload>().await;
    let payload = payload.map_err(|why| Problem::defect(&why))?;
    let body = whole_body(request.request(), payload).await?;
    Ok((key, body))
}

fn api(request: &ServiceRequest) -> Result<Data<Api>, Error> {
    let api = request.app_data::<Data<Api>>().cloned();
    api.ok_or_else(|| Problem::defect(&"the application has no interface to what it serves").into())
}

fn in_use() -> Problem {
    Problem::new(
        &kinds::IDEMPOTENCY_KEY_IN_USE,
        format!(
            "a call under this key is not answered yet, and has been waited for {} seconds",
            WAIT.as_secs()
        ),
    )
}

/// A request that bears a key, and has its turn.
struct Call<B> {
    request: ServiceRequest,
    next: Next<B>,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
    token: LeaseToken,
    held: Held,
}

/// What a call holds as long as it is served, for whoever comes after it.
struct Held {
    _turn: Turn,
    _permit: OwnedSemaphorePermit,
}

/// What came of an attempt.
enum Attempt<B> {
    /// The answer.
    Answered(Result<ServiceResponse<BoxBody>, Error>),
    /// Another process has not answered yet.
    Running(Call<B>),
}

impl<B: MessageBody + 'static> Call<B> {
    /// Claims the key, and then does what that comes to.
    async fn attempt(self, api: Data<Api>) -> Attempt<B> {
        let request = LeaseRequest::at(api.now(), self.key.clone(), self.fingerprint, self.token);
        let answer = match api.idempotency().acquire(&request).await {
            Ok(LeaseOutcome::Acquired) => return Attempt::Answered(self.run(&api).await),
            Ok(LeaseOutcome::InProgress) => return Attempt::Running(self),
            Ok(LeaseOutcome::Answered(answer)) => kept::read(answer)
                .ok_or_else(|| Problem::defect(&format!("the answer kept under {} can't be read", self.key))),
            Ok(LeaseOutcome::Mismatch) => Err(Problem::new(
                &kinds::IDEMPOTENCY_KEY_REUSED,
                "the Idempotency-Key stands for another request: each request is named by a key of its own",
            )),
            Err(error) => Err(Problem::unanswered(&error)),
        };
        let response = match answer {
            Ok(response) => self.request.into_response(response),
            Err(problem) => self.request.error_response(problem),
        };
        Attempt::Answered(Ok(response))
    }

    /// Has the call served, and keeps the answer.
    async fn run(self, api: &Data<Api>) -> Result<ServiceResponse<BoxBody>, Error> {
        let Self {
            request,
            next,
            key,
            token,
            held,
            ..
        } = self;
        let served = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        let answered = match served {
            // What the service itself could not do is no answer to the call: sent again, it is tried again.
            Ok(Ok(response)) if response.status().is_server_error() => {
                release_key(api, &key, token).await;
                Ok(response.map_into_boxed_body())
            }
            Ok(Ok(response)) => keep(api, &key, token, response).await,
            Ok(Err(error)) => {
                release_key(api, &key, token).await;
                Err(error)
            }
            Err(_) => {
                release_key(api, &key, token).await;
                Err(Problem::internal().into())
            }
        };
        drop(held);
        answered
    }
}

async fn release_key(api: &Api, key: &IdempotencyKey, token: LeaseToken) {
    if let Err(error) = api.idempotency().release(key, token).await {
        tracing::warn!(%error, %key, "a key could not be given back; it can be used again when its claim lapses");
    }
}

/// Keeps an answer, and hands it on as it is: what has been done has been done, whether its answer can be kept or not.
async fn keep<B: MessageBody + 'static>(
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
    match kept::written(head.status(), head.headers(), &body) {
        Some(answer) => match api.idempotency().complete(key, token, &answer).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%key, "an answer came too late to be kept: its claim had lapsed"),
            Err(error) => tracing::warn!(%error, %key, "an answer could not be kept"),
        },
        None => tracing::error!(%key, "an answer with a header that is no text is not kept"),
    }
    Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(body))))
}
