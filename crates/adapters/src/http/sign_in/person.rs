//! The way to the identity provider and back, and the session of the person whom it names.
//!
//! The provider sends the browser back from another site. The cookie of a session is `SameSite=Strict`, so a redirect from
//! there would lead to a page that seems not to be signed in. So what the browser gets is a page of the service itself, which
//! leads on: what that asks for comes from the service's own site.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{AccessDecision, Person, Role, SessionHolder, SignInError};

use super::page::{SIGN_IN, begin_session, html, page, place, see, with_cookie};
use super::pending::Pending;
use crate::http::api::Api;
use crate::http::middleware::auth;
use crate::http::request::context::RequestContext;
use crate::http::request::input::Input;
use crate::http::request::origin::is_of_another_site;
use crate::http::request::query::pairs;
use crate::http::response::problem::Problem;

/// Where the provider sends browsers back to.
pub const CALLBACK: &str = "/sign-in/callback";

/// The page that leads on.
const WELCOME: &str = include_str!("welcome.html");

/// What the page says while the provider can't be asked.
const AWAY: &str = "The identity provider does not answer. Try again in a minute, or sign in with an access key.";

/// What it says to a browser that comes back without having been sent there.
const NOT_BEGUN: &str =
    "This sign-in was not begun in this browser, or more than ten minutes ago, or it is done. Begin it here.";

/// What it says where the provider does not say who it is.
const NOT_SIGNED_IN: &str = "The identity provider has not signed you in.";

/// Sends the browser to the provider.
#[get("/sign-in/provider")]
pub(crate) async fn begin(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    Input::without_query(&request).finish(Some(()))?;
    // Nobody is signed in by a link on a page of another site: it leads to the page from which one is.
    let provider = api.key_ring().provider().filter(|_| !is_of_another_site(&request));
    let Some(provider) = provider else {
        return Ok(see(SIGN_IN).finish());
    };
    let pending = Pending::new(api.ids().secret(), api.now());
    let context = RequestContext::of(&request);
    match provider.begin(&pending.attempt()).await {
        Ok(address) => Ok(with_cookie(
            see(&address).finish(),
            &pending.given(place(&context, &api)),
        )),
        Err(why) => Ok(refused(&request, &api, &why)),
    }
}

/// Takes what the browser brings back from the provider, and begins a session.
#[get("/sign-in/callback")]
pub(crate) async fn finish(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let context = RequestContext::of(&request);
    let place = place(&context, &api);
    let answer = match come_back(&request, &api).await {
        Ok(person) => welcome(&request, &api, person).await?,
        Err(answer) => answer,
    };
    // What has come back does not come back again.
    Ok(with_cookie(answer, &Pending::taken(place)))
}

/// Whom the provider names; or what the browser is shown instead.
async fn come_back(request: &HttpRequest, api: &Api) -> Result<Person, HttpResponse> {
    let Some(provider) = api.key_ring().provider() else {
        return Err(see(SIGN_IN).finish());
    };
    let context = RequestContext::of(request);
    let pending = Pending::of(place(&context, api), request.headers(), api.now());
    let attempt = pending.map(|pending| pending.attempt());
    let brought = Brought::of(request.query_string());
    // What is not bound to this browser may be somebody else's: nothing of it is looked at.
    let Some((attempt, brought)) = attempt
        .zip(brought)
        .filter(|(attempt, brought)| attempt.state == brought.state)
    else {
        auth::refuse(request, api, None, AccessDecision::UnknownKey);
        return Err(page(api, StatusCode::BAD_REQUEST, NOT_BEGUN));
    };
    let Some(code) = brought.code else {
        return Err(page(api, StatusCode::UNAUTHORIZED, NOT_SIGNED_IN));
    };
    let person = provider.finish(&attempt, &code).await;
    person.map_err(|why| refused(request, api, &why))
}

/// Begins the session of a person who has any role here.
async fn welcome(request: &HttpRequest, api: &Api, person: Person) -> Result<HttpResponse, Problem> {
    let principal = person.principal();
    if person.roles.is_empty() {
        let needs = Role::Viewer;
        let decision = AccessDecision::Forbidden { needs };
        auth::refuse(request, api, Some(principal.name().clone()), decision);
        let message = format!(
            "The identity provider knows you as {}, and gives you no role here. Ask whoever runs the service.",
            person.name
        );
        return Ok(page(api, StatusCode::FORBIDDEN, &message));
    }
    let context = RequestContext::of(request);
    let place = place(&context, api);
    let holder = SessionHolder::Person(person);
    let cookie = begin_session(request, api, place, holder, &principal).await?;
    let answer = html(api, StatusCode::OK, WELCOME, &[("{{who}}", principal.name())]);
    Ok(with_cookie(answer, &cookie))
}

/// The page for somebody who is not signed in. Why is for the log alone.
fn refused(request: &HttpRequest, api: &Api, why: &SignInError) -> HttpResponse {
    match why {
        SignInError::Unavailable(_) => page(api, StatusCode::SERVICE_UNAVAILABLE, AWAY),
        SignInError::Expired | SignInError::Refused(_) => {
            tracing::warn!(%why, "somebody is not signed in by the identity provider");
            auth::refuse(request, api, None, AccessDecision::UnknownKey);
            page(api, StatusCode::UNAUTHORIZED, NOT_SIGNED_IN)
        }
    }
}

/// What a browser brings back from the provider.
struct Brought {
    state: String,
    /// `None`: the provider has not signed anybody in.
    code: Option<String>,
}

impl Brought {
    /// What is in a query; `None`: it can't be read, or something is there twice. What else is there is not needed.
    fn of(query: &str) -> Option<Self> {
        let (mut state, mut code) = (None, None);
        for pair in pairs(query) {
            let (name, value) = pair.ok()?;
            let part = match name.as_str() {
                "state" => &mut state,
                "code" => &mut code,
                _ => continue,
            };
            if part.replace(value).is_some() {
                return None;
            }
        }
        let state = state?;
        Some(Self { state, code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(query: &str) -> Option<(String, Option<String>)> {
        Brought::of(query).map(|brought| (brought.state, brought.code))
    }

    #[test]
    fn a_browser_brings_a_state_and_a_code_each_once() {
        let both = Some(("s".to_owned(), Some("c/d".to_owned())));
        assert_eq!(brought("code=c%2Fd&state=s&iss=https%3A%2F%2Fid.example"), both);
        assert_eq!(brought("error=access_denied&state=s"), Some(("s".to_owned(), None)));
        for wrong in [
            "",
            "code=c",
            "state=s&state=s&code=c",
            "state=s&code=c&code=d",
            "state=%ff&code=c",
        ] {
            assert_eq!(brought(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_page_that_leads_on_runs_nothing() {
        assert!(!WELCOME.contains("<script") && !WELCOME.contains("http://") && !WELCOME.contains("https://"));
    }
}
