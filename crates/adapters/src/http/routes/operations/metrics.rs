//! The metrics.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::health::readiness;
use crate::http::api::Api;
use crate::http::metrics::OPENMETRICS;

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
pub(crate) async fn metrics(api: Data<Api>) -> HttpResponse {
    let is_ready = readiness(&api).await.is_ok();
    api.metrics().scraped(is_ready, &api.engine().queues());
    HttpResponse::Ok().content_type(OPENMETRICS).body(api.metrics().text())
}
