//! The origin of a request: whether it may come from a web page of someone else.
//!
//! Any page can make the browser of its reader send requests here, and the reader's network is often the one that the
//! service trusts. The browser asks before it sends what a form can't send (CORS), and says from where a request comes.
//! So three things are checked, the first for every request, the others for those that change something:
//!
//! - The host is a name of the service. Else a page could be served under a name that changes its address to this one.
//! - `Sec-Fetch-Site` and `Origin`, where the browser sends them, name the service itself.
//! - The media type is one that a form can't send, whether there is a body or not.
//!
//! Clients that are no browsers send neither header, and need nothing but the media type.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};

use super::body::{FORM, JSON, LINES, require_media_type};
use crate::http::response::problem::Problem;
use crate::http::site::Hosts;
use crate::wire::answers::kinds;
use crate::wire::reading::faults::shortened;

/// From what kind of site the browser sends a request (Fetch Metadata). No script can set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The path of bulk streams, whose bodies are lines.
const BULK: &str = "/v1/bulk";

/// The probes, which are sent under any name and show nothing.
const PROBES: [&str; 2] = ["/health/live", "/health/ready"];

/// Checks the host of a request.
///
/// # Errors
/// A problem for a name that is not one of the service.
pub(crate) fn require_known_host(request: &HttpRequest, hosts: &Hosts) -> Result<(), Problem> {
    let mut given = request.headers().get_all(header::HOST);
    let known = match (given.next(), given.next()) {
        // Only HTTP/1.0 has none, and no browser sends that.
        (None, _) => true,
        (Some(host), None) => text(host).is_some_and(|host| hosts.admit(host)),
        (Some(_), Some(_)) => false,
    };
    // A URI with an authority outranks the header.
    let known = known
        && request
            .uri()
            .authority()
            .is_none_or(|authority| hosts.admit(authority.as_str()));
    if known || PROBES.contains(&request.path()) {
        return Ok(());
    }
    let given = request.headers().get(header::HOST).and_then(text).unwrap_or_default();
    let detail = format!(
        "the service does not answer to the host \"{}\"; if that is its name, add it to the setting http.hosts",
        shortened(given)
    );
    Err(Problem::new(&kinds::UNKNOWN_HOST, detail).closing())
}

/// Checks that a request which changes something comes from no other site. If it is known to have come encrypted, its own
/// page has, too: one of the same name that has not may be anybody's who is on the way.
///
/// # Errors
/// A problem when the browser says that it does.
pub(crate) fn require_own_origin(request: &HttpRequest, hosts: &Hosts, is_encrypted: bool) -> Result<(), Problem> {
    let headers = request.headers();
    let foreign = |detail: String| Err(Problem::new(&kinds::FOREIGN_ORIGIN, detail));
    if is_of_another_site(request) {
        return foreign("a page of another origin sent this request, as Sec-Fetch-Site says".to_owned());
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = text(origin).unwrap_or_default();
    let encrypted = origin.strip_prefix("https://");
    let authority = encrypted.or_else(|| origin.strip_prefix("http://"));
    let own = authority.is_some_and(|authority| {
        let host = headers.get(header::HOST).and_then(text);
        let is_own = host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
        // A name of a proxy may be reached otherwise than the service.
        is_own && (encrypted.is_some() || !is_encrypted) || hosts.list(authority)
    });
    if own {
        Ok(())
    } else {
        foreign(format!(
            "a page of \"{}\" sent this request; if that is how a proxy is called, add it to the setting http.hosts",
            shortened(origin)
        ))
    }
}

/// Checks that a request which a browser sends with its session, or to begin one, says from where it comes: every browser
/// says so of what changes something.
///
/// # Errors
/// A problem when it does not.
pub(crate) fn require_origin(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) || headers.contains_key(&SEC_FETCH_SITE) {
        return Ok(());
    }
    let detail = "a browser says in Origin or Sec-Fetch-Site from which page it sends this, and the request does not;                   who is no browser shows a key in Authorization";
    Err(Problem::new(&kinds::FOREIGN_ORIGIN, detail))
}

/// Whether a browser says that a page of another site has led to a request.
pub(crate) fn is_of_another_site(request: &HttpRequest) -> bool {
    // `none`: the person typed the address. `same-site` may be another service on another port.
    let site = request.headers().get(&SEC_FETCH_SITE);
    site.is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// Checks the media type of a form.
///
/// # Errors
/// A problem for another media type.
pub(crate) fn require_form(request: &HttpRequest) -> Result<(), Problem> {
    require_media_type(request, FORM)
}

/// Checks the media type of a request that changes something.
///
/// # Errors
/// A problem for another media type than JSON, or lines of JSON for a bulk stream.
pub(crate) fn require_json(request: &HttpRequest) -> Result<(), Problem> {
    require_media_type(
        request,
        if request.match_info().as_str() == BULK {
            LINES
        } else {
            JSON
        },
    )
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn code<T>(checked: Result<T, Problem>) -> Option<u16> {
        checked.err().map(|problem| problem.status().as_u16())
    }

    #[test]
    fn a_host_is_known_in_the_header_and_in_the_uri() {
        let checked = |uri: &str, hosts: &[&str]| {
            let mut request = TestRequest::default().uri(uri);
            for host in hosts {
                request = request.append_header((header::HOST, *host));
            }
            code(require_known_host(&request.to_http_request(), &Hosts::default()))
        };
        assert_eq!(checked("/", &[]), None);
        assert_eq!(checked("/", &["localhost:8080"]), None);
        assert_eq!(checked("/", &["evil.example"]), Some(421));
        assert_eq!(checked("/", &["localhost", "evil.example"]), Some(421));
        assert_eq!(checked("http://evil.example/", &["localhost"]), Some(421));
        assert_eq!(checked("/health/ready", &["evil.example"]), None);
    }

    #[test]
    fn a_browser_may_change_something_from_the_services_own_pages_only() {
        let hosts: Hosts = "shop.example".parse().expect("hosts");
        let checked = |origin: Option<&str>, site: Option<&str>| {
            let mut request = TestRequest::default().insert_header((header::HOST, "127.0.0.1:8080"));
            if let Some(origin) = origin {
                request = request.insert_header((header::ORIGIN, origin));
            }
            if let Some(site) = site {
                request = request.insert_header((SEC_FETCH_SITE, site));
            }
            code(require_own_origin(&request.to_http_request(), &hosts, false))
        };
        for (origin, site) in [
            (None, None),
            (None, Some("none")),
            (Some("http://127.0.0.1:8080"), Some("same-origin")),
            (Some("https://shop.example"), Some("same-origin")),
        ] {
            assert_eq!(checked(origin, site), None, "{origin:?} {site:?}");
        }
        for (origin, site) in [
            (None, Some("cross-site")),
            (None, Some("same-site")),
            (None, Some("")),
            (Some("http://127.0.0.1:8080"), Some("cross-site")),
            (Some("http://evil.example"), None),
            (Some("http://evil.example"), Some("same-origin")),
            (Some("http://127.0.0.1:3000"), None),
            (Some("http://127.0.0.1:8080.evil.example"), None),
            (Some("https://shop.example:9000"), None),
            (Some("null"), None),
            (Some(""), None),
            (Some("ftp://127.0.0.1:8080"), None),
        ] {
            assert_eq!(checked(origin, site), Some(403), "{origin:?} {site:?}");
        }
    }

    #[test]
    fn a_page_that_came_unencrypted_changes_nothing_in_an_encrypted_service() {
        let hosts: Hosts = "shop.example".parse().expect("hosts");
        let checked = |origin: &str, is_encrypted| {
            let request = TestRequest::default()
                .insert_header((header::HOST, "127.0.0.1:8443"))
                .insert_header((header::ORIGIN, origin));
            code(require_own_origin(&request.to_http_request(), &hosts, is_encrypted))
        };
        assert_eq!(checked("https://127.0.0.1:8443", true), None);
        assert_eq!(checked("https://127.0.0.1:8443", false), None);
        assert_eq!(checked("http://127.0.0.1:8443", false), None);
        assert_eq!(checked("http://127.0.0.1:8443", true), Some(403));
        assert_eq!(checked("http://shop.example", true), None);
    }
}
