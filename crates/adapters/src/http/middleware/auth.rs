//! Authentication: whom a request stands for, and the record of those who are refused.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use earmark_application::{
    AccessDecision, AccessEntry, AccessKey, AccessToken, Action, Caller, KeyHash, NotAdmitted, Principal, RefusedKey,
    Roles, Shown, SignInError, may,
};
use sha2::{Digest, Sha256};

use crate::access_key::hash_of;
use crate::http::api::Api;
use crate::http::openapi::description::ApiDescription;
use crate::http::request::context::RequestContext;
use crate::http::response::problem::Problem;
use crate::http::response::rate_limit::RateLimit;
use crate::http::sign_in::cookie::CookiePlace;
use crate::http::site::proxies::Client;
use crate::wire::answers::kinds;

/// The longest token: with its claims it has a few kilobytes at most.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The scheme of the header (RFC 6750).
const SCHEME: &str = "Bearer";

/// The paths that answer everybody: whoever balances the load has no key.
const PROBES: &str = "/health/";

/// Who probes whether the service lives: may do nothing else.
static PROBER: LazyLock<Principal> = LazyLock::new(|| Principal::new("probe", Roles::NONE));

/// The paths at which somebody gets and gives up a session: they have none yet, or none any more.
const FORMS: [&str; 4] = ["/sign-in", "/sign-in/provider", "/sign-in/callback", "/sign-out"];

/// Who signs in or out: may do nothing else.
static STRANGER: LazyLock<Principal> = LazyLock::new(|| Principal::new("sign-in", Roles::NONE));

/// Whom every request stands for, as long as no key was made: the `actor` of its events.
pub const ANYBODY: &str = "http";

/// What a call that is none is recorded under.
const NO_CALL: &str = "unmatched";

/// Why a caller is not let in.
struct NotLetIn {
    /// What the caller is told.
    problem: Problem,
    /// What is recorded. `None`: nothing was decided, since the store does not answer.
    decision: Option<AccessDecision>,
    /// Who the caller is, if the service knows it.
    name: Option<Arc<str>>,
}

impl NotLetIn {
    const fn stranger(problem: Problem, decision: AccessDecision) -> Self {
        Self {
            problem,
            decision: Some(decision),
            name: None,
        }
    }
}

/// Whom a request stands for, which may at least read, and what it has shown. Who is not let in is recorded.
///
/// # Errors
/// A problem when it shows nothing and has to, or what opens nothing.
pub(crate) async fn admit(
    request: &ServiceRequest,
    api: &Api,
    id: &Arc<str>,
    client: Client,
) -> Result<(Principal, Shown), Problem> {
    if is_probe(request) {
        return Ok((PROBER.clone(), Shown::Nothing));
    }
    let address = client.address;
    let is_form = is_form(request);
    let shown = match authorization_of(request, api.key_ring().takes_tokens()) {
        _ if is_form => Ok(Shown::Nothing),
        Ok(None) => Ok(session_of(request, api, client.is_encrypted)),
        Ok(Some(shown)) => Ok(shown),
        Err(NoSuchKey) => Err(NoSuchKey),
    };
    // Before it is looked up: what strangers guess must not be work for the store.
    // Whoever sends a form has shown nothing yet.
    let is_known = !is_form && shown.as_ref().is_ok_and(|shown| api.key_ring().has_admitted(shown));
    if !is_known {
        let counted = api.limiter().count_unknown(address);
        counted.map_err(|problem| {
            let why = NotLetIn::stranger(problem, AccessDecision::TooMany);
            record(api, why, address, &call_of(request.request()), id)
        })?;
    }
    if is_form {
        return Ok((STRANGER.clone(), Shown::Nothing));
    }
    let admitted = match shown {
        Ok(shown) => principal_of(&shown, api).await.map(|principal| (principal, shown)),
        Err(NoSuchKey) => Err(NotLetIn::stranger(refused(), AccessDecision::UnknownKey)),
    };
    admitted.map_err(|why| record(api, why, address, &call_of(request.request()), id))
}

/// Whether a request is to one of the forms by which somebody signs in and out.
pub(crate) fn is_form(request: &ServiceRequest) -> bool {
    FORMS.contains(&request.match_info().as_str())
}

/// The session that a request shows.
fn session_of(request: &ServiceRequest, api: &Api, is_encrypted: bool) -> Shown {
    let place = CookiePlace {
        is_encrypted,
        base: &api.site().base_path,
    };
    place.session(request.headers()).map_or(Shown::Nothing, Shown::Session)
}

/// The key of a secret that somebody signs in with, if it opens anything. That it does not is recorded.
///
/// # Errors
/// A problem when the store does not answer.
pub(crate) async fn admitted_by(request: &HttpRequest, api: &Api, hash: KeyHash) -> Result<Option<AccessKey>, Problem> {
    let why = match api.key_ring().key_in_force(hash).await {
        Ok(key) => return Ok(Some(key)),
        Err(why) => not_let_in(why),
    };
    match why.decision {
        Some(decision) => {
            refuse(request, api, why.name, decision);
            Ok(None)
        }
        None => Err(why.problem),
    }
}

/// Records who has shown nothing that opens anything.
pub(crate) fn refuse(request: &HttpRequest, api: &Api, name: Option<Arc<str>>, decision: AccessDecision) {
    let context = RequestContext::of(request);
    let caller = Caller {
        name,
        address: context.client,
    };
    api.recorder().refused(caller, &call_of(request), decision, &context.id);
}

/// The problem when it can't be said who is let in.
pub(crate) fn unavailable(why: NotAdmitted) -> Problem {
    not_let_in(why).problem
}

/// Counts a request of who was let in.
///
/// # Errors
/// A problem when too many came, which is recorded.
pub(crate) fn count(
    request: &ServiceRequest,
    api: &Api,
    id: &Arc<str>,
    address: Option<IpAddr>,
    (principal, shown): (&Principal, &Shown),
) -> Result<Option<RateLimit>, Problem> {
    let counted = api.limiter().count(address, principal, shown);
    counted.map_err(|problem| {
        let why = NotLetIn {
            name: Some(Arc::clone(principal.name())),
            ..NotLetIn::stranger(problem, AccessDecision::TooMany)
        };
        record(api, why, address, &call_of(request.request()), id)
    })
}

/// Whether a request asks no more than whether the service lives: it wants no key, and is not counted.
pub(crate) fn is_probe(request: &ServiceRequest) -> bool {
    request.path().starts_with(PROBES)
}

/// Checks that who has begun a stream is still let in: the key may have been revoked since. `call` is what has begun it.
///
/// # Errors
/// A problem when it is not.
pub(crate) async fn readmit(context: &RequestContext, api: &Api, call: &str) -> Result<(), Problem> {
    let admitted = principal_of(&context.shown, api).await;
    admitted
        .map(drop)
        .map_err(|why| record(api, why, context.client, call, &context.id))
}

fn record(api: &Api, why: NotLetIn, address: Option<IpAddr>, call: &str, id: &Arc<str>) -> Problem {
    if let Some(decision) = why.decision {
        let caller = Caller {
            name: why.name,
            address,
        };
        api.recorder().refused(caller, call, decision, id);
    }
    why.problem
}

/// Why somebody is not let in.
fn not_let_in(why: NotAdmitted) -> NotLetIn {
    match why {
        NotAdmitted::NoKey => {
            let problem = Problem::new(&kinds::UNAUTHORIZED, "the request shows no access key");
            NotLetIn::stranger(problem, AccessDecision::NoKey)
        }
        NotAdmitted::Refused(key) => {
            let (decision, name) = match key {
                RefusedKey::Unknown => (AccessDecision::UnknownKey, None),
                RefusedKey::Expired(name) => (AccessDecision::ExpiredKey, Some(name)),
                RefusedKey::Revoked(name) => (AccessDecision::RevokedKey, Some(name)),
            };
            NotLetIn {
                name: name.map(|name| Arc::clone(name.as_str())),
                ..NotLetIn::stranger(refused(), decision)
            }
        }
        NotAdmitted::Token(why) => bad_token(&why),
        NotAdmitted::Unavailable(error) => NotLetIn {
            problem: Problem::from(&error),
            decision: None,
            name: None,
        },
    }
}

/// Why a token of the identity provider lets nobody in.
fn bad_token(why: &SignInError) -> NotLetIn {
    let unauthorized = || {
        let detail = "the token is not one of the identity provider for this service, or has expired";
        Problem::new(&kinds::UNAUTHORIZED, detail)
    };
    match why {
        SignInError::Unavailable(_) => NotLetIn {
            problem: Problem::new(&kinds::UNAVAILABLE, "the identity provider does not answer; try again"),
            decision: None,
            name: None,
        },
        SignInError::Expired => NotLetIn::stranger(unauthorized(), AccessDecision::ExpiredKey),
        SignInError::Refused(reason) => {
            // Whoever sends it has no right to know, and could fill the log.
            tracing::debug!(%reason, "a token is refused");
            NotLetIn::stranger(unauthorized(), AccessDecision::UnknownKey)
        }
    }
}

async fn principal_of(shown: &Shown, api: &Api) -> Result<Principal, NotLetIn> {
    let principal = api.key_ring().admit(shown).await.map_err(not_let_in)?;
    match may(&principal, Action::Read) {
        Ok(()) => Ok(principal),
        Err(denied) => Err(NotLetIn {
            decision: Some(AccessDecision::from(&denied)),
            name: Some(Arc::clone(principal.name())),
            problem: denied.into(),
        }),
    }
}

/// Checks that who asks may do this. Who may not is recorded.
///
/// # Errors
/// A problem that names the role that is needed, or says what is not within the bounds.
pub(crate) fn require(request: &HttpRequest, api: &Api, action: Action<'_>) -> Result<(), Problem> {
    let context = RequestContext::of(request);
    may(&context.principal, action).map_err(|denied| {
        let decision = AccessDecision::from(&denied);
        api.recorder()
            .refused(caller_of(&context), &call_of(request), decision, &context.id);
        denied.into()
    })
}

/// The entry of the log for what a request does to what is the service's own.
pub(crate) fn entry(request: &HttpRequest, api: &Api, about: &str) -> AccessEntry {
    let context = RequestContext::of(request);
    let caller = caller_of(&context);
    let entry = api.recorder().entry(caller, &call_of(request), about);
    AccessEntry {
        correlation_id: Some(context.id),
        ..entry
    }
}

/// The entry of the log for what somebody does who has no session yet, or gives it up: begins and ends it.
pub(crate) fn entry_of(request: &HttpRequest, api: &Api, who: &Principal, about: &str) -> AccessEntry {
    let context = RequestContext::of(request);
    let caller = Caller::from(who).at(context.client);
    let entry = api.recorder().entry(caller, &call_of(request), about);
    AccessEntry {
        correlation_id: Some(context.id),
        ..entry
    }
}

/// Somebody by name, for the log.
pub(crate) fn known(name: &str) -> Principal {
    Principal::new(name, Roles::NONE)
}

/// Records what a request has done to what is the service's own.
pub(crate) fn done(request: &HttpRequest, api: &Api, about: &str) {
    let context = RequestContext::of(request);
    let caller = caller_of(&context);
    api.recorder().done(caller, &call_of(request), about, &context.id);
}

fn caller_of(context: &RequestContext) -> Caller {
    Caller::from(&context.principal).at(context.client)
}

/// The call that a request is, by its id in the document: nothing of what the caller has sent.
fn call_of(request: &HttpRequest) -> String {
    let calls = request.app_data::<Data<ApiDescription>>();
    let call = calls.and_then(|calls| calls.call(request.match_info().as_str(), request.method()));
    call.unwrap_or(NO_CALL).to_owned()
}

/// What a request shows is no key.
struct NoSuchKey;

/// The key or the token that a request shows; `None`: it shows none.
fn authorization_of(request: &ServiceRequest, takes_tokens: bool) -> Result<Option<Shown>, NoSuchKey> {
    let mut given = request.headers().get_all(AUTHORIZATION);
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let shown = value.to_str().ok().and_then(|value| {
        let (scheme, text) = value.split_once(' ')?;
        let text = text.trim();
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let key = hash_of(text).map(Shown::Key);
        key.or_else(|| token_of(text).filter(|_| takes_tokens).map(Shown::Token))
    });
    // Of two headers one could be meant for somebody else.
    match (shown, given.next()) {
        (Some(shown), None) => Ok(Some(shown)),
        _ => Err(NoSuchKey),
    }
}

/// A text that has the form of a signed token: three parts with dots between them.
fn token_of(text: &str) -> Option<AccessToken> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_token = text.len() <= MAX_TOKEN_BYTES
        && text.bytes().all(is_allowed)
        && text.split('.').filter(|part| !part.is_empty()).count() == 3
        && text.split('.').count() == 3;
    is_token.then(|| AccessToken {
        hash: Sha256::digest(text).into(),
        text: text.into(),
    })
}

fn refused() -> Problem {
    Problem::new(&kinds::UNAUTHORIZED, "the access key is unknown, revoked or expired")
}
