//! Authentication: whom a request stands for.

use std::sync::LazyLock;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use earmark_application::{Action, KeyHash, NotAdmitted, Principal, Roles, may};

use super::api::Api;
use super::request::context::RequestContext;
use super::response::problem::Problem;
use crate::access_key::hash_of;
use crate::wire::answers::kinds;

/// The scheme of the header (RFC 6750).
const SCHEME: &str = "Bearer";

/// The paths that answer everybody: whoever balances the load has no key.
const PROBES: &str = "/health/";

/// Who probes whether the service lives: may do nothing else.
static PROBER: LazyLock<Principal> = LazyLock::new(|| Principal::new("probe", Roles::NONE));

/// Whom every request stands for, as long as no key was made: the `actor` of its events.
pub const ANYBODY: &str = "http";

/// Whom a request stands for, which may at least read, and the key that it has shown.
///
/// # Errors
/// A problem when it shows no key and has to, or one that opens nothing.
pub(crate) async fn admit(request: &ServiceRequest, api: &Api) -> Result<(Principal, Option<KeyHash>), Problem> {
    if is_probe(request) {
        return Ok((PROBER.clone(), None));
    }
    let shown = key_of(request);
    // Before the key is looked up: what strangers guess must not be work for the store.
    let is_known = shown.as_ref().is_ok_and(|shown| api.key_ring().has_admitted(*shown));
    if !is_known {
        api.limiter().count_unknown(request)?;
    }
    let shown = shown?;
    let principal = principal_of(shown, api).await?;
    Ok((principal, shown))
}

/// Whether a request asks no more than whether the service lives: it wants no key, and is not counted.
pub(crate) fn is_probe(request: &ServiceRequest) -> bool {
    request.path().starts_with(PROBES)
}

/// Checks that who has begun a stream is still let in: the key may have been revoked since.
///
/// # Errors
/// A problem when it is not.
pub(crate) async fn readmit(context: &RequestContext, api: &Api) -> Result<(), Problem> {
    principal_of(context.key, api).await.map(drop)
}

async fn principal_of(shown: Option<KeyHash>, api: &Api) -> Result<Principal, Problem> {
    let principal = api.key_ring().admit(shown).await.map_err(|why| match why {
        NotAdmitted::NoKey => Problem::new(&kinds::UNAUTHORIZED, "the request shows no access key"),
        NotAdmitted::Refused => refused(),
        NotAdmitted::Unavailable(error) => Problem::from(&error),
    })?;
    may(&principal, Action::Read)?;
    Ok(principal)
}

/// Checks that who asks may do this.
///
/// # Errors
/// A problem that names the role that is needed.
pub(crate) fn require(request: &HttpRequest, action: Action<'_>) -> Result<(), Problem> {
    Ok(may(&RequestContext::of(request).principal, action)?)
}

/// The key that a request shows; `None`: it shows none.
fn key_of(request: &ServiceRequest) -> Result<Option<KeyHash>, Problem> {
    let mut given = request.headers().get_all(AUTHORIZATION);
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let hash = value.to_str().ok().and_then(|value| {
        let (scheme, text) = value.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case(SCHEME);
        is_bearer.then(|| hash_of(text.trim())).flatten()
    });
    // Of two headers one could be meant for somebody else.
    match (hash, given.next()) {
        (Some(hash), None) => Ok(Some(hash)),
        _ => Err(refused()),
    }
}

fn refused() -> Problem {
    Problem::new(&kinds::UNAUTHORIZED, "the access key is unknown, revoked or expired")
}
