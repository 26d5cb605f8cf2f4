//! The probes: whether the service is alive, and whether it is ready.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use crate::http::api::Api;
use crate::http::openapi::schema::{Health, HealthStatus};
use crate::http::response::problem::Problem;
use crate::timeout::timeout;
use crate::wire::answers::kinds;

/// How long the store may take to answer a probe: less than the interval at which probes are usually sent.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// For how long commands may wait without one being answered before the service is not ready: longer than any group
/// takes on a store that works, shorter than callers wait for an answer.
const STALL_BOUND: Duration = Duration::from_secs(3);

/// Liveness
///
/// Answers as long as the process does: a supervisor restarts one that does not.
#[utoipa::path(
    tag = "Operations",
    operation_id = "live",
    responses((status = 200, description = "The process answers", body = Health))
)]
#[get("/health/live")]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health {
        status: HealthStatus::Live,
    })
}

/// Readiness
///
/// Whether requests should be sent to this instance: not while it drains, or its store fails.
#[utoipa::path(
    tag = "Operations",
    operation_id = "ready",
    responses((status = 200, description = "The store answers, the last write has not failed, and the service takes work", body = Health))
)]
#[get("/health/ready")]
pub(crate) async fn ready(api: Data<Api>) -> Result<HttpResponse, Problem> {
    readiness(&api).await?;
    Ok(HttpResponse::Ok().json(Health {
        status: HealthStatus::Ready,
    }))
}

/// Whether the service is ready. Takes no longer than [`READY_TIMEOUT`].
///
/// # Errors
/// Why it is not.
pub(crate) async fn readiness(api: &Api) -> Result<(), Problem> {
    if api.readiness().is_draining() {
        return Err(Problem::new(&kinds::SHUTTING_DOWN, "the service is shutting down"));
    }
    if api.engine().stalled_for().is_some_and(|stalled| stalled > STALL_BOUND) {
        return Err(Problem::new(&kinds::UNAVAILABLE, "the store does not answer commands"));
    }
    if api.writes_fail() {
        return Err(Problem::new(&kinds::UNAVAILABLE, "the store takes no writes"));
    }
    let answer = timeout(api.clock(), READY_TIMEOUT, api.read(|ports| ports.health.ready())).await;
    answer.unwrap_or_else(|| Err(Problem::new(&kinds::UNAVAILABLE, "the store does not answer in time")))
}
