//! The page at `/`: what runs, where to go from here, and the stock. One document, nothing loaded from elsewhere.

use actix_web::http::header::{self, ContentType};
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use uuid::Uuid;

use super::api::Api;

/// The page, with places for what is only known when it is asked for.
const PAGE: &str = include_str!("page.html");

/// The page
#[utoipa::path(
    tag = "Operations",
    operation_id = "page",
    responses((status = 200, description = "What runs, and the stock", content_type = "text/html", body = String))
)]
#[get("/")]
pub(super) async fn page(api: Data<Api>) -> HttpResponse {
    let about = api.about();
    // Only what bears the nonce runs: text that found its way into the page would stay text.
    let nonce = Uuid::new_v4().simple().to_string();
    let started = about.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let up_seconds = api.now().duration_since(about.started).as_secs().max(0);
    let html = filled(&[
        ("{{nonce}}", &nonce),
        ("{{version}}", about.version),
        ("{{store}}", &about.store),
        ("{{started}}", &started),
        ("{{uptime}}", &uptime(up_seconds)),
    ]);
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            format!(
                "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
                 img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            ),
        ))
        .body(html)
}

/// The page with its places filled.
fn filled(places: &[(&str, &str)]) -> String {
    places.iter().fold(PAGE.to_owned(), |html, (place, text)| {
        html.replace(place, &escaped(text))
    })
}

/// A duration as people say it, in its two largest units.
fn uptime(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Text as HTML shows it, inside an element or a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<b a=\"x\">&'"), "&lt;b a=&quot;x&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn every_place_of_the_page_is_filled() {
        let places = ["{{nonce}}", "{{version}}", "{{store}}", "{{started}}", "{{uptime}}"];
        let html = filled(&places.map(|place| (place, "x")));
        assert!(!html.contains("{{"), "a place is left open");
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for elsewhere in ["http://", "https://", "//cdn", "@import", "url("] {
            let outside = PAGE.matches(elsewhere).count();
            assert_eq!(outside, 0, "{elsewhere}");
        }
    }

    #[test]
    fn an_uptime_is_told_in_its_largest_units() {
        assert_eq!(uptime(7), "7 s");
        assert_eq!(uptime(3_599), "59 min");
        assert_eq!(uptime(7_260), "2 h 1 min");
        assert_eq!(uptime(90_000), "1 d 1 h");
    }
}
