//! A request as the application takes it.
//!
//! The protocol's library and the web server have different versions of the same types, so all parts are made anew. After
//! that a request looks as if it had come by HTTP/1.1: the path alone in its URI, and the host in its header.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, Method, Payload, Request, Uri, Version};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use futures::Stream;
use h2::RecvStream;

/// A request of a client, for the application.
pub(super) fn request_of(given: http::Request<RecvStream>, client: Option<SocketAddr>) -> Request {
    let (parts, body) = given.into_parts();
    let payload = if body.is_end_stream() {
        Payload::None
    } else {
        let body: BoxedPayloadStream = Box::pin(Body(body));
        Payload::Stream { payload: body }
    };
    let mut request = Request::with_payload(payload);
    let head = request.head_mut();
    head.version = Version::HTTP_2;
    head.peer_addr = client;
    // What the library has read as a method and a path is one here, too; if not, it is a request to nothing.
    head.method = Method::from_bytes(parts.method.as_str().as_bytes()).unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    head.headers = headers_of(&parts.headers);
    // It outranks the header, if there is one (RFC 9113, 8.3.1).
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        head.headers.insert(header::HOST, host);
    }
    request
}

fn headers_of(given: &http::HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(given.len() + 1);
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// The body of a request. What was read makes room for more.
struct Body(RecvStream);

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = &mut self.0;
        let failed = |error: h2::Error| PayloadError::Io(io::Error::other(error));
        Poll::Ready(match ready!(body.poll_data(context)) {
            None => None,
            Some(Err(error)) => Some(Err(failed(error))),
            Some(Ok(chunk)) => {
                let released = body.flow_control().release_capacity(chunk.len());
                Some(released.map(|()| chunk).map_err(failed))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_their_order_and_every_value() {
        let mut given = http::HeaderMap::new();
        for value in ["b", "a"] {
            given.append("x-some", http::HeaderValue::from_static(value));
        }
        let opaque = http::HeaderValue::from_bytes(b"\xfc").expect("a value");
        given.insert("x-opaque", opaque);
        let headers = headers_of(&given);
        let values: Vec<_> = headers.get_all("x-some").map(HeaderValue::as_bytes).collect();
        assert_eq!(values, [b"b", b"a"]);
        assert_eq!(headers.get("x-opaque").map(HeaderValue::as_bytes), Some(&b"\xfc"[..]));
    }
}
