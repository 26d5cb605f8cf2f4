//! The OpenAPI document with its explorer, and the AsyncAPI document.

use std::sync::{Arc, OnceLock};

use actix_web::http::header::{self, ContentType};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use utoipa_swagger_ui::Config;

use crate::http::api::Api;
use crate::http::openapi::description::ApiDescription;
use crate::http::response::problem::Problem;

/// This document
///
/// Made from the code of the service that answers, so the two always agree.
#[utoipa::path(
    tag = "Operations",
    operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object))
)]
#[get("/openapi.json")]
pub(crate) async fn document(description: Data<ApiDescription>, api: Data<Api>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(description.text_under(&api.site().base_path))
}

/// The AsyncAPI document
///
/// The messages that the service sends to brokers and webhooks, and takes from brokers.
#[utoipa::path(
    tag = "Operations",
    operation_id = "asyncapi",
    responses((status = 200, description = "AsyncAPI 3.0", content_type = "application/json", body = Object))
)]
#[get("/asyncapi.json")]
pub(crate) async fn asyncapi(api: Data<Api>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body((api.about().asyncapi)())
}

/// The address of the explorer without its slash.
#[get("/docs")]
pub(crate) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// A file of the explorer, which loads nothing from elsewhere.
#[get("/docs/{file:.*}")]
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
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
                    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                     frame-ancestors 'none'",
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
            // Relative to the page, whatever path a proxy puts before it.
            Config::from("../openapi.json")
                // By default the explorer sends the document to a validator on the internet.
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
        for asset in ["", "index.html", "swagger-initializer.js", "index.css"] {
            let served = utoipa_swagger_ui::serve(asset, explorer())
                .expect("a file")
                .expect("a file");
            let text = String::from_utf8_lossy(&served.bytes).into_owned();
            for elsewhere in ["src=\"http", "href=\"http", "url(http", "@import"] {
                assert!(!text.contains(elsewhere), "{asset} has {elsewhere}");
            }
        }
    }
}
