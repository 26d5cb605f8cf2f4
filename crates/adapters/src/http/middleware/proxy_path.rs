//! Paths behind a proxy: the base path is taken from requests, and put before the paths in responses.
//!
//! A proxy may take its path away before it passes a request on, or leave it; both work. Below this module only the
//! service's own paths occur, so that a stored answer does not depend on where the service is reached.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::uri::PathAndQuery;

use crate::http::response::problem::{PROBLEM_JSON, behind};
use crate::http::site::BasePath;

/// Takes the base path from a request, if it has it.
pub(super) fn strip(request: &mut ServiceRequest, base: &BasePath) {
    let Some(own) = own_uri(request.uri(), base) else {
        return;
    };
    request.match_info_mut().get_mut().update(&own);
    request.head_mut().uri = own;
}

/// The URI without the base path. `None`: it does not have it.
fn own_uri(uri: &Uri, base: &BasePath) -> Option<Uri> {
    let stripped = base.strip(uri.path_and_query()?.as_str())?;
    let path_and_query: PathAndQuery = match stripped.strip_prefix('?') {
        Some(query) => format!("/?{query}").parse().ok()?,
        None => stripped.parse().ok()?,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

/// Puts the base path before the location of a response, and before the type of a problem.
pub(super) fn prefix(mut response: ServiceResponse<BoxBody>, base: &BasePath) -> ServiceResponse<BoxBody> {
    let headers = response.headers_mut();
    let location = headers.get(header::LOCATION).and_then(|path| path.to_str().ok());
    // One elsewhere is no path of the service.
    let location = location.filter(|location| location.starts_with('/'));
    if let Some(location) = location.and_then(|path| HeaderValue::from_str(&format!("{base}{path}")).ok()) {
        headers.insert(header::LOCATION, location);
    }
    let is_problem = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == PROBLEM_JSON);
    if !is_problem {
        return response;
    }
    response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => BoxBody::new(behind(base, String::from_utf8_lossy(&bytes).into_owned())),
        Err(body) => body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_loses_the_base_path_and_nothing_else() {
        let base: BasePath = "/shop".parse().expect("a path");
        let own = |uri: &str| own_uri(&uri.parse().expect("a URI"), &base).map(|uri| uri.to_string());
        assert_eq!(own("/shop/v1/orders?a=%2F"), Some("/v1/orders?a=%2F".to_owned()));
        assert_eq!(own("/shop"), Some("/".to_owned()));
        assert_eq!(own("/shop?a=b"), Some("/?a=b".to_owned()));
        assert_eq!(
            own("http://localhost/shop/v1/orders"),
            Some("http://localhost/v1/orders".to_owned())
        );
        assert_eq!(own("/v1/orders"), None);
        assert_eq!(own("/shopping"), None);
    }
}
