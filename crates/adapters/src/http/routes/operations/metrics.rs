//! The metrics.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::Action;

use super::health::readiness;
use crate::http::api::Api;
use crate::http::metrics::OPENMETRICS;
use crate::http::middleware::auth::require;
use crate::http::response::problem::Problem;

/// Metrics for Prometheus
///
/// Counters, gauges and histograms of the engine and of this interface.
#[utoipa::path(
    tag = "Operations",
    operation_id = "metrics",
    responses((status = 200, description = "OpenMetrics text",
        content_type = "application/openmetrics-text", body = String))
)]
#[get("/metrics")]
pub(crate) async fn metrics(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::ReadService)?;
    let is_ready = readiness(&api).await.is_ok();
    api.metrics().scraped(is_ready, &api.engine().queues());
    Ok(HttpResponse::Ok().content_type(OPENMETRICS).body(api.metrics().text()))
}
