//! An answer: the application's response, as fast as the client takes it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::{Method, Request, Response, ResponseHead};
use actix_service::Service;
use actix_web::http::header;
use bytes::Bytes;
use earmark_application::Clock;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::http::connection::Connections;

/// How much is put into one frame: what every client takes (RFC 9113, 6.5.2).
const FRAME_BYTES: usize = 16 * 1024;

/// The headers that are about a connection, and not allowed where many answers share one (RFC 9113, 8.2.2).
const OF_CONNECTION: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Has the application answer a request, and sends the answer.
///
/// A request that its client takes back is carried out to its end, as far as it has no answer yet: it keeps its place
/// until then, so that a client can't have more in flight than it may.
pub(super) async fn answer<A>(
    application: A,
    request: Request,
    mut client: SendResponse<Bytes>,
    connections: Arc<Connections>,
) where
    A: Service<Request>,
    A::Response: Into<Response<BoxBody>>,
    A::Error: Into<Response<BoxBody>>,
{
    let is_head = request.method() == Method::HEAD;
    let response: Response<BoxBody> = match application.call(request).await {
        Ok(response) => response.into(),
        Err(error) => error.into(),
    };
    let size = response.body().size();
    let ends = is_head || matches!(size, BodySize::None | BodySize::Sized(0));
    let head = head_of(response.head(), size, connections.clock());
    // Fails when the client has taken the request back.
    let Ok(stream) = client.send_response(head, ends) else {
        return;
    };
    if !ends {
        send(stream, response.into_body(), &connections).await;
    }
}

/// Sends a body. A client that takes nothing of it for a while, or takes very long for one piece, loses it.
async fn send(mut stream: SendStream<Bytes>, body: BoxBody, connections: &Arc<Connections>) {
    let mut body = pin!(body);
    loop {
        let chunk = tokio::select! {
            biased;
            _ = poll_fn(|context| stream.poll_reset(context)) => return,
            chunk = poll_fn(|context| body.as_mut().poll_next(context)) => chunk,
        };
        let mut chunk = match chunk {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => {
                tracing::error!(%error, "a response broke off");
                return stream.send_reset(Reason::INTERNAL_ERROR);
            }
            None => break,
        };
        let began = connections.clock().monotonic();
        while !chunk.is_empty() {
            stream.reserve_capacity(chunk.len().min(FRAME_BYTES));
            let capacity = tokio::select! {
                biased;
                capacity = poll_fn(|context| stream.poll_capacity(context)) => capacity,
                () = connections.standstill(began) => return stream.send_reset(Reason::CANCEL),
            };
            let Some(Ok(capacity)) = capacity else {
                return;
            };
            if capacity == 0 {
                continue;
            }
            let piece = chunk.split_to(capacity.min(chunk.len()));
            if stream.send_data(piece, false).is_err() {
                return;
            }
        }
    }
    // Fails when the client has taken the request back.
    let _ = stream.send_data(Bytes::new(), true);
}

fn head_of(given: &ResponseHead, size: BodySize, clock: &dyn Clock) -> http::Response<()> {
    let mut head = http::Response::new(());
    *head.status_mut() = StatusCode::from_u16(given.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = head.headers_mut();
    for (name, value) in given.headers.iter() {
        if OF_CONNECTION.contains(&name.as_str()) || name == header::CONTENT_LENGTH {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    if let BodySize::Sized(length) = size {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&clock.now());
    if let Ok(now) = now
        .map_err(drop)
        .and_then(|now| HeaderValue::try_from(now).map_err(drop))
    {
        headers.entry(DATE).or_insert(now);
    }
    head
}
