//! The page that takes a key, and what it sends: a form, without any script. It leads to the identity provider, too, if there
//! is one.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use earmark_application::{AccessDecision, KeyHash, Principal, SESSION_LIFETIME, Session, SessionHolder};
use uuid::Uuid;

use super::cookie::{CookiePlace, SessionId};
use crate::access_key::hash_of;
use crate::html::escaped;
use crate::http::api::Api;
use crate::http::middleware::auth::{self, admitted_by};
use crate::http::request::context::RequestContext;
use crate::http::request::input::Input;
use crate::http::request::query::pairs;
use crate::http::response::problem::Problem;

/// Where people sign in.
pub(crate) const SIGN_IN: &str = "/sign-in";

/// Where people end up.
pub(super) const HOME: &str = "/";

/// The page, with placeholders for what is known only when it is requested.
const PAGE: &str = include_str!("page.html");

/// The longest form: a key and what belongs to it is a hundred characters.
const MAX_FORM_BYTES: usize = 4_096;

/// What the page says after a key that opens nothing. It does not say why.
const REFUSED: &str = "This key is unknown, revoked or expired.";

/// Shows the page.
#[get("/sign-in")]
pub(crate) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    // A key in a URL would be in the log of a proxy.
    Input::without_query(&request).finish(Some(()))?;
    let is_locked = api.key_ring().is_locked().await;
    if !is_locked.map_err(auth::unavailable)? {
        return Ok(see(HOME).finish());
    }
    Ok(page(&api, StatusCode::OK, ""))
}

/// Takes a key, and begins a session.
#[post("/sign-in")]
pub(crate) async fn sign_in(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let input = Input::without_query(&request);
    let body = input.body(api.body_time(), payload).await?;
    input.finish(Some(()))?;
    let key = match hash_of_form(&body) {
        Some(hash) => admitted_by(&request, &api, hash).await?,
        None => {
            auth::refuse(&request, &api, None, AccessDecision::UnknownKey);
            None
        }
    };
    let Some(key) = key else {
        return Ok(page(&api, StatusCode::UNAUTHORIZED, REFUSED));
    };
    let context = RequestContext::of(&request);
    let place = place(&context, &api);
    let holder = SessionHolder::Key {
        name: key.name.clone(),
        hash: key.hash,
    };
    let cookie = begin_session(&request, &api, place, holder, &key.principal()).await?;
    Ok(see(HOME).insert_header((header::SET_COOKIE, cookie)).finish())
}

/// Begins a session; answers the cookie that gives the browser its id.
pub(super) async fn begin_session(
    request: &HttpRequest,
    api: &Api,
    place: CookiePlace<'_>,
    holder: SessionHolder,
    principal: &Principal,
) -> Result<String, Problem> {
    // Whatever the browser had before opens nothing any more, whoever has given it that.
    end(request, api, place).await?;
    let id = SessionId::new(api.ids().secret());
    let now = api.now();
    let session = Session {
        hash: id.hash(),
        holder,
        began_at: now,
        ends_at: now + SESSION_LIFETIME,
    };
    let log = auth::entry_of(request, api, principal, principal.name());
    api.write(|ports| ports.sessions.begin_session(&session, &log)).await?;
    Ok(place.given(&id))
}

/// Ends the session of a browser, if it has one.
#[post("/sign-out")]
pub(crate) async fn sign_out(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let input = Input::without_query(&request);
    let _ = input.body(api.body_time(), payload).await?;
    input.finish(Some(()))?;
    let context = RequestContext::of(&request);
    let place = place(&context, &api);
    end(&request, &api, place).await?;
    Ok(see(SIGN_IN).insert_header((header::SET_COOKIE, place.taken())).finish())
}

pub(super) fn place<'a>(context: &RequestContext, api: &'a Api) -> CookiePlace<'a> {
    CookiePlace {
        is_encrypted: context.is_encrypted,
        base: &api.site().base_path,
    }
}

/// Ends the session that a request shows.
async fn end(request: &HttpRequest, api: &Api, place: CookiePlace<'_>) -> Result<(), Problem> {
    let Some(hash) = place.session(request.headers()) else {
        return Ok(());
    };
    let Some(session) = api.read(|ports| ports.sessions.session_of(hash)).await? else {
        return Ok(());
    };
    let name = session.holder.name();
    let log = auth::entry_of(request, api, &auth::known(name), name);
    api.write(|ports| ports.sessions.end_session(hash, &log)).await?;
    api.key_ring().forget();
    Ok(())
}

/// The hash of the key in a form; `None`: there is none that could be one, or more than one.
fn hash_of_form(body: &[u8]) -> Option<KeyHash> {
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|text| text.len() <= MAX_FORM_BYTES)?;
    let mut fields = pairs(text);
    match (fields.next()?, fields.next()) {
        (Ok((name, value)), None) if name == "key" => hash_of(value.trim()),
        _ => None,
    }
}

/// Has a browser show where to sign in.
pub(crate) fn to_sign_in() -> HttpResponse {
    see(SIGN_IN).finish()
}

/// Has the browser show another page: the answer to a form is never shown itself, so it is not sent again.
pub(super) fn see(path: &str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, path));
    response
}

/// The page, with a message unless it is empty.
pub(super) fn page(api: &Api, status: StatusCode, message: &str) -> HttpResponse {
    let hidden = |is_hidden: bool| if is_hidden { "hidden" } else { "" };
    let values = [
        ("{{message}}", message),
        ("{{hidden}}", hidden(message.is_empty())),
        ("{{without_provider}}", hidden(api.key_ring().provider().is_none())),
    ];
    html(api, status, PAGE, &values)
}

/// A page without a script.
pub(super) fn html(api: &Api, status: StatusCode, template: &str, values: &[(&str, &str)]) -> HttpResponse {
    // Nothing runs here, whatever somebody has put into the page.
    let nonce = Uuid::from_bytes(api.ids().token()).simple().to_string();
    let always = [
        ("{{nonce}}", nonce.as_str()),
        ("{{base}}", api.site().base_path.as_str()),
    ];
    let html = filled(template, always.iter().chain(values));
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A form of a page without a referrer would be sent as if it came from nowhere.
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            format!(
                "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; \
                 frame-ancestors 'none'"
            ),
        ))
        .body(html)
}

/// A page with its placeholders filled.
fn filled<'a>(template: &str, values: impl Iterator<Item = &'a (&'a str, &'a str)>) -> String {
    values.fold(template.to_owned(), |html, (placeholder, text)| {
        html.replace(placeholder, &escaped(text))
    })
}

/// An answer with one more cookie.
pub(super) fn with_cookie(mut answer: HttpResponse, cookie: &str) -> HttpResponse {
    let cookie = HeaderValue::from_str(cookie).expect("a cookie is made here, of letters and digits");
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_key::KeyText;

    #[test]
    fn the_page_loads_nothing_and_runs_nothing() {
        for outside in [
            "http://",
            "https://",
            "//cdn",
            "@import",
            "url(",
            "<script",
            "javascript:",
            " on",
        ] {
            let attributes = PAGE.lines().filter(|line| line.contains('<') && line.contains(outside));
            assert_eq!(attributes.count(), 0, "{outside}");
        }
        let placeholders = [
            "{{nonce}}",
            "{{base}}",
            "{{message}}",
            "{{hidden}}",
            "{{without_provider}}",
        ];
        let html = filled(PAGE, placeholders.map(|placeholder| (placeholder, "x")).iter());
        assert!(!html.contains("{{"), "a placeholder is left");
    }

    #[test]
    fn a_form_has_one_field_that_is_a_key() {
        let text = KeyText::new([3; 32]);
        let key = text.expose();
        let form = |text: &str| hash_of_form(text.as_bytes());
        assert_eq!(form(&format!("key={key}")), Some(text.hash()));
        assert_eq!(
            form(&format!("key=+{key}%0D%0A")),
            Some(text.hash()),
            "as it was copied"
        );
        for wrong in [
            String::new(),
            "key=".to_owned(),
            format!("key={key}0"),
            format!("name={key}"),
            format!("key={key}&key={key}"),
            format!("key={key}&more=1"),
            format!("key={key}%"),
            format!("key={key}{}", " ".repeat(MAX_FORM_BYTES)),
        ] {
            assert_eq!(form(&wrong), None, "{wrong}");
        }
        assert_eq!(hash_of_form(b"key=\xff"), None);
    }
}
