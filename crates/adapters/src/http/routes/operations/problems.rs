//! The page of each problem, to which its `type` leads.

use actix_web::http::header::{self, ContentType};
use actix_web::{HttpRequest, HttpResponse, get};

use crate::html::escaped;
use crate::http::request::input::Input;
use crate::http::response::problem::Problem;
use crate::wire::answers::kinds;

/// What a problem means
///
/// The page to which the `type` of a problem leads.
#[utoipa::path(
    tag = "Operations",
    operation_id = "problem",
    params(("code" = String, Path, description = "The code of a problem", example = "out_of_stock")),
    responses((status = 200, description = "The page that a problem's `type` leads to",
        content_type = "text/html", body = String))
)]
#[get("/problems/{code}")]
pub(crate) async fn problem_page(request: HttpRequest) -> Result<HttpResponse, Problem> {
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
         <p><a href=\"../docs/\">All calls</a></p>\n</main>\n</body>\n</html>\n",
        title = escaped(kind.title),
        code = escaped(kind.code),
        status = kind.status,
        meaning = escaped(kind.meaning),
    );
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ))
        .body(html))
}
