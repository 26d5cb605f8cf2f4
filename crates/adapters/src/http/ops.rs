//! For those who run the service: is it alive, is it ready, its figures, its description, what a problem means.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::header::{self, ContentType};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use tokio::time::timeout;
use utoipa_swagger_ui::Config;

use super::api::Api;
use super::input::Input;
use super::kinds;
use super::metrics::OPENMETRICS;
use super::openapi;
use super::page::escaped;
use super::problem::Problem;
use super::schema::Health;

/// How long the store may take to say that it is there: a probe that waits longer than its own interval tells nothing.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// The page's icon: two boxes, one of them earmarked.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect x="3" y="12" width="17" height="17" rx="3" fill="#2f6f5e"/><path d="M14 3h12a3 3 0 0 1 3 3v14l-6-4-6 4V6z" fill="#e0a030"/></svg>"##;

/// Is it alive?
#[utoipa::path(
    tag = "Operations",
    operation_id = "live",
    responses((status = 200, description = "The process answers", body = Health))
)]
#[get("/health/live")]
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "live" })
}

/// Is it ready?
#[utoipa::path(
    tag = "Operations",
    operation_id = "ready",
    responses((status = 200, description = "The store answers, and the service takes work", body = Health))
)]
#[get("/health/ready")]
pub(super) async fn ready(api: Data<Api>) -> Result<HttpResponse, Problem> {
    if api.readiness().is_draining() {
        return Err(Problem::new(&kinds::SHUTTING_DOWN, "the service is shutting down"));
    }
    match timeout(READY_TIMEOUT, api.ask(|ports| ports.health.ready())).await {
        Ok(answer) => answer.map(|()| HttpResponse::Ok().json(Health { status: "ready" })),
        Err(_) => Err(Problem::new(&kinds::UNAVAILABLE, "the store does not answer in time")),
    }
}

/// Figures for Prometheus
#[utoipa::path(
    tag = "Operations",
    operation_id = "metrics",
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String))
)]
#[get("/metrics")]
pub(super) async fn metrics(api: Data<Api>) -> HttpResponse {
    HttpResponse::Ok().content_type(OPENMETRICS).body(api.metrics().text())
}

/// This document
#[utoipa::path(
    tag = "Operations",
    operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object))
)]
#[get("/openapi.json")]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(openapi::text())
}

/// What a problem means
#[utoipa::path(
    tag = "Operations",
    operation_id = "problem",
    params(("code" = String, Path, description = "The code of a problem", example = "out_of_stock")),
    responses((status = 200, description = "The page that a problem's `type` leads to", content_type = "text/html", body = String))
)]
#[get("/problems/{code}")]
pub(super) async fn problem_page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut input = Input::of(&request, &[]).0;
    let code = input.path("code", |code| Ok::<_, &str>(code.to_owned()));
    let code = input.finish(code)?;
    let kind = kinds::by_code(&code).ok_or_else(|| Problem::not_found(request.path()))?;
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n</head>\n<body>\n\
         <main style=\"max-width:40rem;margin:3rem auto;padding:0 1rem;font:1rem/1.6 system-ui,sans-serif\">\n\
         <h1>{title}</h1>\n<p>Code <code>{code}</code>, status {status}.</p>\n<p>{meaning}</p>\n\
         <p><a href=\"/docs/\">All calls</a></p>\n</main>\n</body>\n</html>\n",
        title = escaped(kind.title),
        code = escaped(kind.code),
        status = kind.status.as_u16(),
        meaning = escaped(kind.meaning),
    );
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ))
        .body(html))
}

/// The page's icon
#[utoipa::path(
    tag = "Operations",
    operation_id = "favicon",
    responses((status = 200, description = "An icon", content_type = "image/svg+xml", body = String))
)]
#[get("/favicon.ico")]
pub(super) async fn favicon() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((header::CACHE_CONTROL, "max-age=86400"))
        .body(ICON)
}

/// The explorer's address as people type it.
#[get("/docs")]
pub(super) async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// The explorer, with all it needs: it loads nothing from elsewhere.
#[get("/docs/{file:.*}")]
pub(super) async fn docs_file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let file = request.match_info().get("file").unwrap_or_default();
    match utoipa_swagger_ui::serve(file, explorer()) {
        Ok(Some(file)) => {
            let mut response = HttpResponse::Ok();
            if file.gzpipped {
                response.insert_header((header::CONTENT_ENCODING, "gzip"));
            }
            Ok(response
                .content_type(file.content_type)
                .insert_header((
                    header::CONTENT_SECURITY_POLICY,
                    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
                ))
                .body(file.bytes.into_owned()))
        }
        Ok(None) => Err(Problem::not_found(request.path())),
        Err(error) => Err(Problem::defect(&format_args!(
            "the explorer could not be served: {error}"
        ))),
    }
}

fn explorer() -> Arc<Config<'static>> {
    static EXPLORER: OnceLock<Arc<Config<'static>>> = OnceLock::new();
    Arc::clone(EXPLORER.get_or_init(|| {
        Arc::new(
            Config::from("/openapi.json")
                // Otherwise the explorer shows the document to a validator elsewhere.
                .validator_url("none")
                .try_it_out_enabled(true),
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_explorer_loads_nothing_from_elsewhere() {
        for file in ["", "index.html", "swagger-initializer.js", "index.css"] {
            let served = utoipa_swagger_ui::serve(file, explorer())
                .expect("a file")
                .expect("a file");
            let text = String::from_utf8_lossy(&served.bytes).into_owned();
            for elsewhere in ["src=\"http", "href=\"http", "url(http", "@import"] {
                assert!(!text.contains(elsewhere), "{file} has {elsewhere}");
            }
        }
    }
}
