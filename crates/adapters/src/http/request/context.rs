//! The context of a request: its id and its principal, which travel with every command that it causes.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpMessage, HttpRequest};
use earmark_application::{Ids, Principal, Shown, is_correlation_id};
use tracing::Span;
use uuid::Uuid;

use super::traced;

/// The header of a request's id, in requests and responses.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The context of a request. The middleware stores it in the extensions of the request.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// The id of the request: the correlation id of the events it causes.
    pub(crate) id: Arc<str>,
    /// Who asks.
    pub(crate) principal: Principal,
    /// What it has shown, to be asked for again while a stream lasts.
    pub(crate) shown: Shown,
    /// Whether it is known to have come encrypted.
    pub(crate) is_encrypted: bool,
    /// From where it comes, as far as the service or a trusted proxy can tell.
    pub(crate) client: Option<IpAddr>,
}

impl RequestContext {
    /// The context of a request that has passed the middleware.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let context = request.extensions().get::<Self>().cloned();
        context.expect("the middleware gives every request its context")
    }

    /// Who asks.
    pub(crate) fn principal(request: &HttpRequest) -> Principal {
        Self::of(request).principal
    }

    /// The span of what is told of a request after it was answered.
    pub(crate) fn span(&self) -> Span {
        tracing::error_span!("request", request_id = %self.id, client = self.client.map(display))
    }
}

/// The id of a request: the caller's, if it sent a valid one; else the context of its trace, so that the events that it causes
/// belong to the trace; else a new one.
pub(crate) fn request_id(headers: &HeaderMap, ids: &dyn Ids) -> Arc<str> {
    let callers = callers_id(headers).or_else(|| traced::callers_context(headers).map(Arc::from));
    callers.unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let id = Uuid::from_bytes(ids.correlation_id());
        Arc::from(&*id.hyphenated().encode_lower(&mut text))
    })
}

/// The caller's id, if it can safely be stored and logged.
fn callers_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let id = headers.get(&X_REQUEST_ID)?.to_str().ok()?;
    is_correlation_id(id).then(|| Arc::from(id))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn id_of(value: &[u8]) -> Option<Arc<str>> {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(value).expect("a header value");
        headers.insert(X_REQUEST_ID.clone(), value);
        callers_id(&headers)
    }

    #[test]
    fn a_callers_id_is_accepted_if_it_is_short_and_visible() {
        assert_eq!(id_of(b"abc-123").as_deref(), Some("abc-123"));
        for bad in [&b""[..], b"two words", b"tab\there", b"\xc3\xa9", &[b'x'; 65]] {
            assert_eq!(id_of(bad), None);
        }
    }
}
