//! The page and its icon.

use actix_web::http::header::{self, ContentType};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::Shown;
use uuid::Uuid;

use crate::html::escaped;
use crate::http::api::Api;
use crate::http::middleware::auth::ANYBODY;
use crate::http::request::context::RequestContext;

/// The page, with placeholders for what is known only when it is requested.
const PAGE: &str = include_str!("page.html");

/// The icon: two boxes, one of them earmarked.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect x="3" y="12" width="17" height="17" rx="3" fill="#2f6f5e"/>
<path d="M14 3h12a3 3 0 0 1 3 3v14l-6-4-6 4V6z" fill="#e0a030"/>
</svg>"##;

/// The dashboard
///
/// For people: what runs, and the stock of every product.
#[utoipa::path(
    tag = "Operations",
    operation_id = "page",
    responses((status = 200, description = "What runs, and the stock", content_type = "text/html", body = String))
)]
#[get("/")]
pub(crate) async fn page(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let about = api.about();
    let context = RequestContext::of(&request);
    let is_signed_in = matches!(context.shown, Shown::Session(_)) && *context.principal.name().as_ref() != *ANYBODY;
    let signed_in = if is_signed_in { "" } else { "hidden" };
    // Only scripts with the nonce run, so injected text would not.
    let nonce = Uuid::from_bytes(api.ids().token()).simple().to_string();
    let started = about.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let up_seconds = api.now().duration_since(about.started).as_secs().max(0);
    let html = filled(&[
        ("{{nonce}}", &nonce),
        ("{{base}}", api.site().base_path.as_str()),
        ("{{version}}", about.version),
        ("{{store}}", &about.store),
        ("{{started}}", &started),
        ("{{uptime}}", &uptime(up_seconds)),
        ("{{who}}", context.principal.name()),
        ("{{signed_in}}", signed_in),
    ]);
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A form of a page without a referrer would be sent as if it came from nowhere.
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            format!(
                "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
                 img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            ),
        ))
        .body(html)
}

/// The icon
///
/// The icon of the pages.
#[utoipa::path(
    tag = "Operations",
    operation_id = "favicon",
    responses((status = 200, description = "An icon", content_type = "image/svg+xml", body = String))
)]
#[get("/favicon.ico")]
pub(crate) async fn favicon() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((header::CACHE_CONTROL, "max-age=86400"))
        .body(ICON)
}

/// The page with its placeholders filled.
fn filled(values: &[(&str, &str)]) -> String {
    values.iter().fold(PAGE.to_owned(), |html, (placeholder, text)| {
        html.replace(placeholder, &escaped(text))
    })
}

/// A duration in its two largest units.
fn uptime(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_the_page_is_filled() {
        let placeholders = [
            "{{nonce}}",
            "{{base}}",
            "{{version}}",
            "{{store}}",
            "{{started}}",
            "{{uptime}}",
            "{{who}}",
            "{{signed_in}}",
        ];
        let html = filled(&placeholders.map(|placeholder| (placeholder, "x")));
        assert!(!html.contains("{{"), "a placeholder is left");
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for elsewhere in ["http://", "https://", "//cdn", "@import", "url("] {
            let outside = PAGE.matches(elsewhere).count();
            assert_eq!(outside, 0, "{elsewhere}");
        }
    }

    #[test]
    fn an_uptime_is_shown_in_its_largest_units() {
        assert_eq!(uptime(7), "7 s");
        assert_eq!(uptime(3_599), "59 min");
        assert_eq!(uptime(7_260), "2 h 1 min");
        assert_eq!(uptime(90_000), "1 d 1 h");
    }
}
