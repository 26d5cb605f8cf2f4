//! A connection: its requests, each a task, and its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Request;
use actix_http::body::BoxBody;
use actix_service::Service;
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use tokio::task::JoinSet;

use super::answer::answer;
use super::request::request_of;
use crate::http::connection::{Connections, Encrypted};
use crate::timeout::timeout;

/// How long a client may take to say what it wants of the protocol.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection without a request is kept: as one of HTTP/1.1.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long the closing of a connection without a request may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The most requests of one connection at a time: as few as the standard advises (RFC 9113, 6.5.2), and more than pages or
/// programs send.
const MAX_REQUESTS: u32 = 100;

/// The most bytes of a request's head, as the standard counts them. Heads are a few hundred.
const MAX_HEAD_BYTES: u32 = 32 * 1024;

/// How much of a request's body a client may send ahead of who reads it, and of all bodies of a connection.
const REQUEST_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;

/// How much of a response is kept for a client that does not take it.
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// How many requests a client may take back before they were looked at. It is the bound on clients that send and take back
/// without end: requests that were looked at run to their end, and keep their place until then.
const MAX_TAKEN_BACK: usize = 20;

/// Serves the requests of a connection until it ends.
pub(in crate::http) async fn serve<A>(
    stream: Encrypted,
    application: A,
    client: Option<SocketAddr>,
    connections: Arc<Connections>,
) where
    A: Service<Request> + Clone + 'static,
    A::Response: Into<actix_http::Response<BoxBody>>,
    A::Error: Into<actix_http::Response<BoxBody>>,
{
    let clock = connections.clock();
    let in_use = stream.get_ref().0.in_use();
    let opening = Builder::new()
        .max_concurrent_streams(MAX_REQUESTS)
        .max_header_list_size(MAX_HEAD_BYTES)
        .initial_window_size(REQUEST_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(MAX_TAKEN_BACK)
        .handshake::<_, Bytes>(stream);
    let mut connection = match timeout(clock, PREFACE_TIMEOUT, opening).await {
        Some(Ok(connection)) => connection,
        Some(Err(_)) | None => return,
    };
    let most = usize::try_from(MAX_REQUESTS).unwrap_or(usize::MAX);
    let mut requests: JoinSet<()> = JoinSet::new();
    let mut closing = pin!(connections.readiness().closing());
    let mut is_closing = false;
    let mut idle = clock.pause(KEEP_ALIVE);
    loop {
        let has_room = requests.len() < most;
        let next = poll_fn(|context| {
            if has_room {
                return connection.poll_accept(context);
            }
            // Nothing is accepted, but what was is answered.
            connection.poll_closed(context).map(|_| None)
        });
        tokio::select! {
            biased;
            Some(ended) = requests.join_next(), if !requests.is_empty() => {
                if ended.is_err_and(|error| error.is_panic()) {
                    tracing::error!("a request panicked");
                }
                if requests.is_empty() {
                    idle = clock.pause(if is_closing { CLOSE_TIMEOUT } else { KEEP_ALIVE });
                }
            }
            () = &mut closing, if !is_closing => {
                is_closing = true;
                connection.graceful_shutdown();
                idle = clock.pause(CLOSE_TIMEOUT);
            }
            () = &mut idle, if requests.is_empty() => {
                if is_closing {
                    return;
                }
                is_closing = true;
                connection.graceful_shutdown();
                idle = clock.pause(CLOSE_TIMEOUT);
            }
            next = next => match next {
                Some(Ok((request, mut response))) => match in_use.share(&connections) {
                    None => response.send_reset(Reason::REFUSED_STREAM),
                    Some(place) => {
                        let answering = answer(
                            application.clone(),
                            request_of(request, client),
                            response,
                            Arc::clone(&connections),
                        );
                        requests.spawn_local(async move {
                            answering.await;
                            drop(place);
                        });
                    }
                },
                // The requests in flight end with the connection, as those of HTTP/1.1 do.
                Some(Err(_)) | None => return,
            },
        }
    }
}
